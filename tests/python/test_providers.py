"""Several providers behind one gate (`callgate render --providers`): routes by model, shares, failover, credentials, and further rounds."""

import datetime
import json
import ssl
import time

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ports import free_port
from wire_gate import HEADERS, Gate, contract
from wire_upstream import Play, Upstream, answer, chunked

CHAT = "/v1/chat/completions"
KEYS = {"first": "Bearer key-of-first", "second": "key-of-second"}
CALLERS = {"authorization": "Bearer callers", "x-api-key": "callers", "api-key": "callers", "x-goog-api-key": "callers", "cookie": "callers"}
NAMES = ("first", "second", "own", "flaky")


def said(text="hello", **message):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **message}}
    return json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}).encode()


def event(text):
    choice = {"index": 0, "finish_reason": None, "delta": {"content": text}}
    return b"data: " + json.dumps({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}).encode() + b"\n\n"


HELLO = Play((answer(said()),))
# The contract refuses it, and the gate asks the model again.
FORBIDDEN = answer(said(None, tool_calls=[{"id": "c1", "type": "function", "function": {"name": "rm_rf", "arguments": "{}"}}]))


def refusing(status):
    return Play((answer({"error": {"message": "no"}}, status=f"{status} No"),))


class TlsUpstream(Upstream):
    """An upstream whose certificate is for one name."""

    def __init__(self, folder, name):
        certificate = folder / f"{name}.pem"
        certificate.write_bytes(signed_by_itself(name))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.context.sni_callback = lambda _, name, __: self.names.append(name)
        self.names, self.certificate = [], certificate
        super().__init__()

    def _serve(self, connection):
        try:
            super()._serve(self.context.wrap_socket(connection, server_side=True))
        except OSError:
            connection.close()


def signed_by_itself(name):
    """Returns a key and a certificate for a DNS name, in PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, hashes.SHA256()))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + made.public_bytes(serialization.Encoding.PEM)


class Stack:
    """A gate in front of four providers, and one that is gone."""

    def __init__(self, folder):
        self.providers = {name: Upstream() for name in NAMES}
        self.providers.update(safe=TlsUpstream(folder, "localhost"), forged=TlsUpstream(folder, "other.example"))
        bundle = folder / "ca.pem"
        bundle.write_bytes(b"".join(self.providers[name].certificate.read_bytes() for name in ("safe", "forged")))
        for name, key in KEYS.items():
            (folder / f"{name}.key").write_text(key)
        address = {name: f"127.0.0.1:{provider.port}" for name, provider in self.providers.items()}
        file = folder / "providers.yaml"
        file.write_text(f"""
providers:
  first: {{ address: "{address["first"]}", authority: first.example, credential: {{ file: {folder}/first.key }} }}
  second: {{ address: "{address["second"]}", pathPrefix: /openai, credential: {{ file: {folder}/second.key, header: api-key }} }}
  own: {{ address: "{address["own"]}" }}
  flaky: {{ address: "{address["flaky"]}", credential: caller }}
  gone: {{ address: "127.0.0.1:{free_port()}" }}
  safe: {{ address: "localhost:{self.providers["safe"].port}", tls: true, ca: {bundle} }}
  forged: {{ address: "localhost:{self.providers["forged"].port}", tls: true, ca: {bundle}, credential: {{ file: {folder}/first.key }} }}
routes:
  - {{ models: ["gpt-*", "gemini-*"], to: [first, second] }}
  - {{ models: ["llama*"], split: [{{ to: [own], weight: 50 }}, {{ to: [second], weight: 50 }}] }}
  - {{ models: ["qwen*"], to: [gone, second] }}
  - {{ models: ["grok-*"], to: [gone] }}
  - {{ models: ["kimi-*"], to: [flaky, second] }}
  - {{ models: ["mistral-*"], to: [forged, safe] }}
