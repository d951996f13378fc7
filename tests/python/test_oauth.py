"""The gate as an OAuth protected resource in front of an MCP server, as `callgate render` writes it for Envoy.

The client is the official `mcp` SDK with its OAuth client, or plain HTTP where a token must be wrong. The authorization server and the MCP
server are real, on loopback.
"""

import asyncio
import base64
import http.client
import json
import time

import httpx2
import jwt
import mcp
import openai
import pytest
from cryptography.hazmat.primitives import serialization
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from oauth_servers import EXCHANGE, AuthorizationServer, McpServer
from wire_gate import Gate, contract, tool
from wire_upstream import Play, Upstream, answer

WELL_KNOWN = "/.well-known/oauth-protected-resource"
# The strongest first.
SCOPES = {"desk:admin": "admin", "desk:write": "clerk", "desk:read": "guest"}


def desk():
    tools = [{**tool(name), "effects": effects} for name, effects in (("look", "read"), ("order", "write"), ("erase", "destructive"))]
    roles = {"admin": {"tools": ["*"]}, "clerk": {"tools": ["look", "order"]}, "guest": {"tools": ["look"]}}
    return contract(tools, roles=roles)


@pytest.fixture(scope="module")
def authority():
    server = AuthorizationServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def upstream():
    server = McpServer()
    yield server
    server.close()


def options(authority):
    scopes = [f"--scope-role={scope}={role}" for scope, role in SCOPES.items()]
    return ["--identity", "jwt", "--jwt-issuer", authority.issuer, "--jwt-jwks-url", f"{authority.issuer}/keys",
            "--oauth-resource", "http://127.0.0.1:{port}/mcp", *scopes]


def running(folder, name, upstream, more):
    return Gate(folder, name, desk(), upstream, more)


@pytest.fixture(scope="module")
def gate(tmp_path_factory, authority, upstream):
    made = running(tmp_path_factory.mktemp("oauth"), "oauth", upstream, options(authority))
    try:
        yield made.ready()
        assert made.traps() == []
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def clean(authority, upstream):
    authority.asked.clear()
    authority.is_down = False
    upstream.forget()


def resource(gate):
    return f"{gate.url}/mcp"


def about(gate):
    return f'resource_metadata="{gate.url}{WELL_KNOWN}/mcp"'


class Answer:
    def __init__(self, response):
        self.status, self.body = response.status, response.read()
        self.challenges = response.headers.get_all("www-authenticate") or []
        self.content_type = response.headers.get("content-type", "")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def challenge(self):
        assert len(self.challenges) <= 1
        return self.challenges[0] if self.challenges else None


