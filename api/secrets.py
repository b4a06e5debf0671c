"""Secret keys, kept in files outside the database, and what is derived from them.

A leaked dump without these files tells nobody who reported, opens no receipt and replays no report.
"""

import base64
import hashlib
import hmac
import os
import uuid
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_sign

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PAIRS = tuple(first + second for first in CROCKFORD for second in CROCKFORD)
"""Ten bits as two of Crockford's digits."""
READ_ALIKE = str.maketrans("ILO", "110")

MASTER = "master.key"
SIGNING = "receipt-signing.key"
PUSH = "push-worker.key"


class KeysMissing(Exception):  # noqa: N818 - says what is the matter
    """The folder of keys is not there or not complete."""


class Mac:
    """HMAC-SHA256 (RFC 2104) of many short messages with one key of at most 64 bytes.

    What the key comes to is hashed once; `hmac.digest` does it again for every message.
    """

    def __init__(self, key: bytes) -> None:
        block = key.ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(each ^ 0x36 for each in block))
        self._outer = hashlib.sha256(bytes(each ^ 0x5C for each in block))

    def __call__(self, message: bytes) -> bytes:
        """The 32 bytes that authenticate a message."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


@dataclass(frozen=True)
class Keys:
    """The API's keys: a master secret that others are derived from, and the signing key."""

    master: bytes
    signing: Ed25519PrivateKey
    push_public: bytes

    def derive(self, purpose: str, length: int = 32) -> bytes:
        """A key for one purpose (HKDF-SHA256 of the master secret)."""
        return HKDF(SHA256(), length, salt=None, info=f"tinbao/{purpose}/v1".encode()).derive(
            self.master
        )

    @cached_property
    def _ids(self) -> Cipher[modes.ECB]:
        # One AES block of one 16-byte id: a permutation, so nothing is shared between blocks.
        return Cipher(algorithms.AES(self.derive("ids", 16)), modes.ECB())  # noqa: S305

    @cached_property
    def _id_encryptor(self) -> CipherContext:
        return self._ids.encryptor()  # ECB: no block knows of another, so one serves all ids

    @cached_property
    def _link(self) -> Mac:
        return Mac(self.derive("link"))

    @cached_property
    def _receipts(self) -> Mac:
        return Mac(self.derive("receipts"))

    @cached_property
    def _desk(self) -> bytes:
        return self.derive("desk")

    @cached_property
    def _pepper(self) -> Mac:
        return Mac(self.derive("receipt-pepper"))

    @cached_property
    def _invitations(self) -> bytes:
        return self.derive("invitation-pepper")

    @cached_property
    def _bearer(self) -> bytes:
        return self.derive("bearer")

    @cached_property
    def _totp(self) -> AESGCM:
        return AESGCM(self.derive("totp"))

    @cached_property
    def queue_cursors(self) -> AESSIV:
        """Seals positions in the queue, the same position always alike: answers carry ETags."""
        return AESSIV(self.derive("queue-cursor", 64))

    @cached_property
    def limits(self) -> bytes:
        """Key of the rate limits' counters."""
        return self.derive("limits")

    @cached_property
    def push_tokens(self) -> bytes:
        """Key of the push tokens' hashes."""
        return self.derive("push-tokens")

    @cached_property
    def _signing_pair(self) -> bytes:
        return self.signing.private_bytes_raw() + self.signing.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature of a message, by libsodium: OpenSSL takes twice as long for it."""
        return crypto_sign(message, self._signing_pair)[:64]

    @cached_property
    def signing_key_id(self) -> str:
        """The first 16 hex digits of the public key's SHA-256."""
        return key_id(self.signing.public_key())

    @cached_property
    def fingerprint(self) -> str:
        """Tells two sets of keys apart without telling anything of them."""
        return hmac.digest(self.master, b"tinbao/fingerprint", "sha256").hex()[:32]

    def store_id(self, report_id: uuid.UUID) -> uuid.UUID:
        """The id under which a report is stored."""
        return uuid.UUID(bytes=self._id_encryptor.update(report_id.bytes))

    def report_id(self, stored_id: uuid.UUID) -> uuid.UUID:
        """The reporter's own id of a stored report."""
        decryptor = self._ids.decryptor()
        return uuid.UUID(bytes=decryptor.update(stored_id.bytes) + decryptor.finalize())

    def shared_id(self, stored_id: uuid.UUID) -> uuid.UUID:
        """What a report is called to who leads its group: it opens nothing."""
        return self.store_id(stored_id)

    def stored_id_of(self, shared_id: uuid.UUID) -> uuid.UUID:
        """The stored id of a report by its `shared_id`."""
        return self.report_id(shared_id)

    def desk_report_id(self, station_id: str, intake_id: uuid.UUID) -> uuid.UUID:
        """The report id of what a station writes down: its officers only know `intake_id`."""
        said = f"{station_id}|{intake_id}".encode()
        return uuid.UUID(bytes=hmac.digest(self._desk, said, "sha256")[:16], version=4)

    def reporter_key(self, principal: str) -> bytes:
        """What links a report to `device:<id>` or `account:<uid>`."""
        return self._link(principal.encode())

    def receipt_code(self, report_id: uuid.UUID) -> str:
        """The receipt code of a report: 80 bits, always the same, XXXX-XXXX-XXXX-XXXX."""
        secret = int.from_bytes(self._receipts(report_id.bytes)[:10])
        return "-".join(
            [PAIRS[secret >> at + 10 & 1023] + PAIRS[secret >> at & 1023] for at in (60, 40, 20, 0)]
        )

    def receipt_hash(self, code: str) -> bytes:
        """What is stored of a receipt code, however it was typed (case, spaces, I L O)."""
        return self._pepper(as_read(code).encode())

    def invitation_hash(self, code: str) -> bytes:
        """What is stored of the code of an invitation, however it was typed."""
        return hmac.digest(self._invitations, as_read(code).encode(), "sha256")

    def bearer_mac(self, message: bytes) -> bytes:
        """Authenticates the short-lived tokens that we hand out and keep no row of."""
        return hmac.digest(self._bearer, message, "sha256")[:16]

    def seal_totp(self, staff_id: uuid.UUID, secret: str) -> bytes:
        """A staff member's TOTP secret, encrypted and bound to their account."""
        nonce = hashlib.sha256(staff_id.bytes + secret.encode()).digest()[:12]
        return nonce + self._totp.encrypt(nonce, secret.encode(), staff_id.bytes)

    def open_totp(self, staff_id: uuid.UUID, sealed: bytes) -> str:
        """The TOTP secret again."""
        return self._totp.decrypt(sealed[:12], sealed[12:], staff_id.bytes).decode()