withoutModel: [own]
""")
        made = contract(onViolation="feedback", limits={"maxRounds": 3, "requestBytes": "4MiB"},
                        conversation={"id": ["header:x-session-id", "derived"], "maxTurns": 100_000})
        options = ["--providers", file, "--passthrough", "/v1/embeddings"]
        self.gate = Gate(folder, "providers", made, self.providers["first"], options).ready()

    def play(self, name, **plays):
        """Plays `HELLO` at every provider, or what `plays` says."""
        for provider, upstream in self.providers.items():
            upstream.play(name, plays.get(provider, HELLO))

    def asked(self, name):
        """Returns the number of requests of each provider that got one."""
        counts = {provider: len(upstream.bodies(name)) for provider, upstream in self.providers.items()}
        return {provider: count for provider, count in counts.items() if count}

    def ask(self, name, model, path=CHAT, headers=(), **more):
        headers = [*HEADERS.items(), *CALLERS.items(), ("x-play", name), ("content-type", "application/json"), *headers]
        body = {"messages": [{"role": "user", "content": "hi"}], **({"model": model} if model else {}), **more}
        if "generateContent" in path:
            body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
        with httpx.Client(timeout=30) as client:
            return client.post(self.gate.url + path, json=body, headers=headers)

    def stop(self):
        self.gate.stop()
        for upstream in self.providers.values():
            upstream.close()


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    made = Stack(tmp_path_factory.mktemp("providers"))
    try:
        yield made
        assert made.gate.traps() == []
    finally:
        made.stop()


@pytest.mark.parametrize("header", ["x-callgate-model", "X-CallGate-MODEL"])
def test_the_model_of_the_request_chooses_the_provider_and_no_header_does(stack, header):
    stack.play("routed")
    for model in ["llama-3", "gpt-5"]:
        for lie in [["llama-3"], ["grok-1"], ["llama-3", "gpt-5"], [""]]:
            before = stack.asked("routed")
            assert stack.ask("routed", model, headers=[(header, value) for value in lie]).status_code == 200
            asked = {name for name, count in stack.asked("routed").items() if count > before.get(name, 0)}
            assert asked <= ({"own", "second"} if model == "llama-3" else {"first"})
    sent = [headers for upstream in stack.providers.values() for headers in upstream.headers("routed")]
    assert len(sent) == 8 and not any("x-callgate-model" in headers for headers in sent)


def test_a_model_in_the_path_chooses_the_provider(stack):
    text = json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP"}]})
    stack.play("path", first=refusing(429), second=Play((answer(text),)))
    path = "/v1beta/models/gemini-2.5-pro:generateContent"
    response = stack.ask("path", None, path + "?alt=json&key=callers", headers=[("x-callgate-model", "llama-3")])
    assert (response.status_code, stack.asked("path")) == (200, {"first": 1, "second": 1})
    # The second provider's paths have a prefix, and no key of the caller is in them.
    assert stack.providers["second"].paths("path") == [f"/openai{path}?alt=json"]


def test_each_provider_gets_its_own_credential_and_nothing_of_another(stack):
    stack.play("keys", first=refusing(429))
    response = stack.ask("keys", "gpt-5", headers=[("x-forwarded-for", "10.1.2.3"), ("x-envoy-retry-on", "5xx"), ("forwarded", "for=10.1.2.3")])
    assert (response.status_code, stack.asked("keys")) == (200, {"first": 1, "second": 1})
    assert "x-callgate-not-sent" not in response.headers
    [first], [second] = (stack.providers[name].headers("keys") for name in ("first", "second"))
    assert (first["host"], first["authorization"]) == ("first.example", KEYS["first"])
    assert (second["host"], second["api-key"]) == (f"127.0.0.1:{stack.providers['second'].port}", KEYS["second"])
    assert stack.providers["second"].paths("keys") == ["/openai" + CHAT]
    for headers, own in [(first, "authorization"), (second, "api-key")]:
        assert set(CALLERS) & set(headers) == {own}
        assert not [name for name in headers if name.startswith(("x-forwarded", "x-envoy", "forwarded", "x-callgate"))], headers
    stack.play("callers")
    stack.ask("callers", "kimi-k2")
    [flaky] = stack.providers["flaky"].headers("callers")
    assert {name: flaky[name] for name in CALLERS} == CALLERS


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_provider_that_refuses_before_it_generates_is_followed_by_the_next(stack, status):
    stack.play("refuses", first=refusing(status))
    assert stack.ask("refuses", "gpt-5").status_code == 200
    assert stack.asked("refuses") == {"first": 1, "second": 1}
    stack.play("both", first=refusing(status), second=refusing(status))
    assert stack.ask("both", "gpt-5").status_code == status
    assert stack.asked("both") == {"first": 1, "second": 1}


def test_a_provider_that_is_gone_is_followed_by_the_next(stack):
    stack.play("gone")
    for _ in range(3):
        assert stack.ask("gone", "qwen3").status_code == 200
    assert stack.asked("gone") == {"second": 3}
    alone = stack.ask("gone", "grok-4")
    assert (alone.status_code, stack.asked("gone")) == (503, {"second": 3})
    assert "127.0.0.1" not in alone.text and "x-callgate-not-sent" not in alone.headers


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9000\r\n\r\n"


@pytest.mark.parametrize("play, status", [
    (refusing(500), 500),
    (refusing(502), 502),
    (Play((answer({"error": {"message": "no"}}, status="500 No", headers=("x-callgate-not-sent: 1",)),)), 500),
    (Play((HEAD,), reset=True), 502),
    (Play((HEAD + b'{"id":',), reset=True), 502),
    (Play((b"",), reset=True), 502),
    (Play((answer(said()),), head_delay=1.5), 200),
], ids=["500", "502", "a lie", "reset after headers", "reset in the body", "reset before headers", "slow"])
def test_a_provider_that_may_have_generated_is_never_followed_by_another(stack, play, status):
    stack.play("may", first=play)
    try:
        response = stack.ask("may", "gpt-5")
        assert response.status_code == status, response.text
    except httpx.RemoteProtocolError:
        assert play.reset
    assert stack.asked("may") == {"first": 1}


def test_a_stream_that_breaks_is_not_begun_again(stack):
    stack.play("stream", first=Play((chunked(event("I "), "text/event-stream", end=False),), hold_open=0.2, reset=True))
    with httpx.Client(timeout=30) as client:
        body = {"model": "gpt-5", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        text = ""
        try:
            with client.stream("POST", stack.gate.url + CHAT, json=body, headers={**HEADERS, "x-play": "stream"}) as response:
                for piece in response.iter_text():
                    text += piece
        except httpx.HTTPError:
            pass
    assert "[DONE]" not in text
    assert stack.asked("stream") == {"first": 1}


def test_shares_are_kept_by_all_rounds_of_a_request_and_by_a_conversation(stack):
    stack.play("rounds", **{name: Play((FORBIDDEN, answer(said())) * 40) for name in NAMES})
    for number in range(20):
        assert stack.ask("rounds", "llama-3", headers=[("x-request-id", f"r{number}")]).status_code == 200
    asked = stack.asked("rounds")
    assert set(asked) == {"own", "second"} and sum(asked.values()) == 40, asked
    # Each provider saw whole requests only: two rounds of each.
    for name in asked:
        ids = [headers["x-request-id"] for headers in stack.providers[name].headers("rounds")]
        assert all(ids.count(one) == 2 for one in ids)
    stack.play("talk")
    for _ in range(10):
        stack.ask("talk", "llama-3", headers=[("x-session-id", "one")])
    assert list(stack.asked("talk").values()) == [10]


def test_a_further_round_goes_to_the_next_provider_when_the_first_is_gone(stack):
    refused = answer({"error": {"message": "no"}}, status="429 No")
    stack.play("round", first=Play((FORBIDDEN, refused)))
    response = stack.ask("round", "gpt-5")
    assert (response.status_code, stack.asked("round")) == (200, {"first": 2, "second": 1})
    assert response.json()["choices"][0]["message"]["content"] == "hello"
    first, second = (stack.providers[name].headers("round")[-1] for name in ("first", "second"))
    assert (first["authorization"], second["api-key"]) == (KEYS["first"], KEYS["second"])
    for headers in (first, second):
        assert len(set(CALLERS) & set(headers)) == 1
        assert not [name for name in headers if name.startswith(("x-forwarded", "x-envoy", "x-callgate"))], headers


@pytest.mark.parametrize("model, status", [("claude-4", 404), ("gpt-" + "x" * (1 << 20), 404), ("gpt-5,llama-3", 200),
                                           ("gpt-5\r\nx-callgate-model: llama-3", 400), ("gpt-5\n", 400), ("", 400)],
                         ids=["no route", "long", "comma", "line breaks", "line break", "empty"])
def test_a_model_without_a_route_reaches_no_provider(stack, model, status):
    stack.play("odd")
    response = stack.ask("odd", model)
    assert response.status_code == status, response.text
    assert stack.asked("odd") == ({"first": 1} if status == 200 else {})
    if status == 404:
        assert "--providers" in response.text


def test_requests_without_a_model_go_to_the_provider_that_is_named_for_them(stack):
    stack.play("plain", own=Play((answer({"object": "list", "data": [{"id": "gpt-5"}, {"id": "secret"}]}),)))
    lie = [("x-callgate-model", "gpt-5")]
    headers = [*HEADERS.items(), *CALLERS.items(), ("x-play", "plain"), *lie]
    with httpx.Client(timeout=30) as client:
        listed = client.get(stack.gate.url + "/v1/models", headers=headers)
    assert [model["id"] for model in listed.json()["data"]] == ["gpt-5"]
    assert stack.ask("plain", "gpt-5", "/v1/embeddings", headers=lie).status_code == 200
    assert stack.asked("plain") == {"own": 2}
    assert not any(set(CALLERS) & set(sent) for sent in stack.providers["own"].headers("plain"))


def test_a_provider_that_fails_in_a_row_is_left_alone_for_a_while(stack):
    stack.play("flaky", flaky=refusing(503))
    for _ in range(5):
        assert stack.ask("flaky", "kimi-k2").status_code == 200
    before, end = stack.asked("flaky")["flaky"], time.monotonic() + 2
    while time.monotonic() < end and stack.asked("flaky")["flaky"] != before:
        before = stack.asked("flaky")["flaky"]
    for _ in range(3):
        assert stack.ask("flaky", "kimi-k2").status_code == 200
    assert stack.asked("flaky") == {"flaky": 5, "second": 8}


def test_a_provider_with_the_certificate_of_another_name_gets_nothing(stack):
    stack.play("tls")
    assert stack.ask("tls", "mistral-large").status_code == 200
    assert stack.asked("tls") == {"safe": 1}
    assert set(stack.providers["safe"].names) == set(stack.providers["forged"].names) == {"localhost"}


def test_a_long_request_is_whole_at_the_next_provider(stack):
    stack.play("long", first=refusing(429))
    text = "x" * (3 << 20)
    assert stack.ask("long", "gpt-5", messages=[{"role": "user", "content": text}]).status_code == 200
    [body] = stack.providers["second"].bodies("long")
    assert text.encode() in body
