"""Istio: the rendered resources in a real istiod, and an Envoy that gets them over xDS. Calls are decided as with the standalone file."""

import json
import pathlib
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request

import pytest
import yaml

import chart
import mesh
from certificates import Authority
from cluster import free_ports
from conftest import real
from script_model import Server, said

PLATFORM = "Istio"
DESK = chart.DIST / "contracts" / "order-desk" / "contract.yaml"
# Those of a clerk.
TOOLS = ["get_order", "list_orders", "create_order", "get_customer"]
WASM = chart.DIST / "callgate.wasm"
CALLER = {"x-callgate-tenant": "acme", "x-callgate-role": "clerk"}
# c-ares takes every name below `localhost` as this machine, without a question to a server.
MODEL = "model.localhost"


def missing():
    files = [chart.CALLGATE, chart.DIST / "callgate-executor", WASM, DESK]
    return mesh.missing() + [path.name for path in files if not path.is_file()]


@pytest.fixture(scope="module")
def model(folder):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secret = Authority().secret(MODEL)
    for name, content in secret.items():
        (folder / f"model-{name}").write_bytes(content)
    context.load_cert_chain(folder / "model-tls.crt", folder / "model-tls.key")
    with Server(context) as running:
        running.ca = folder / "model-ca.crt"
        yield running


@pytest.fixture(scope="module")
def istiod(kubernetes, folder, request):
    if missing():
        pytest.skip(f"{', '.join(missing())} not there; make setup-platforms and make build make them")
    kubernetes.kubectl("apply", "--server-side", "-f", mesh.beside(mesh.CRDS))
    if kubernetes.kubectl("get", "namespace", "istio-system", succeed=False).returncode:
        kubernetes.namespace("istio-system")
    kubernetes.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "-l", "chart=istio")
    with mesh.Istiod(folder, kubernetes) as running:
        real(request.config, PLATFORM)
        yield running


@pytest.fixture(scope="module")
def executor(istiod, folder):
    place = pathlib.Path(tempfile.mkdtemp(prefix="executor-", dir=folder))
    grpc, http = free_ports(2)
    subprocess.run(["cp", "-r", DESK.parent, place / "desk"], check=True, timeout=60)
    (place / "executor.yaml").write_text(json.dumps({
        "listen": f"127.0.0.1:{grpc}", "http": {"listen": f"127.0.0.1:{http}"}, "stateDir": str(place / "state"),
        "contracts": ["desk/contract.yaml"], "sandbox": {"allow": ["desk/data"]}}))
    running = mesh.Process(place / "log", [chart.DIST / "callgate-executor", "--config", place / "executor.yaml"], cwd=place)
    try:
        running.wait(lambda: mesh.get(f"http://127.0.0.1:{http}/readyz") is not None, "the executor")
        yield grpc
    finally:
        running.end()


def render(model, executor, namespace, *options):
    """Returns the objects of `callgate render --target istio` for this machine."""
    command = [chart.CALLGATE, "render", DESK, "--target", "istio", "--namespace", namespace,
               "--upstream", f"{MODEL}:{model.port}", "--upstream-tls", "--upstream-ca", model.ca, "--executor", f"127.0.0.1:{executor}", *options]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=60)
    return list(yaml.safe_load_all(done.stdout))


def gateway(model, port, namespace):
    """Returns the objects of envoy/istio/gateway.yaml with the ports and names of this machine."""
    text = (chart.ROOT / "envoy" / "istio" / "gateway.yaml").read_text()
    objects = list(yaml.safe_load_all(text.replace("api.openai.com", MODEL).replace("number: 443", f"number: {model.port}")))
    for each in objects:
        each["metadata"]["namespace"] = namespace
        if each["kind"] == "Gateway":
            (server,) = each["spec"]["servers"]
            server["port"]["number"], server["bind"] = port, "127.0.0.1"
        if each["kind"] == "DestinationRule":
            each["spec"]["trafficPolicy"]["tls"]["caCertificates"] = str(model.ca)
    return objects


class Gate:
    """A gateway in a namespace of its own, with these objects of `render`."""

    def __init__(self, kubernetes, istiod, folder, namespace, objects, model):
        (self.port,) = free_ports(1)
        self.kubernetes, self.model, self.namespace = kubernetes, model, namespace
        self.text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*objects, *gateway(model, self.port, namespace)]})
        self.start = lambda: mesh.Proxy(folder, istiod, namespace)

    def __enter__(self):
        self.kubernetes.namespace(self.namespace)
        self.kubernetes.kubectl("apply", "--validate=strict", "-f", "-", stdin=self.text)
        self.envoy = self.start()
        try:
            self.envoy.listens(self.port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.envoy.end()
        self.kubernetes.kubectl("delete", "--wait=true", "-f", "-", stdin=self.text)

    def post(self, body, caller=None, path="/v1/chat/completions", method="POST", timeout=30):
        """Returns the status and the text of the answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json", "authorization": "Bearer sk-test", **(CALLER if caller is None else caller)}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()

    def ask(self, *calls, caller=None, timeout=30, **more):
        """Lets the model ask for calls. Returns the status, the answer's text and the released calls."""
        tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in TOOLS]
        status, text = self.post({"model": "gpt-5", "messages": said(*calls), "tools": tools, **more}, caller, timeout=timeout)
        if more.get("stream"):
            return status, *streamed(text)
        message = json.loads(text).get("choices", [{}])[0].get("message", {})
        calls = [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in message.get("tool_calls") or []]
        return status, message.get("content") or text, calls