def send(gate, headers=(), message=None, path="/mcp", method="POST"):
    """Sends one message with exactly these headers, repeated ones included."""
    body = json.dumps(message or {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode() if method == "POST" else b""
    connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=20)
    connection.putrequest(method, path)
    usual = [("accept", "application/json, text/event-stream"), ("content-type", "application/json"), ("content-length", str(len(body)))]
    for name, value in [*(usual if method == "POST" else usual[:1]), *headers]:
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def call(name, **arguments):
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


def bearer(token, scheme="Bearer"):
    return [("authorization", f"{scheme} {token}")]


def seen_tokens(upstream):
    """Returns every value at the MCP server that looks like a token."""
    values = [value for headers in upstream.headers for _, value in headers]
    return [value for value in values if "eyJ" in value or "earer" in value]


class Memory:
    def __init__(self):
        self.tokens = self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Browser:
    """A person who agrees to everything."""

    def __init__(self):
        self.visits, self.back = 0, None

    async def visit(self, url):
        self.visits += 1
        async with httpx2.AsyncClient(follow_redirects=False, timeout=20) as http_client:
            answer = await http_client.get(url)
        self.back = httpx2.URL(answer.headers["location"]).params

    async def callback(self):
        return AuthorizationCodeResult(code=self.back["code"], state=self.back["state"], iss=self.back["iss"])


def within(gate, auth, steps):
    """Returns the result of `steps` within a session of the SDK's client."""

    async def run():
        async with httpx2.AsyncClient(auth=auth, timeout=30) as http_client:
            async with mcp.Client(streamable_http_client(resource(gate), http_client=http_client), read_timeout_seconds=30) as client:
                return await asyncio.wait_for(steps(client), 60)

    return asyncio.run(run())


def person(gate, browser, memory):
    about_client = OAuthClientMetadata(redirect_uris=["http://127.0.0.1:1/callback"], client_name="tests",
                                       grant_types=["authorization_code"], response_types=["code"], token_endpoint_auth_method="none")
    return OAuthClientProvider(resource(gate), about_client, memory, browser.visit, browser.callback)


def granted(authority, kind="authorization_code"):
    return [asked for asked in authority.asked if asked.get("grant_type") == kind]


def test_the_sdk_finds_the_authorization_server_and_asks_for_the_weakest_scope(gate, authority, upstream):
    browser, memory = Browser(), Memory()

    async def steps(client):
        tools = await client.list_tools()
        return [one.name for one in tools.tools], await client.call_tool("look", {})

    names, result = within(gate, person(gate, browser, memory), steps)
    assert names == ["look"] and not result.is_error
    assert browser.visits == 1
    asked = authority.asked[0]
    assert (asked["resource"], asked["scope"], asked["code_challenge_method"]) == (resource(gate), "desk:read", "S256")
    assert [form["resource"] for form in granted(authority)] == [resource(gate)]
    assert jwt.decode(memory.tokens.access_token, options={"verify_signature": False})["aud"] == resource(gate)
    assert upstream.calls == [("look", "")]
    assert upstream.headers and seen_tokens(upstream) == []


def test_the_sdk_steps_up_to_the_scope_that_a_call_needs(gate, authority, upstream):
    browser, memory = Browser(), Memory()

    async def steps(client):
        first = await client.call_tool("look", {})
        second = await client.call_tool("order", {})
        listed = sorted(one.name for one in (await client.list_tools()).tools)
        return first, second, listed

    first, second, listed = within(gate, person(gate, browser, memory), steps)
    assert not first.is_error and not second.is_error
    assert listed == ["look", "order"]
    assert browser.visits == 2
    scopes = [asked["scope"].split() for asked in authority.asked if "code_challenge" in asked and "grant_type" not in asked]
    assert scopes == [["desk:read"], ["desk:read", "desk:write"]]
    assert upstream.calls == [("look", ""), ("order", "")]
    assert seen_tokens(upstream) == []


def test_a_program_gets_its_token_by_client_credentials(gate, authority, upstream):
    auth = ClientCredentialsOAuthProvider(resource(gate), Memory(), "robot", "secret", scope="desk:write", issuer=authority.issuer)

    async def steps(client):
        return await client.call_tool("look", {}), await client.call_tool("order", {})

    assert [result.is_error for result in within(gate, auth, steps)] == [False, False]
    assert granted(authority, "client_credentials")[0]["resource"] == resource(gate)
    assert seen_tokens(upstream) == []


def test_the_metadata_is_public_and_has_one_form(gate, authority, upstream):
    for path in (WELL_KNOWN, f"{WELL_KNOWN}/mcp", f"{WELL_KNOWN}/mcp?x=1", f"/{WELL_KNOWN}/mcp", f"/mcp/..{WELL_KNOWN}/mcp"):
        for method in ("GET", "POST"):
            answer = send(gate, path=path, method=method, message=call("erase"))
            assert (answer.status, answer.content_type, answer.challenge) == (200, "application/json", None), path
            assert answer.json == {"resource": resource(gate), "authorization_servers": [authority.issuer],
                                   "bearer_methods_supported": ["header"], "scopes_supported": list(SCOPES)}
    assert upstream.headers == []


@pytest.mark.parametrize("path", [
    f"{WELL_KNOWN}/", f"{WELL_KNOWN}/mcp/", f"{WELL_KNOWN}/MCP", f"{WELL_KNOWN}/other", f"{WELL_KNOWN}/..%2fmcp", f"{WELL_KNOWN}%2fmcp",
    f"{WELL_KNOWN}/mcp/../../../mcp", f"{WELL_KNOWN}/mcp%00", f"{WELL_KNOWN};/mcp", "/.well-known/oauth-protected-resourcemcp",
    f"{WELL_KNOWN}/mcp%3f/../../../mcp", f"{WELL_KNOWN}\\..\\mcp", "/mcp", "/mcp/", "/", "/v1/chat/completions",
])
def test_no_other_path_is_open_without_a_token(gate, upstream, path):
    for method in ("GET", "POST", "DELETE"):
        answer = send(gate, path=path, method=method, message=call("look"))
        assert answer.status in (400, 401), (path, answer.status)
    assert upstream.headers == []


def test_a_request_without_a_token_learns_where_to_get_one(gate, upstream):
    for method in ("POST", "GET"):
        answer = send(gate, method=method)
        assert answer.status == 401 and answer.challenge == f'Bearer {about(gate)}, scope="desk:read"'
        assert answer.json["error"]["code"] == "caller_unknown"
    assert upstream.headers == []


def public(authority, form):
    return authority.keys.private["RS256"].public_key().public_bytes(serialization.Encoding.PEM, form)


def hmac_with_public_key(authority, gate):
    """A token signed with the public key as if it were a secret."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"RS256"}').rstrip(b"=")
    claims = {"iss": authority.issuer, "exp": 4102444800, "aud": resource(gate), "tenant": "acme", "scope": "desk:admin"}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    import hashlib
    import hmac

    key = public(authority, serialization.PublicFormat.SubjectPublicKeyInfo)
    signature = base64.urlsafe_b64encode(hmac.new(key, head + b"." + body, hashlib.sha256).digest()).rstrip(b"=")
    return b".".join([head, body, signature]).decode()


def unsigned(authority, gate, alg):
    head = base64.urlsafe_b64encode(json.dumps({"alg": alg, "typ": "JWT"}).encode()).rstrip(b"=").decode()
    claims = {"iss": authority.issuer, "exp": 4102444800, "aud": resource(gate), "tenant": "acme", "scope": "desk:admin"}
    return head + "." + base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode() + "."


def other_payload(token, **claims):
    head, payload, signature = token.split(".")
    read = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**read, **claims}).encode()).rstrip(b"=").decode()
    return f"{head}.{forged}.{signature}"


BAD = {
    "another resource": lambda a, g: a.token(aud="https://other.example/mcp", scope="desk:admin"),
    "another resource of this server": lambda a, g: a.token(aud=f"{g.url}/other", scope="desk:admin"),
    "the server without its path": lambda a, g: a.token(aud=g.url, scope="desk:admin"),
    "a longer path": lambda a, g: a.token(aud=f"{resource(g)}/x", scope="desk:admin"),
    "other resources only": lambda a, g: a.token(aud=[g.url, f"{g.url}/other"], scope="desk:admin"),
    "audiences in one text": lambda a, g: a.token(aud=f"x {resource(g)}", scope="desk:admin"),
    "no audience": lambda a, g: a.token(aud=None, scope="desk:admin"),
    "an empty list": lambda a, g: a.token(aud=[], scope="desk:admin"),
    "expired": lambda a, g: a.token(aud=resource(g), scope="desk:admin", exp=int(time.time()) - 120),
    "not yet": lambda a, g: a.token(aud=resource(g), scope="desk:admin", nbf=int(time.time()) + 600),
    "no end": lambda a, g: a.token(aud=resource(g), scope="desk:admin", exp=None),
    "another issuer": lambda a, g: a.token(aud=resource(g), scope="desk:admin", iss="https://evil.example"),
    "no issuer": lambda a, g: a.token(aud=resource(g), scope="desk:admin", iss=None),
    "a strange key": lambda a, g: a.token(aud=resource(g), scope="desk:admin", key=a.keys.strange),
    "a strange key with its own JWK": lambda a, g: a.token(
        aud=resource(g), scope="desk:admin", key=a.keys.strange,
        headers={"jwk": json.loads(jwt.algorithms.ECAlgorithm.to_jwk(a.keys.strange.public_key())), "jku": f"{a.issuer}/evil"}),
    "alg none": lambda a, g: unsigned(a, g, "none"),
    "alg None": lambda a, g: unsigned(a, g, "None"),
    "alg of a secret": hmac_with_public_key,
    "other claims": lambda a, g: other_payload(a.token(aud=resource(g), scope="desk:read"), scope="desk:admin"),
    "no token": lambda a, g: "x.y.z",
    "two dots": lambda a, g: "..",
    "long": lambda a, g: "x" * 20000,
}


@pytest.mark.parametrize("name", BAD)
def test_a_token_that_was_not_made_for_this_resource_reaches_nothing(gate, authority, upstream, name):
    answer = send(gate, bearer(BAD[name](authority, gate)), call("look"))
    assert answer.status == 401
    assert answer.challenge == f'Bearer error="invalid_token", {about(gate)}, scope="desk:read"'
    assert answer.json["error"]["code"] == "caller_unknown"
    assert upstream.headers == []


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_good_token_counts_in_any_case_of_its_scheme(gate, authority, upstream, algorithm, scheme):
    for audience in (resource(gate), ["https://other.example", resource(gate)]):
        token = authority.token(algorithm, aud=audience, scope="desk:read")
        answer = send(gate, bearer(token, scheme), call("look"))
        assert (answer.status, answer.json["result"]["isError"]) == (200, False)
    assert seen_tokens(upstream) == [] and len(upstream.calls) == 2


def test_a_token_elsewhere_than_in_its_header_counts_for_nothing(gate, authority, upstream):
    token = authority.token(aud=resource(gate), scope="desk:admin")
    for headers, path in [
        ([], f"/mcp?access_token={token}"),
        ([("cookie", f"access_token={token}")], "/mcp"),
        ([("x-callgate-token", token)], "/mcp"),
        ([("proxy-authorization", f"Bearer {token}")], "/mcp"),
        ([("x-jwt-payload", token.split(".")[1]), ("jwt_payload", "{}")], "/mcp"),
        ([("authorization", token)], "/mcp"),
        ([("authorization", f"Token {token}")], "/mcp"),
        ([("authorization", f"Bearer\t{token}")], "/mcp"),
        ([("authorization", "Bearer ")], "/mcp"),
        ([("authorization", "Basic Ym9iOngx")], "/mcp"),
        ([("authorization", f"Bearer {token}, Bearer {token}")], "/mcp"),
        ([("authorization", f"Bearer {token} {token}")], "/mcp"),
        ([*bearer(token), *bearer(token)], "/mcp"),
        ([*bearer(token), ("authorization", "Basic Ym9iOngx")], "/mcp"),
        ([("authorization", "Basic Ym9iOngx"), *bearer(token)], "/mcp"),
        ([*bearer(token), *bearer("x.y.z", "bearer")], "/mcp"),
        ([("authorization", f"BeArEr evil,Bearer {token}")], "/mcp"),
        ([("authorization", f"Negotiate x, Bearer {token}")], "/mcp"),
        ([("authorization", f"Bearer {token};x")], "/mcp"),
        ([("authorization", "")], "/mcp"),
    ]:
        answer = send(gate, headers, call("look"), path)
        assert answer.status == 401 and about(gate) in answer.challenge, headers
    for path in (f"/mcp?access_token={token}", f"/mcp?x=1&access%5ftoken={token}"):
        answer = send(gate, bearer(token), call("look"), path)
        assert (answer.status, answer.json["error"]["data"]["code"]) == (400, "request_invalid")
    assert upstream.headers == []


def test_headers_of_a_client_change_neither_tenant_nor_role(gate, authority, upstream):
    forged = [("x-callgate-tenant", "evil"), ("x-callgate-role", "admin"), ("x-jwt-payload", '{"scope":"desk:admin"}'), ("scope", "desk:admin"),
              ("callgate.claims", '{"scope":"desk:admin","tenant":"acme"}'), ("x-envoy-jwt", "x"), ("x-callgate-subject-token", "Bearer x")]
    token = authority.token(aud=resource(gate), scope="desk:read")
    answer = send(gate, [*bearer(token), *forged], call("erase"))
    assert answer.status == 403 and upstream.calls == []


@pytest.mark.parametrize(("scope", "role"), [
    ("desk:read", "guest"),
    ("  desk:read   desk:write ", "clerk"),
    ("openid desk:write desk:read profile", "clerk"),
    (["desk:read", "desk:admin"], "admin"),
    ("desk:read\tdesk:admin", None),
    ("desk:read\ndesk:admin", None),
    ("desk:read,desk:admin", None),
    ("desk:readonly desk:administrator", None),
    ("DESK:ADMIN", None),
    ("desk:admin\u200b", None),
    ("desk:\u0430dmin", None),
    ("desk: admin", None),
    ("admin", None),
    (["desk:admin desk:read"], None),
    (["desk:read", 7], None),
    ({"desk:admin": True}, None),
    (True, None),
    ("", None),
    (None, None),
])
def test_only_whole_scopes_give_a_role(gate, authority, upstream, scope, role):
    answer = send(gate, bearer(authority.token(aud=resource(gate), scope=scope)))
    if role is None:
        assert answer.status == 403
        assert answer.challenge == f'Bearer error="insufficient_scope", scope="desk:read", {about(gate)}'
        assert upstream.headers == []
    else:
        names = sorted(one["name"] for one in answer.json["result"]["tools"])
        assert names == {"guest": ["look"], "clerk": ["look", "order"], "admin": ["erase", "look", "order"]}[role]


def test_scopes_may_stand_in_scp(gate, authority):
    for scp in ("desk:read desk:write", ["desk:read", "desk:write"]):
        answer = send(gate, bearer(authority.token(aud=resource(gate), scp=scp)), call("order"))
        assert answer.status == 200
    answer = send(gate, bearer(authority.token(aud=resource(gate), scope="desk:read", scp=["desk:admin"])), call("erase"))
    assert answer.status == 403


@pytest.mark.parametrize(("scope", "name", "needed"), [
    ("desk:read", "order", "desk:write"), ("desk:read", "erase", "desk:admin"), ("desk:write", "erase", "desk:admin"),
])
def test_a_call_that_another_scope_allows_says_which(gate, authority, upstream, scope, name, needed):
    answer = send(gate, bearer(authority.token(aud=resource(gate), scope=scope)), call(name))
    assert answer.status == 403
    assert answer.challenge == f'Bearer error="insufficient_scope", scope="{needed}", {about(gate)}'
    assert (answer.json["id"], answer.json["error"]["data"]["code"]) == (1, "insufficient_scope")
    assert upstream.calls == []


def test_a_call_that_no_scope_allows_names_none(gate, authority, upstream):
    for scope in SCOPES:
        answer = send(gate, bearer(authority.token(aud=resource(gate), scope=scope)), call("rm_rf"))
        assert (answer.status, answer.challenge, answer.json["result"]["isError"]) == (200, None, True)
    assert upstream.calls == []


def test_a_token_without_a_tenant_is_nobodys(gate, authority, upstream):
    for tenant in (None, "", ["acme"], {"acme": 1}, True):
        answer = send(gate, bearer(authority.token(aud=resource(gate), scope="desk:read", tenant=tenant)))
        assert answer.status == 401 and answer.json["error"]["data"]["code"] == "caller_unknown"
        assert answer.challenge == f'Bearer error="invalid_token", {about(gate)}, scope="desk:read"'
    assert upstream.headers == []


def test_without_the_issuers_keys_a_token_is_neither_good_nor_bad(tmp_path, authority, upstream):
    token = authority.token
    authority.is_down = True
    gate = running(tmp_path, "down", upstream, options(authority))
    try:
        gate.ready()
        answer = send(gate, bearer(token(aud=resource(gate), scope="desk:read")))
        assert (answer.status, answer.challenge) == (503, None)
        assert send(gate).status == 401
        assert upstream.headers == []
    finally:
        gate.stop()


def test_the_challenge_of_an_upstream_never_reaches_the_client(tmp_path, authority):
    evil = Upstream()
    head = ['www-authenticate: Bearer resource_metadata="https://evil.example/meta"']
    evil.play("evil", Play((answer("{}", status="401 Unauthorized", headers=head),) * 3))
    gate = running(tmp_path, "evil", evil, [*options(authority), "--passthrough", "/open"])
    try:
        gate.ready()
        token = [*bearer(authority.token(aud=resource(gate), scope="desk:read")), ("x-play", "evil")]
        answered = send(gate, token, call("look"))
        assert (answered.status, answered.challenge) == (200, None)
        assert answered.json["error"]["data"]["code"] == "upstream_error"
        for path in ("/open", "/mcp"):
            answered = send(gate, token, path=path, method="GET")
            assert answered.challenge is None and answered.status == (401 if path == "/open" else 502)
        assert send(gate).challenge.startswith("Bearer resource_metadata")
    finally:
        gate.stop()
        evil.close()


def credentials(upstream):
    return [value for headers in upstream.headers for name, value in headers if name == "authorization"]


def test_the_upstream_gets_the_credential_of_a_file(tmp_path, authority, upstream):
    (tmp_path / "key").write_text("Bearer sk-upstream\n")
    gate = running(tmp_path, "file", upstream, [*options(authority), "--upstream-credential", tmp_path / "key"])
    try:
        gate.ready()
        answer = send(gate, bearer(authority.token(aud=resource(gate), scope="desk:read")), call("look"))
        assert answer.status == 200
        assert set(credentials(upstream)) == {"Bearer sk-upstream"}
        assert send(gate, path=WELL_KNOWN, method="GET").status == 200
    finally:
        gate.stop()


def test_a_models_sdk_sends_the_token_as_its_key(tmp_path, authority):
    model = Upstream()
    said = {"id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}]}
    model.play("model", Play((answer(said),)))
    (tmp_path / "key").write_text("Bearer sk-upstream")
    gate = running(tmp_path, "model", model, [*options(authority), "--upstream-credential", tmp_path / "key"])
    try:
        gate.ready()

        def client(token):
            return openai.OpenAI(base_url=f"{gate.url}/v1", api_key=token, max_retries=0, timeout=20, default_headers={"x-play": "model"})

        ask = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        mine = authority.token(aud=resource(gate), scope="desk:read")
        assert client(mine).chat.completions.create(**ask).choices[0].message.content == "hello"
        [sent] = model.headers("model")
        assert "sk-upstream" in str(sent) and mine not in str(sent)
        with pytest.raises(openai.AuthenticationError, match="Audiences in Jwt are not allowed") as raised:
            client(authority.token(aud="other", scope="desk:read")).chat.completions.create(**ask)
        assert raised.value.code == "caller_unknown"
        with pytest.raises(openai.PermissionDeniedError, match="no scope that gives a role") as raised:
            client(authority.token(aud=resource(gate), scope="other")).chat.completions.create(**ask)
        assert raised.value.code == "insufficient_scope"
    finally:
        gate.stop()
        model.close()


def test_envoy_gets_a_token_of_its_own_for_the_upstream(tmp_path, authority, upstream):
    (tmp_path / "secret").write_text("s3cret")
    own = ["--upstream-token-url", f"{authority.issuer}/token", "--upstream-client-id", "gate", "--upstream-client-secret", tmp_path / "secret",
           "--upstream-scope", "mcp", "--upstream-resource", f"http://127.0.0.1:{upstream.port}/mcp"]
    gate = running(tmp_path, "client", upstream, [*options(authority), *own])
    try:
        gate.ready()
        mine = authority.token(aud=resource(gate), scope="desk:read")
        end = time.monotonic() + 20
        while (answer := send(gate, bearer(mine), call("look"))).status == 503 and time.monotonic() < end:
            assert answer.challenge is None and upstream.headers == []
            time.sleep(0.2)
        assert answer.status == 200
        [sent] = set(credentials(upstream))
        claims = jwt.decode(sent.removeprefix("Bearer "), options={"verify_signature": False})
        assert claims["aud"] == f"http://127.0.0.1:{upstream.port}/mcp" and mine not in sent
        assert granted(authority, "client_credentials")[0]["scope"] == "mcp"
        # A client has no part in it.
        assert send(gate, [("authorization", sent)], call("look")).status == 401
    finally:
        gate.stop()


def test_without_a_token_of_its_own_the_gate_forwards_nothing(tmp_path, authority, upstream):
    (tmp_path / "secret").write_text("s3cret")
    own = ["--upstream-token-url", "http://127.0.0.1:9/token", "--upstream-client-id", "gate", "--upstream-client-secret", tmp_path / "secret"]
    gate = running(tmp_path, "no-token", upstream, [*options(authority), *own])
    try:
        gate.ready()
        answer = send(gate, bearer(authority.token(aud=resource(gate), scope="desk:read")), call("look"))
        # Not 401: a new token of the client would change nothing.
        assert (answer.status, answer.challenge) == (503, None)
        assert answer.json["error"]["code"] == "upstream_error"
        assert send(gate, path=WELL_KNOWN, method="GET").status == 200
        assert upstream.headers == []
    finally:
        gate.stop()


@pytest.fixture
def exchanging(tmp_path, authority, upstream):
    (tmp_path / "secret").write_text("s3 cret/+\n")
    more = ["--upstream-token-url", f"{authority.issuer}/token", "--upstream-client-id", "the gate", "--upstream-client-secret", tmp_path / "secret",
            "--upstream-scope", "mcp", "--upstream-resource", f"http://127.0.0.1:{upstream.port}/mcp", "--token-exchange"]
    gate = running(tmp_path, "exchange", upstream, [*options(authority), *more])
    try:
        yield gate.ready()
        assert "script log" not in gate.log.read_text() and "lua: script error" not in gate.log.read_text().lower()
    finally:
        authority.exchanged = None
        gate.stop()


def test_the_callers_token_is_exchanged_for_one_of_the_upstream(exchanging, authority, upstream):
    gate = exchanging
    mine = authority.token(aud=resource(gate), scope="desk:read", sub="grace")
    forged = [("x-callgate-subject-token", "Bearer evil")]
    for scheme in ("Bearer", "bearer "):
        assert send(gate, [*bearer(mine, scheme), *forged], call("look")).status == 200
    [sent] = set(credentials(upstream))
    claims = jwt.decode(sent.removeprefix("Bearer "), options={"verify_signature": False})
    assert (claims["sub"], claims["aud"], claims["act"], claims["scope"]) == ("grace", f"http://127.0.0.1:{upstream.port}/mcp", {"sub": "gate"}, "mcp")
    # The second request takes the kept token.
    [asked] = granted(authority, EXCHANGE)
    assert asked["subject_token"] == mine and asked["subject_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert base64.b64decode(asked["client"].removeprefix("Basic ")) == b"the%20gate:s3%20cret%2F%2B"
    assert mine not in json.dumps(upstream.headers) and "evil" not in json.dumps(upstream.headers)
    # Another caller gets another token.
    other = authority.token(aud=resource(gate), scope="desk:read", sub="ada")
    assert send(gate, bearer(other), call("look")).status == 200
    assert [jwt.decode(value.removeprefix("Bearer "), options={"verify_signature": False})["sub"] for value in credentials(upstream)][-1] == "ada"


def test_a_large_body_waits_for_the_exchange(exchanging, authority, upstream):
    note = "x" * 500_000
    for name in ("ada", "grace", "joan"):
        token = authority.token(aud=resource(exchanging), scope="desk:read", sub=name)
        assert send(exchanging, bearer(token), call("look", note=note)).status == 200
    assert upstream.calls == [("look", note)] * 3 and len(granted(authority, EXCHANGE)) == 3


def test_the_sdk_works_with_exchanged_tokens(exchanging, authority, upstream):
    auth = ClientCredentialsOAuthProvider(resource(exchanging), Memory(), "robot", "secret", scope="desk:write", issuer=authority.issuer)

    async def steps(client):
        return await asyncio.gather(*(client.call_tool(name, {}) for name in ("look", "order") * 5))

    assert not any(result.is_error for result in within(exchanging, auth, steps))
    own = jwt.decode(auth.context.current_tokens.access_token, options={"verify_signature": False})
    assert own["aud"] == resource(exchanging)
    audiences = {jwt.decode(value.removeprefix("Bearer "), options={"verify_signature": False})["aud"] for value in credentials(upstream)}
    assert audiences == {f"http://127.0.0.1:{upstream.port}/mcp"}


def test_nothing_unverified_is_exchanged(exchanging, authority, upstream):
    gate = exchanging
    forged = [("x-callgate-subject-token", f"Bearer {authority.token(aud=resource(gate), scope='desk:admin')}")]
    for headers in ([], forged, bearer(authority.token(aud="other", scope="desk:read")), bearer(unsigned(authority, gate, "none"))):
        assert send(gate, headers, call("look")).status == 401
    for path in (WELL_KNOWN, f"{WELL_KNOWN}/mcp"):
        assert send(gate, forged, path=path, method="GET").status == 200
    assert granted(authority, EXCHANGE) == [] and upstream.headers == []


@pytest.mark.parametrize(("answered", "status"), [
    ((400, {"error": "invalid_request"}), 403),
    ((403, {"error": "access_denied"}), 403),
    ((401, {"error": "invalid_client"}), 503),
    ((500, {}), 503),
    ((302, {"access_token": "x"}), 503),
    ((200, {}), 503),
    ((200, {"access_token": ""}), 503),
    ((200, {"access_token": "a\r\nx-evil: 1"}), 503),
    ((200, {"access_token": 7}), 503),
    ((200, {"refresh_token": "x"}), 503),
])
def test_without_a_token_in_exchange_nothing_is_forwarded(exchanging, authority, upstream, answered, status):
    authority.exchanged = answered
    answer = send(exchanging, bearer(authority.token(aud=resource(exchanging), scope="desk:read")), call("look"))
    assert (answer.status, answer.challenge, answer.json["error"]["code"]) == (status, None, "upstream_error")
    assert len(granted(authority, EXCHANGE)) == 1 and upstream.headers == []


def test_an_exchanged_token_is_kept_no_longer_than_it_lives(exchanging, authority, upstream):
    mine = authority.token(aud=resource(exchanging), scope="desk:read")
    for lifetime, asked in ((None, 2), (20, 2), (0, 2), (600, 1)):
        told = {"access_token": f"opaque/{lifetime}+~=", "token_type": "Bearer", **({} if lifetime is None else {"expires_in": lifetime})}
        authority.exchanged, before = (200, told), len(authority.asked)
        for _ in range(2):
            assert send(exchanging, bearer(mine), call("look")).status == 200
        assert len(authority.asked) - before == asked, lifetime
        assert credentials(upstream)[-1] == f"Bearer opaque/{lifetime}+~="


def test_an_unreachable_token_endpoint_forwards_nothing(exchanging, authority, upstream):
    authority.is_down = True
    answer = send(exchanging, bearer(authority.token(aud=resource(exchanging), scope="desk:read")), call("look"))
    assert (answer.status, answer.challenge) == (503, None) and upstream.headers == []
