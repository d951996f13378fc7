"""Certificates of one authority, as cert-manager would put them into Secrets."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
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
