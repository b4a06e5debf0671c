"""Sealing a reporter's name and phone (HPKE, RFC 9180) so that the API cannot read them again.

The suite is the post-quantum hybrid ML-KEM-768 + X25519 / HKDF-SHA256 / AES-256-GCM. `info` binds
the sealed bytes to their case and key: moved to another row they do not open.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert

from api.reports.tables import SealingKey
from geo.tables import Province

SUITE = "MLKEM768_X25519/HKDF_SHA256/AES_256_GCM"
NATIONAL = "vn"
X25519_BYTES = 32


def _suite() -> Suite:
    return Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _info(case_id: uuid.UUID, key_id: str) -> bytes:
    return f"contact/v1|case={case_id}|key={key_id}".encode()


def _public(raw: bytes) -> MLKEM768X25519PublicKey:
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(raw[:-X25519_BYTES]),
        X25519PublicKey.from_public_bytes(raw[-X25519_BYTES:]),
    )


@dataclass(frozen=True)
class Sealed:
    """Sealed bytes and the key that opens them."""

    key_id: str
    contents: bytes


class Sealer:
    """The public keys in force: one a province, one for the national desk."""

    def __init__(self, keys: Mapping[str, tuple[str, bytes]]) -> None:
        """`keys`: scope (province code or `vn`) to (key id, public bytes)."""
        self._keys = {scope: (key, _public(raw)) for scope, (key, raw) in keys.items()}

    @property
    def ready(self) -> bool:
        """Whether every contact can be sealed: the national key takes what no province's does."""
        return NATIONAL in self._keys

    def seal(
        self, contact: Mapping[str, str | None], *, case_id: uuid.UUID, province_code: str | None
    ) -> Sealed:
        """Seal a contact to its owner province, else to the national desk; needs `ready`."""
        key_id, public = self._keys.get(province_code or NATIONAL) or self._keys[NATIONAL]
        plain = json.dumps(contact, ensure_ascii=False, sort_keys=True).encode()
        return Sealed(key_id, _suite().encrypt(plain, public, info=_info(case_id, key_id)))


def load_sealer(connection: Connection) -> Sealer:
    """The newest key of every scope."""
    rows = connection.execute(
        select(SealingKey.scope, SealingKey.id, SealingKey.public_key).order_by(
            SealingKey.created_at
        )
    )
    return Sealer({scope: (key, raw) for scope, key, raw in rows})  # the newest comes last


def create_sealing_keys(engine: Engine, folder: Path) -> list[str]:
    """Make a key pair for the nation and for each province that has none; the scopes made.

    Private halves go to `folder`, one file a scope, 0600. Whoever can read that folder can read
    every reporter's name: a serious installation moves it off the API's machine.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with engine.begin() as connection:
        known = set(connection.scalars(select(SealingKey.scope)))
        wanted = [NATIONAL, *connection.scalars(select(Province.code).order_by(Province.code))]
        missing = [scope for scope in wanted if scope not in known]
        for scope in missing:
            key_id, private, public = _generate()
            file = folder / f"{scope}.{key_id}.key"
            file.touch(mode=0o600)
            file.write_bytes(private)
            connection.execute(
                insert(SealingKey).values(id=key_id, scope=scope, suite=SUITE, public_key=public)
            )
    return missing


def _generate() -> tuple[str, bytes, bytes]:
    kem, curve = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
    public = kem.public_key().public_bytes_raw() + curve.public_key().public_bytes(
        Encoding.Raw, PublicFormat.Raw
    )
    private = kem.private_bytes_raw() + curve.private_bytes(
        Encoding.Raw, PrivateFormat.Raw, NoEncryption()
    )
    return hashlib.sha256(public).hexdigest()[:16], private, public


def open_contact(
    private: bytes, sealed: bytes, *, case_id: uuid.UUID, key_id: str
) -> dict[str, str | None]:
    """A contact again, for the holder of the private half; InvalidTag if anything was moved."""
    key = MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(private[:-X25519_BYTES]),
        X25519PrivateKey.from_private_bytes(private[-X25519_BYTES:]),
    )
    contact: dict[str, str | None] = json.loads(
        _suite().decrypt(sealed, key, info=_info(case_id, key_id))
    )
    return contact
