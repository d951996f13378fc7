"""The caller by an API key and by a client certificate, as `callgate render` writes both for Envoy.

A client proves who it is to Envoy itself. Headers in which it claims to be somebody else change nothing.
"""

import datetime
import ipaddress
import json
import ssl

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from wire_gate import Gate, contract
from wire_upstream import Play, Upstream, answer

KEYS = {"ci-bot": "0123456789abcdef0123456789abcdef", "guest": "fedcba9876543210fedcba9876543210"}
AGENT = "spiffe://prod.example/ns/desk/sa/agent"
OTHER = "spiffe://prod.example/ns/desk/sa/other"
BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}],
}
SAID = json.dumps({
    "id": "x", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
}).encode()
# All the headers in which a client could claim an identity.
CLAIMS = {"x-callgate-tenant": "acme", "x-callgate-role": "dev", "x-callgate-client": "ci-bot",
          "x-forwarded-client-cert": f"URI={AGENT}", "callgate.certificate": AGENT}


def desk():
    made = contract()
    made["spec"]["roles"]["guest"] = {"tools": ["get_time"]}
    return made


@pytest.fixture(scope="module")
def upstream():
    upstream = Upstream()
    yield upstream
    upstream.close()


def callers(folder, table):
    file = folder / "callers.yaml"
    file.write_text(json.dumps({client: {"tenant": "acme", "role": role} for client, role in table.items()}))
    return ["--callers", file]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory, upstream):
    folder = tmp_path_factory.mktemp("keys")
    (folder / "keys.yaml").write_text(json.dumps(KEYS))
    options = ["--identity", "api-key", "--api-keys", folder / "keys.yaml", *callers(folder, {"ci-bot": "dev", "guest": "guest"})]
    gate = Gate(folder, "keys", desk(), upstream, options)
    try:
        yield gate.ready()
        assert gate.traps() == []
    finally:
        gate.stop()


class Authority:
    """A CA, and certificates of it in files."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self.write("ca", self.sign(self.name, self.key, x509.BasicConstraints(ca=True, path_length=0)), self.key)

    def sign(self, name, key, *extensions):
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, file, *names):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AGENT)])
        self.write(file, self.sign(subject, key, x509.SubjectAlternativeName(names)), key)
        return self.folder / f"{file}.pem", self.folder / f"{file}.key"

    def write(self, file, certificate, key):
        pem = serialization.Encoding.PEM
        (self.folder / f"{file}.pem").write_bytes(certificate.public_bytes(pem))
        form = serialization.PrivateFormat.PKCS8
        (self.folder / f"{file}.key").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))


@pytest.fixture(scope="module")
def certified(tmp_path_factory, upstream):
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority(folder)
    chain, key = authority.issue("server", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    options = ["--identity", "certificate", *callers(folder, {AGENT: "dev"}), "--listen-certificate", chain, "--listen-key", key,
               "--client-ca", folder / "ca.pem"]
    gate = Gate(folder, "certificates", desk(), upstream, options)
    try:
        yield gate.ready(), authority
        assert gate.traps() == []
    finally:
        gate.stop()


def ask(gate, headers, context=None):
    """Sends one request; returns its status, its JSON if it is JSON, and the model's view of it."""
    gate.upstream.play("identity", Play((answer(SAID),)))
    url = gate.url if context is None else gate.url.replace("http:", "https:")
    with httpx.Client(timeout=20, verify=context if context is not None else True) as client:
        response = client.post(url + "/v1/chat/completions", json=BODY, headers={"x-play": "identity", **headers})
    try:
        said = response.json()
    except ValueError:
        said = {}
    return response.status_code, said.get("error", {}).get("code"), len(gate.upstream.bodies("identity"))


def test_the_caller_of_a_key_decides(keyed):
    assert ask(keyed, {"x-callgate-key": KEYS["ci-bot"]}) == (200, None, 1)
    assert ask(keyed, {"x-callgate-key": KEYS["guest"]}) == (400, "role_forbidden", 0)


@pytest.mark.parametrize("headers", [{}, {"x-callgate-key": "wrong"}, {"x-callgate-key": ""}, CLAIMS])
def test_a_request_without_a_known_key_is_refused_by_envoy(keyed, headers):
    status, code, forwarded = ask(keyed, headers)
    # Envoy's own answer, which both hosts leave alone.
    assert (status, code, forwarded) == (401, None, 0)


def test_a_client_cannot_claim_the_id_of_another(keyed):
    assert ask(keyed, {**CLAIMS, "x-callgate-key": KEYS["guest"]}) == (400, "role_forbidden", 0)


def test_the_model_gets_neither_key_nor_client(keyed):
    ask(keyed, {"x-callgate-key": KEYS["ci-bot"]})
    [sent] = keyed.upstream.headers("identity")
    assert not [name for name in sent if name.startswith("x-callgate")] and KEYS["ci-bot"] not in sent.values()


def context(authority, *files):
    made = ssl.create_default_context(cafile=authority.folder / "ca.pem")
    if files:
        made.load_cert_chain(*files)
    return made


def test_the_uri_of_a_certificate_decides(certified):
    gate, authority = certified
    agent = context(authority, *authority.issue("agent", x509.UniformResourceIdentifier(AGENT)))
    assert ask(gate, {}, agent) == (200, None, 1)


@pytest.mark.parametrize("names", [
    (x509.UniformResourceIdentifier(OTHER),),
    (x509.UniformResourceIdentifier(AGENT), x509.UniformResourceIdentifier(OTHER)),
    (x509.UniformResourceIdentifier(f"{AGENT},{AGENT}"),),
    (x509.UniformResourceIdentifier(AGENT.upper()),),
    (x509.DNSName(AGENT.removeprefix("spiffe://")),),
], ids=["another", "two", "comma", "case", "dns"])
def test_another_certificate_names_nobody(certified, names):
    gate, authority = certified
    other = context(authority, *authority.issue("other", *names))
    assert ask(gate, CLAIMS, other) == (401, "caller_unknown", 0)


def test_a_connection_without_a_certificate_ends(certified):
    gate, authority = certified
    with pytest.raises(httpx.TransportError):
        ask(gate, CLAIMS, context(authority))


def test_a_certificate_of_another_authority_ends_the_connection(certified, tmp_path):
    gate, authority = certified
    made = context(authority, *Authority(tmp_path).issue("agent", x509.UniformResourceIdentifier(AGENT)))
    with pytest.raises(httpx.TransportError):
        ask(gate, {}, made)
