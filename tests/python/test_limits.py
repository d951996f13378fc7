"""Rates and the life of conversations: in a real Envoy with two workers, which count in one store, and in two Envoys with one executor."""

import concurrent.futures
import json
import subprocess
import threading
import urllib.request

import grpc
import httpx
import pytest
from ports import free_port
from wire_gate import DIST, HEADERS, Gate, contract
from wire_upstream import Play, Upstream, answer

REQUESTS, CALLS, TURNS = 40, 25, 12
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CALL = {"id": "c1", "type": "function", "function": {"name": "list_tasks", "arguments": "{}"}}


def said(**message):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello", **message}}
    return json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}).encode()


def desk():
    made = contract(conversation={"id": "header:x-session-id", "lifetime": "24h", "maxTurns": TURNS})
    made["spec"]["roles"] = {
        "asker": {"tools": ["*"], "requestsPerDay": REQUESTS},
        "caller": {"tools": ["*"], "callsPerDay": CALLS},
        "talker": {"tools": ["*"]},
        "other": {"tools": ["*"]},
    }
    return made


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    upstream = Upstream()
    upstream.play("said", Play((answer(said()),)))
    upstream.play("calls", Play((answer(said(tool_calls=[CALL])),)))
    gate = Gate(tmp_path_factory.mktemp("limits"), "limits", desk(), upstream, workers=2)
    try:
        yield gate.ready()
        assert gate.traps() == []
    finally:
        gate.stop()
        upstream.close()


def ask(gate, headers, play="said"):
    with httpx.Client(timeout=30) as client:
        response = client.post(f"{gate.url}/v1/chat/completions", json=BODY, headers=[*HEADERS.items(), ("x-play", play), *headers])
    return response


def storm(gate, count, headers, play="said"):
    """Sends requests on many connections at once, which Envoy spreads over its workers."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda n: ask(gate, headers(n), play), range(count)))


def used_workers(gate):
    with urllib.request.urlopen(f"http://127.0.0.1:{gate.admin}/stats?filter=worker_.*downstream_cx_total", timeout=10) as stats:
        lines = stats.read().decode().splitlines()
    return [line for line in lines if "listener.127" in line and not line.endswith(": 0")]


def role(name, tenant="acme"):
    return [("x-callgate-tenant", tenant), ("x-callgate-role", name)]


@pytest.fixture(autouse=True)
def plain_headers(monkeypatch):
    monkeypatch.setitem(HEADERS, "accept", "application/json")
    for name in ("x-callgate-tenant", "x-callgate-role"):
        monkeypatch.delitem(HEADERS, name, raising=False)


def test_two_workers_admit_just_the_limit_of_requests(gate):
    answers = storm(gate, 3 * REQUESTS, lambda n: [*role("asker"), ("x-session-id", f"s{n % 20}")])
    codes = [response.status_code for response in answers]
    assert len(used_workers(gate)) == 2
    assert (codes.count(200), codes.count(429)) == (REQUESTS, 2 * REQUESTS)
    refused = next(response for response in answers if response.status_code == 429)
    assert refused.json()["error"]["code"] == "rate_limited"
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert ask(gate, [*role("asker", "another"), ("x-session-id", "s")]).status_code == 200


def test_two_workers_release_just_the_limit_of_calls(gate):
    answers = storm(gate, 3 * CALLS, lambda n: [*role("caller"), ("x-session-id", f"s{n % 20}")], "calls")
    assert {response.status_code for response in answers} == {200}
    released = [response for response in answers if response.json()["choices"][0]["message"].get("tool_calls")]
    assert len(released) == CALLS
    refused = [response.text for response in answers if response not in released]
    assert all("rate_limited" in text for text in refused)


def test_two_workers_count_the_turns_of_a_conversation(gate):
    answers = storm(gate, 3 * TURNS, lambda _: [*role("talker"), ("x-session-id", "one")])
    codes = [response.status_code for response in answers]
    assert (codes.count(200), codes.count(400)) == (TURNS, 2 * TURNS)
    refused = next(response for response in answers if response.status_code == 400)
    assert refused.json()["error"]["code"] == "conversation_limit"
    # The id of another tenant or role is another conversation.
    assert ask(gate, [*role("other"), ("x-session-id", "one")]).status_code == 200
    assert ask(gate, [*role("talker", "another"), ("x-session-id", "one")]).status_code == 200


@pytest.mark.parametrize("session", [[], [("x-session-id", "a"), ("x-session-id", "b")], [("x-session-id", "")],
                                     [("x-session-id", "a" * 300)]], ids=["none", "two", "empty", "long"])
def test_a_request_without_one_id_is_refused(gate, session):
    response = ask(gate, [*role("talker"), *session])
    assert (response.status_code, response.json()["error"]["code"]) == (400, "conversation_unknown")


class Service(grpc.GenericRpcHandler):
    """Envoy's rate limit service (`envoy.service.ratelimit.v3`), without its messages: it admits the first requests only."""

    OK, OVER_LIMIT = b"\x08\x01", b"\x08\x02"

    def __init__(self, most):
        self.left, self.asked, self.port = most, [], free_port()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
        self.server.add_generic_rpc_handlers((self,))
        self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        self.server.start()

    def service(self, details):
        assert details.method == "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
        return grpc.unary_unary_rpc_method_handler(self.rule)

    def rule(self, request, _):
        self.asked.append(request)
        self.left -= 1
        return self.OK if self.left >= 0 else self.OVER_LIMIT