def as_read(code: str) -> str:
    """A code of Crockford's digits without its typing: case, spaces, dashes, I L O."""
    return "".join(code.upper().translate(READ_ALIKE).replace("-", "").split())


def token_hash(token: str) -> bytes:
    """What is stored of a 256-bit bearer token."""
    return hashlib.sha256(token.encode()).digest()


def key_id(public: Ed25519PublicKey) -> str:
    """The short name of a public signing key."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]


def public_text(public: Ed25519PublicKey) -> str:
    """A public signing key as base64url without padding."""
    return base64.urlsafe_b64encode(public.public_bytes_raw()).decode().rstrip("=")


def create_keys(folder: Path) -> bool:
    """Make what is missing in the folder of keys, each file 0600; True when something was."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = {
        MASTER: lambda: os.urandom(32),
        SIGNING: lambda: Ed25519PrivateKey.generate().private_bytes_raw(),
        PUSH: lambda: X25519PrivateKey.generate().private_bytes_raw(),
    }
    missing = [name for name in made if not (folder / name).exists()]
    for name in missing:
        part = folder / f"{name}.part"
        part.touch(mode=0o600)
        part.write_bytes(made[name]())
        part.rename(folder / name)
    return bool(missing)


def load_keys(folder: Path) -> Keys:
    """The API's keys; raises `KeysMissing` when they have not been made."""
    try:
        master, signing = (folder / MASTER).read_bytes(), (folder / SIGNING).read_bytes()
        push = X25519PrivateKey.from_private_bytes((folder / PUSH).read_bytes())
    except FileNotFoundError as error:
        raise KeysMissing(f"{error.filename} is missing: run `tinbao keys create`") from error
    return Keys(
        master=master,
        signing=Ed25519PrivateKey.from_private_bytes(signing),
        push_public=push.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        ),
    )


def load_push_private(folder: Path) -> bytes:
    """The worker's private key, which opens push tokens."""
    return (folder / PUSH).read_bytes()
