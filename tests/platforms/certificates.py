"""Certificates of one authority, as cert-manager would put them into Secrets, and tokens as a cluster signs them."""

import base64
import datetime
import json
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


class Authority:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.certificate = self._sign(self.name, self.key, x509.BasicConstraints(ca=True, path_length=0))

    def _sign(self, name, key, *extensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        built = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key.public_key())
        built = built.serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + DAY)
        for extension in extensions:
            built = built.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return built.sign(self.key, hashes.SHA256())

    def secret(self, *names):
        """Returns the data of a Secret with a certificate of these DNS names."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        made = self._sign(subject, key, x509.SubjectAlternativeName([x509.DNSName(name) for name in names]))
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return {"tls.crt": _pem(made), "tls.key": private, "ca.crt": _pem(self.certificate)}


def _base64(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Issuer:
    """Signs tokens of ServiceAccounts with the claims that kube-apiserver writes."""

    def __init__(self, name="https://kubernetes.default.svc.cluster.local"):
        self.name = name
        self.key = rsa.generate_private_key(65537, 2048)

    def jwks(self):
        numbers = self.key.public_key().public_numbers()
        of = lambda number: _base64(number.to_bytes((number.bit_length() + 7) // 8, "big"))
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": of(numbers.n), "e": of(numbers.e)}
        return json.dumps({"keys": [key]}).encode()

    def token(self, namespace, account, audience="callgate"):
        now = int(time.time())
        claims = {"iss": self.name, "aud": [audience], "sub": f"system:serviceaccount:{namespace}:{account}", "iat": now, "nbf": now,
                  "exp": now + 3600, "jti": "9f0c4a", "kubernetes.io": {
                      "namespace": namespace, "serviceaccount": {"name": account, "uid": "0a1b"}, "pod": {"name": "app", "uid": "2c3d"}}}
        head = {"alg": "RS256", "kid": "1"}
        text = ".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
        return f"{text}.{_base64(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