def patient(rendered):
    """Gives the service more time: a busy machine may need a while for the first answer."""
    assert rendered.count("  timeout: 1s\n") == 1
    return rendered.replace("  timeout: 1s\n", "  timeout: 30s\n")


def test_envoys_own_filter_asks_a_shared_service_before_the_gate(tmp_path):
    upstream, service = Upstream(), Service(2)
    upstream.play("said", Play((answer(said()),)))
    gate = Gate(tmp_path, "shared", contract(), upstream, options=["--rate-limit", f"127.0.0.1:{service.port}"], edit=patient)
    try:
        gate.ready()
        codes = [ask(gate, role("dev")).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        assert len(upstream.bodies("said")) == 2
        assert all(b"tenant\x12\x04acme" in asked and b"role\x12\x03dev" in asked for asked in service.asked)
    finally:
        gate.stop()
        upstream.close()
        service.server.stop(None)


def test_without_an_answer_of_the_shared_service_no_request_passes(tmp_path):
    upstream = Upstream()
    upstream.play("said", Play((answer(said()),)))
    gate = Gate(tmp_path, "unshared", contract(), upstream, options=["--rate-limit", f"127.0.0.1:{free_port()}"])
    try:
        gate.ready()
        assert ask(gate, role("dev")).status_code == 503
        assert not upstream.bodies("said")
    finally:
        gate.stop()
        upstream.close()

def counted_desk(requests=REQUESTS, calls=CALLS, **limits):
    made = contract(conversation={"id": "header:x-session-id", "lifetime": "24h", "maxTurns": TURNS},
                    limits={"store": "executor", **limits})
    made["spec"]["roles"] = {
        "asker": {"tools": ["*"], "requestsPerDay": requests},
        "caller": {"tools": ["*"], "callsPerDay": calls},
        "spender": {"tools": ["*"], "tokensPerDay": 1},
        "talker": {"tools": ["*"]},
    }
    return made


class Executor:
    """An executor that counts for several Envoys, in its memory."""

    def __init__(self, folder, made):
        (folder / "contract.json").write_text(json.dumps(made))
        self.port, self.folder = free_port(), folder
        settings = {"listen": f"127.0.0.1:{self.port}", "contracts": ["contract.json"], "stateDir": "state",
                    "http": {"listen": f"127.0.0.1:{free_port()}"}}
        (folder / "executor.yaml").write_text(json.dumps(settings))
        self.start()

    def start(self):
        binary = DIST / "callgate-executor"
        if not binary.is_file():
            pytest.fail(f"{DIST} lacks callgate-executor; run `make build`", pytrace=False)
        self.lines = []
        command = [binary, "--config", self.folder / "executor.yaml"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            self.lines.append(line)
            if json.loads(line)["message"] == "ready":
                break
        else:
            pytest.fail(f"the executor did not start: {self.lines}", pytrace=False)
        # Nobody else empties the pipe.
        threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True).start()

    def stop(self):
        self.process.kill()
        self.process.wait(10)


class Pair:
    """Two Envoys in front of one upstream, which one executor counts together."""

    def __init__(self, folder, **limits):
        self.upstream = Upstream()
        self.upstream.play("said", Play((answer(said()),)))
        self.upstream.play("calls", Play((answer(said(tool_calls=[CALL])),)))
        usage = json.loads(said())
        usage["usage"] = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
        self.upstream.play("used", Play((answer(json.dumps(usage).encode()),)))
        made = counted_desk(**limits)
        self.executor = Executor(folder, made)
        options = ["--executor", f"127.0.0.1:{self.executor.port}"]
        self.gates = [Gate(folder, f"gate{n}", made, self.upstream, options=options, workers=2) for n in range(2)]
        for gate in self.gates:
            gate.ready()

    def storm(self, count, headers, play="said"):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            return list(pool.map(lambda n: ask(self.gates[n % 2], headers(n), play), range(count)))

    def stop(self):
        traps = [line for gate in self.gates for line in gate.traps()]
        for gate in self.gates:
            gate.stop()
        self.executor.stop()
        self.upstream.close()
        assert traps == []


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    pair = Pair(tmp_path_factory.mktemp("pair"))
    try:
        yield pair
    finally:
        pair.stop()


def test_the_executor_says_that_its_counts_are_in_memory(pair):
    assert any("counts" in line and "in memory" in line for line in pair.executor.lines)


def test_two_envoys_admit_just_the_limit_of_requests(pair):
    answers = pair.storm(3 * REQUESTS, lambda n: [*role("asker"), ("x-session-id", f"s{n % 20}")])
    codes = [response.status_code for response in answers]
    assert (codes.count(200), codes.count(429)) == (REQUESTS, 2 * REQUESTS)
    refused = next(response for response in answers if response.status_code == 429)
    assert refused.json()["error"]["code"] == "rate_limited"
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    for gate in pair.gates:
        assert ask(gate, [*role("asker", "another"), ("x-session-id", "s")]).status_code == 200


def test_two_envoys_release_just_the_limit_of_calls(pair):
    answers = pair.storm(3 * CALLS, lambda n: [*role("caller"), ("x-session-id", f"s{n % 20}")], "calls")
    assert {response.status_code for response in answers} == {200}
    released = [response for response in answers if response.json()["choices"][0]["message"].get("tool_calls")]
    assert len(released) == CALLS
    assert all("rate_limited" in response.text for response in answers if response not in released)


def test_two_envoys_count_the_turns_of_a_conversation(pair):
    answers = pair.storm(3 * TURNS, lambda _: [*role("talker"), ("x-session-id", "one")])
    codes = [response.status_code for response in answers]
    assert (codes.count(200), codes.count(400)) == (TURNS, 2 * TURNS)
    assert {response.json()["error"]["code"] for response in answers if response.status_code == 400} == {"conversation_limit"}
    assert ask(pair.gates[0], [*role("talker", "another"), ("x-session-id", "one")]).status_code == 200


def test_tokens_that_one_envoy_charges_refuse_the_next_request_at_the_other(pair):
    spender = [*role("spender"), ("x-session-id", "spends")]
    assert ask(pair.gates[0], spender, "used").status_code == 200
    # The charge follows the exchange, within a tick of half a second and the executor's answer.
    for _ in range(60):
        response = ask(pair.gates[1], [*role("spender"), ("x-session-id", "asks")], "used")
        if response.status_code == 429:
            break
        threading.Event().wait(0.25)
    assert (response.status_code, response.json()["error"]["code"]) == (429, "budget_exceeded")


def test_a_large_request_waits_for_the_executor_and_arrives_whole(pair):
    text = "x" * 300_000
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    headers = [*HEADERS.items(), ("x-play", "said"), *role("talker", "large"), ("x-session-id", "large")]
    with httpx.Client(timeout=30) as client:
        response = client.post(f"{pair.gates[0].url}/v1/chat/completions", json=body, headers=headers)
    assert response.status_code == 200
    assert any(text.encode() in sent for sent in pair.upstream.bodies("said"))


@pytest.mark.parametrize("rule, status", [("refuse", 503), ("allow", 200)])
def test_without_the_executor_the_contract_decides(tmp_path, rule, status):
    pair = Pair(tmp_path, storeUnavailable=rule)
    try:
        asker = [*role("asker"), ("x-session-id", "s")]
        assert ask(pair.gates[0], asker).status_code == 200
        pair.executor.stop()
        for play in ["said", "calls"]:
            name = "caller" if play == "calls" else "asker"
            response = ask(pair.gates[1], [*role(name), ("x-session-id", "s")], play)
            assert response.status_code == status, response.text
            if status == 503:
                assert response.json()["error"]["code"] == "limits_unavailable"
        if rule == "allow":
            assert response.json()["choices"][0]["message"]["tool_calls"]
    finally:
        pair.stop()