def streamed(text):
    content, calls = "", {}
    events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]", text
    for event in events[:-1]:
        for choice in json.loads(event)["choices"]:
            content += choice["delta"].get("content") or ""
            for part in choice["delta"].get("tool_calls") or []:
                name, arguments = calls.get(part["index"], ("", ""))
                function = part["function"]
                calls[part["index"]] = name + (function.get("name") or ""), arguments + (function.get("arguments") or "")
    return content, [(name, json.loads(arguments)) for name, arguments in calls.values()]


@pytest.fixture(scope="module")
def gate(kubernetes, istiod, executor, model, folder):
    objects = render(model, executor, "callgate", "--wasm", WASM)
    with Gate(kubernetes, istiod, folder, "callgate", objects, model) as running:
        yield running


WHOLE_OR_STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@WHOLE_OR_STREAMED
def test_an_allowed_call_passes(gate, stream):
    status, _, calls = gate.ask(("get_customer", {"customer_id": "C-1042"}), stream=stream)
    assert (status, calls) == (200, [("get_customer", {"customer_id": "C-1042"})])


@WHOLE_OR_STREAMED
def test_a_forbidden_call_is_refused_with_its_reason(gate, stream):
    status, text, calls = gate.ask(("get_customer", {"customer_id": "all of them"}), stream=stream)
    assert (status, calls) == (200, []) and "arguments_invalid" in text
    status, text, calls = gate.ask(("cancel_order", {"order_id": "O-1001", "reason": "because"}), stream=stream)
    assert (status, calls) == (200, []) and "refused" in text, "a clerk cancels no orders"


@WHOLE_OR_STREAMED
def test_a_tool_runs_at_the_executor_and_the_model_is_asked_again(gate, stream):
    before = len(gate.model.seen)
    status, text, calls = gate.ask(("get_order", {"order_id": "O-1001"}), stream=stream)
    assert (status, calls) == (200, []) and '"O-1001"' in text.replace("\\", "")
    assert len(gate.model.seen) == before + 2, "the request, and the round with the result"
    assert {head.get("authorization", head.get("Authorization")) for _, head, _ in gate.model.seen[before:]} == {"Bearer sk-test"}


def test_the_caller_is_the_one_that_the_headers_name(gate):
    cancel = ("cancel_order", {"order_id": "O-1003", "reason": "the customer asked"})
    status, text, _ = gate.ask(cancel, caller={**CALLER, "x-callgate-role": "manager"})
    assert status == 200 and "refused" not in text, text
    before = len(gate.model.seen)
    assert gate.ask(caller={})[0] == 401
    assert len(gate.model.seen) == before, "nothing of it reached the model"
    for _, headers, _ in gate.model.seen:
        assert not [name for name in headers if name.lower().startswith("x-callgate")], "the model learns no caller"


def test_bodies_up_to_the_contracts_limit_pass_and_larger_ones_get_the_gates_own_error(gate):
    """The proxy's own limit is above the contract's, as callgate-buffers sets it."""
    big = {"model": "gpt-5", "messages": [{"role": "system", "content": "x" * 1_000_000}, *said(text="long")]}
    status, text = gate.post(big)
    assert (status, json.loads(text)["choices"][0]["message"]["content"]) == (200, "long")
    assert max(size for _, _, size in gate.model.seen) > 1_000_000
    big["messages"][0]["content"] *= 2
    status, text = gate.post(big)
    assert status == 413 and "request_too_large" in text, (status, text[:300])
    for size, expected in [(3_000_000, 200), (5_000_000, 502)]:
        status, text = gate.post({"model": "gpt-5", "messages": said(text=size)})
        assert (status, len(text) > size) == (expected, expected == 200), (size, status, text[:300])


def test_other_paths_end_at_the_gate(gate):
    before = len(gate.model.seen)
    assert gate.post({}, path="/v1/embeddings")[0] == 404
    assert gate.post({}, path="/v1/chat/completions/../embeddings")[0] == 404
    assert len(gate.model.seen) == before


def test_the_access_log_has_the_verdict(gate):
    gate.ask(("get_customer", {"customer_id": "C-1042"}))
    gate.ask(("get_customer", {"customer_id": "?"}))
    def verdicts():
        lines = [json.loads(line) for line in gate.envoy.text().splitlines() if line.startswith('{"path"')]
        return [line["verdict"] for line in lines][-2:] == ["allow", "refuse:arguments_invalid"]
    gate.envoy.wait(verdicts, "the access log")
