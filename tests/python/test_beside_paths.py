"""The paths that coding agents use beside those of a turn, through a real Envoy: a sign of life, lists of models, counts, compactions."""

import http.client
import json

import httpx
import pytest
from wire_gate import HEADERS, Gate, contract
from wire_upstream import Play, Upstream, answer

MODELS = {
    "data": [{"type": "model", "id": "claude-x"}, {"type": "model", "id": "secret-model"}],
    "has_more": False, "first_id": "claude-x", "last_id": "secret-model",
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    upstream = Upstream()
    gate = Gate(tmp_path_factory.mktemp("beside"), "beside", contract(), upstream)
    try:
        yield gate.ready()
        assert gate.traps() == []
    finally:
        gate.stop()
        upstream.close()


def send(gate, method, path, body=None, reply=b"{}", headers=None, http2=False, **more):
    """Sends one request; returns the response, and the paths that the provider saw."""
    gate.upstream.play("beside", Play((answer(reply, **more),)))
    headers = {"x-play": "beside", **(HEADERS if headers is None else headers)}
    with httpx.Client(http1=not http2, http2=http2, timeout=30) as client:
        response = client.request(method, gate.url + path, json=body, headers=headers)
    return response, gate.upstream.paths("beside")


@pytest.mark.parametrize("http2", [False, True])
def test_a_sign_of_life_is_answered_without_a_caller_and_reaches_nobody(gate, http2):
    response, seen = send(gate, "HEAD", "/api/hello", headers={}, http2=http2)
    assert (response.status_code, response.content, seen) == (200, b"", [])
    response, seen = send(gate, "GET", "/api/hello", headers={}, http2=http2)
    assert (response.status_code, response.json(), seen) == (200, {"message": "hello"}, [])


def test_a_connection_can_be_used_again_after_a_sign_of_life(gate):
    host, port = gate.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        for _ in range(3):
            connection.request("HEAD", "/api/hello")
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"")
    finally:
        connection.close()


@pytest.mark.parametrize("http2", [False, True])
def test_a_list_of_models_is_cut_to_the_contract(gate, http2):
    reply = json.dumps(MODELS).encode()
    response, seen = send(gate, "GET", "/v1/models?limit=1000", reply=reply, http2=http2)
    assert (response.status_code, seen) == (200, ["/v1/models?limit=1000"])
    assert int(response.headers.get("content-length", len(response.content))) == len(response.content)
    assert response.json() == {**MODELS, "data": MODELS["data"][:1], "last_id": "claude-x"}
    assert send(gate, "GET", "/v1/models", headers={})[0].status_code == 401
    response, seen = send(gate, "GET", "/v1/models/secret-model", http2=http2)
    assert (response.status_code, response.json()["error"]["code"], seen) == (400, "model_not_allowed", [])


def test_a_list_that_is_none_ends_in_an_error(gate):
    for reply, more in [
        (b"data: {}\n\n", {"content_type": "text/event-stream"}),
        (b'{"data":[],"data":[]}', {}),
        (b"{", {}),
        (b'{"data":[' + b'{"id":"m"},' * 900_000 + b'{"id":"m"}]}', {}),
    ]:
        response, _ = send(gate, "GET", "/v1/models", reply=reply, **more)
        assert response.status_code == 502, reply[:30]
        assert response.json()["error"]["code"] in ("upstream_invalid", "response_too_large")


def test_counts_and_compactions_are_governed(gate):
    tool = {"type": "function", "name": "rm_rf", "parameters": {"type": "object"}}
    for path, good in [
        ("/v1/responses/input_tokens", {"object": "response.input_tokens", "input_tokens": 11}),
        ("/v1/responses/compact", {"object": "response.compaction", "output": [
            {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA"}]}),
    ]:
        body = {"model": "gpt-5.5", "input": [{"type": "message", "role": "user", "content": "hi"}]}
        response, seen = send(gate, "POST", path, body, json.dumps(good).encode())
        assert (response.status_code, response.json(), seen) == (200, good, [path])
        response, seen = send(gate, "POST", path, {**body, "tools": [tool]})
        assert (response.status_code, response.json()["error"]["code"], seen) == (400, "tool_not_in_contract", [])
        call = {"type": "function_call", "call_id": "c", "name": "list_tasks", "arguments": "{}"}
        response, _ = send(gate, "POST", path, body, json.dumps({"input_tokens": 1, "output": [call]}).encode())
        assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_invalid")


def test_a_request_of_five_mebibytes_passes_with_the_default_limit(gate):
    body = {"model": "gpt-5.5", "messages": [{"role": "user", "content": "a\n" * (5 << 19)}]}
    said = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}]}
    response, _ = send(gate, "POST", "/v1/chat/completions", body, json.dumps(said).encode())
    assert response.status_code == 200
    assert json.loads(gate.upstream.bodies("beside")[0])["messages"] == body["messages"]
    body["messages"][0]["content"] = "a\n" * (5 << 20)
    response, seen = send(gate, "POST", "/v1/chat/completions", body)
    assert (response.status_code, response.json()["error"]["code"], seen) == (413, "request_too_large", [])
