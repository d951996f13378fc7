"""A small OAuth authorization server, and an MCP server that records what it received. Both live on loopback, in threads of the test.

The authorization server knows authorization codes with PKCE (S256), client credentials and token exchange (RFC 8693). It grants every scope,
to everyone: the tests are about the gate.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from mcp.server.mcpserver import MCPServer
from ports import free_port

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


class Keys:
    """Two signing keys, and a third one that the key set lacks."""

    def __init__(self):
        self.private = {"RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048), "ES256": ec.generate_private_key(ec.SECP256R1())}
        self.strange = ec.generate_private_key(ec.SECP256R1())

    def set(self):
        makers = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm}
        return {"keys": [{**json.loads(makers[alg].to_jwk(key.public_key())), "alg": alg, "kid": alg, "use": "sig"}
                         for alg, key in self.private.items()]}


class AuthorizationServer:
    """Listens until `close`. `asked` has the parameters of each request to `/authorize` and `/token`."""

    def __init__(self):
        self.keys, self.asked, self.codes, self.is_down = Keys(), [], {}, False
        # The answer to a token exchange in place of a token: status and body.
        self.exchanged = None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self.server.server_address[1]
        self.issuer = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def token(self, algorithm="ES256", key=None, headers=None, **claims):
        """Signs a token. Claims of None are left out."""
        now = int(time.time())
        payload = {"iss": self.issuer, "sub": "ada", "tenant": "acme", "iat": now, "exp": now + 600, **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, key or self.keys.private.get(algorithm), algorithm, {"kid": algorithm, **(headers or {})})

    def metadata(self):
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "registration_endpoint": "/register", "jwks_uri": "/keys"}
        return {"issuer": self.issuer, **{name: self.issuer + path for name, path in paths.items()}, "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "client_credentials", EXCHANGE],
                "code_challenge_methods_supported": ["S256"], "authorization_response_iss_parameter_supported": True,
                "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"]}

    def authorize(self, query):
        self.asked.append(query)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"], "iss": self.issuer})

    def grant(self, form):
        """Returns a token, or None."""
        self.asked.append(form)
        kind = form.get("grant_type")
        if kind == "authorization_code":
            asked = self.codes.pop(form.get("code"), None)
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if asked is None or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
                return None
            form = {**asked, **form}
        elif kind == EXCHANGE:
            subject = jwt.decode(form["subject_token"], options={"verify_signature": False})
            return self.token("RS256", aud=form.get("resource"), scope=form.get("scope"), sub=subject["sub"], act={"sub": "gate"})
        elif kind != "client_credentials":
            return None
        return self.token("RS256", aud=form.get("resource"), scope=form.get("scope"), client_id=form.get("client_id"))

    def _handler(self):
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self, status, body, **headers):
                text = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"content-type": "application/json", "content-length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self):
                url = urlsplit(self.path)
                if owner.is_down:
                    self.answer(503, {})
                elif url.path == "/.well-known/oauth-authorization-server":
                    self.answer(200, owner.metadata())
                elif url.path == "/keys":
                    self.answer(200, owner.keys.set())
                elif url.path == "/authorize":
                    self.answer(302, {}, location=owner.authorize(dict(parse_qsl(url.query))))
                else:
                    self.answer(404, {})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.path == "/register":
                    self.answer(201, {**json.loads(body), "client_id": "client-1", "token_endpoint_auth_method": "none"})
                elif self.path == "/token" and not owner.is_down:
                    form = dict(parse_qsl(body.decode()))
                    if form.get("grant_type") == EXCHANGE and owner.exchanged:
                        owner.asked.append(form)
                        return self.answer(*owner.exchanged)
                    token = owner.grant({**form, "client": self.headers.get("authorization")})
                    scope = owner.asked[-1].get("scope") or (jwt.decode(token, options={"verify_signature": False}).get("scope") if token else None)
                    told = {"access_token": token, "token_type": "Bearer", "expires_in": 600, "scope": scope}
                    self.answer(200 if token else 400, told if token else {"error": "invalid_grant"})
                else:
                    self.answer(503, {})
                return None

            def log_message(self, *_):
                pass

        return Handler


class McpServer:
    """The SDK's own server with three tools. `headers` has the headers of each received request."""

    def __init__(self):
        self.headers, self.calls, self.port = [], [], free_port()
        made = MCPServer("desk")
        for name in ("look", "order", "erase"):
            made.add_tool(self._tool(name), name=name)
        app = made.streamable_http_app(json_response=True, stateless_http=True)

        async def recording(scope, receive, send):
            if scope["type"] == "http":
                self.headers.append([(name.decode(), value.decode()) for name, value in scope["headers"]] + [("?", scope["query_string"].decode())])
            await app(scope, receive, send)

        @asynccontextmanager
        async def lifespan(_):
            async with app.router.lifespan_context(app):
                yield

        from starlette.applications import Starlette
        from starlette.routing import Mount

        outer = Starlette(routes=[Mount("/", recording)], lifespan=lifespan)
        self.server = uvicorn.Server(uvicorn.Config(outer, host="127.0.0.1", port=self.port, log_level="warning", timeout_graceful_shutdown=1))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        end = time.monotonic() + 30
        while not self.server.started and time.monotonic() < end:
            time.sleep(0.05)

    def _tool(self, name):
        async def run(note: str = "") -> str:
            self.calls.append((name, note))
            return f"{name} done"

        return run

    def forget(self):
        self.headers.clear()
        self.calls.clear()

    def close(self):
        self.server.should_exit = True
        self.thread.join(10)

