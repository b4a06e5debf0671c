"""Firebase Authentication's side of an ID token: a key, its certificate, and what it signs."""

import base64
import datetime as dt
import json
import time
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

PROJECT = "tinbao-test"
FETCH = "google.oauth2.id_token._fetch_certs"
"""What firebase-admin reads Google's certificates with: `monkeypatch.setattr(FETCH, ...)`."""


class Issuer:
    """Whoever signs ID tokens."""

    def __init__(self, kid: str = "stand-in") -> None:
        self.kid = kid
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def certificates(self, *_: Any) -> dict[str, str]:
        """What Google's certificate endpoint would answer."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .sign(self.key, SHA256())
        )
        return {self.kid: certificate.public_bytes(Encoding.PEM).decode()}

    def claims(self, uid: str, **changed: Any) -> dict[str, Any]:
        """What a good token says."""
        now = int(time.time())
        good = {
            "iss": f"https://securetoken.google.com/{PROJECT}",
            "aud": PROJECT,
            "sub": uid,
            "iat": now - 10,
            "auth_time": now - 10,
            "exp": now + 3600,
        }
        return good | changed

    def token(self, uid: str, **changed: Any) -> str:
        """An ID token, with some claims changed."""
        return jwt.encode(
            self.claims(uid, **changed), self.key, algorithm="RS256", headers={"kid": self.kid}
        )


def unsigned(header: Any, payload: Any) -> str:
    """A token of any header and payload whose signature is made up."""

    def packed(part: Any) -> str:
        raw = part if isinstance(part, bytes) else json.dumps(part).encode()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    return f"{packed(header)}.{packed(payload)}.{packed(b'signature')}"
