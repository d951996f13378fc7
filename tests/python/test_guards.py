"""Envoy's own filters around the gate, as `callgate render` writes them: pages of other origins, a local limit, an authorization service.

The authorization service is a double: it reads the parts of `envoy.service.auth.v3` that a test needs.
"""

import concurrent.futures

import grpc
import httpx
import pytest
from ports import free_port
from test_limits import said
from wire_gate import HEADERS, Gate, contract
from wire_upstream import Play, Upstream, answer

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
APP = "https://app.example"


class Authorizer(grpc.GenericRpcHandler):
    """Refuses requests whose headers have `x-refuse: yes`."""

    OK, DENIED = b"\x0a\x00", b"\x0a\x02\x08\x07"

    def __init__(self):
        self.asked, self.port = [], free_port()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
        self.server.add_generic_rpc_handlers((self,))
        self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        self.server.start()

    def service(self, details):
        assert details.method == "/envoy.service.auth.v3.Authorization/Check"
        return grpc.unary_unary_rpc_method_handler(self.check)

    def check(self, request, _):
        self.asked.append(request)
        return self.DENIED if b"x-refuse" in request else self.OK


def patient(rendered):
    """Gives the service more time: a busy machine may need a while for the first answer."""
    assert rendered.count("timeout: 1s }\n") == 1
    return rendered.replace("timeout: 1s }\n", "timeout: 30s }\n")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    upstream, authorizer = Upstream(), Authorizer()
    options = ["--cors", APP, "--ext-authz", f"127.0.0.1:{authorizer.port}", "--passthrough", "/v1/embeddings"]
    gate = Gate(tmp_path_factory.mktemp("guards"), "guards", contract(), upstream, options, patient)
    try:
        yield gate.ready(), upstream, authorizer
        assert gate.traps() == []
    finally:
        gate.stop()
        authorizer.server.stop(None)
        upstream.close()


def ask(gate, headers=(), method="POST", path=CHAT):
    sent = {**HEADERS, "x-play": "said", "accept": "application/json", **dict(headers)}
    with httpx.Client(timeout=40) as client:
        return client.request(method, gate.url + path, json=BODY if method == "POST" else None, headers=sent)


def test_a_page_of_the_listed_origin_may_ask_and_read_the_answer(stack):
    gate, upstream, _ = stack
    upstream.play("said", Play((answer(said()),)))
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type,x-stainless-lang"}
    with httpx.Client(timeout=40) as client:
        preflight = client.options(gate.url + CHAT, headers={"origin": APP, **asked})
        foreign = client.options(gate.url + CHAT, headers={"origin": "https://evil.example", **asked})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == APP
    assert preflight.headers["access-control-allow-headers"] == "*, authorization"
    assert foreign.status_code >= 400 and "access-control-allow-origin" not in foreign.headers
    assert upstream.bodies("said") == []
    refused = {"x-callgate-role": "nobody"}
    for origin, more, status in [(APP, {}, 200), (APP, refused, 400), ("https://evil.example", {}, 200), ("null", {}, 200)]:
        response = ask(gate, {"origin": origin, **more})
        assert response.status_code == status
        assert (response.headers.get("access-control-allow-origin") == APP) is (origin == APP)
        assert "access-control-allow-credentials" not in response.headers
        # Refusals of the gate have them too.
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_the_authorization_service_decides_first_and_gets_no_key_of_the_caller(stack):
    gate, upstream, authorizer = stack
    upstream.play("said", Play((answer(said()),)))
    authorizer.asked.clear()
    keys = {"authorization": "Bearer callers-key", "x-api-key": "callers-key", "cookie": "callers-key"}
    assert ask(gate, keys).status_code == 200
    assert ask(gate, {**keys, "x-refuse": "yes"}).status_code == 403
    # A path that the gate does not read is authorized too.
    assert ask(gate, {**keys, "x-refuse": "yes"}, path="/v1/embeddings").status_code == 403
    assert ask(gate, keys, path="/v1/embeddings").status_code == 200
    assert len(upstream.bodies("said")) == 2
    assert len(authorizer.asked) == 4
    assert all(b"acme" in asked and b"callers-key" not in asked and b'"hi"' not in asked for asked in authorizer.asked)


def test_without_the_authorization_service_nothing_reaches_the_provider(tmp_path):
    upstream = Upstream()
    upstream.play("said", Play((answer(said()),)))
    gate = Gate(tmp_path, "alone", contract(), upstream, ["--ext-authz", f"127.0.0.1:{free_port()}"])
    try:
        assert ask(gate.ready()).status_code == 503
        assert upstream.bodies("said") == []
    finally:
        gate.stop()
        upstream.close()


def test_a_local_limit_refuses_before_anything_else(tmp_path):
    upstream = Upstream()
    upstream.play("said", Play((answer(said()),)))
    gate = Gate(tmp_path, "local", contract(), upstream, ["--local-rate-limit", "3/h"])
    try:
        gate.ready()
        # Requests that the gate refuses count too.
        codes = [ask(gate, headers).status_code for headers in [{}, {"x-callgate-role": "nobody"}, {}, {}, {}]]
        assert codes == [200, 400, 200, 429, 429]
        assert int(ask(gate).headers["retry-after"]) == 3600
        assert len(upstream.bodies("said")) == 2
    finally:
        gate.stop()
        upstream.close()


def test_a_path_that_is_passed_through_needs_the_key_of_a_client(tmp_path):
    upstream = Upstream()
    upstream.play("said", Play((answer(said()),)))
    (tmp_path / "callers.yaml").write_text("desk: { tenant: acme, role: dev }\n")
    (tmp_path / "keys.yaml").write_text(f"desk: {'k' * 32}\n")
    options = ["--identity", "api-key", "--callers", tmp_path / "callers.yaml", "--api-keys", tmp_path / "keys.yaml",
               "--passthrough", "/v1/embeddings"]
    gate = Gate(tmp_path, "passed", contract(), upstream, options)
    try:
        gate.ready()
        codes = [ask(gate, headers, path="/v1/embeddings").status_code
                 for headers in [{}, {"x-callgate-key": "k" * 31}, {"x-callgate-client": "desk"}, {"x-callgate-key": "k" * 32}]]
        assert codes == [401, 401, 401, 200]
        [sent] = upstream.headers("said")
        assert not {"x-callgate-key", "x-callgate-client"} & set(sent), sent
    finally:
        gate.stop()
        upstream.close()
