"""The signed receipt: what anyone can check later without asking us."""

import base64
import datetime as dt
import hashlib
import uuid
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel
from pydantic_core import to_json

from api.clock import local
from api.reports.schemas import ReportIn
from api.secrets import Keys, key_id

PLAIN = frozenset({str, int, bool, type(None)})


class _UnlikeJavaScript(ValueError):  # noqa: N818 - says what is the matter
    """pydantic writes a number in another way than RFC 8785 wants it."""


def canonical(value: dict[str, Any] | BaseModel) -> bytes:
    """RFC 8785 of an object or a model whose names are all ASCII.

    pydantic's encoder escapes strings as the RFC does and is many times as fast as `rfc8785`, which
    remains for the numbers that it would write in another way.
    """
    try:
        return to_json(_plain(value))
    except _UnlikeJavaScript:
        whole = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        return rfc8785.dumps(whole)


def _plain(value: Any) -> Any:
    """The same, with names in order, whole numbers as integers and nothing but JSON's own kinds."""
    if isinstance(value, float):
        whole = value.is_integer()
        if not (0 if whole else 1e-4) <= abs(value) < 2**53:
            raise _UnlikeJavaScript
        return int(value) if whole else value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, BaseModel):
        value = vars(value)
    if isinstance(value, dict):
        return {
            name: each if type(each) in PLAIN else _plain(each)
            for name, each in sorted(value.items())
        }
    return value


def body_sha256(report: ReportIn) -> bytes:
    """SHA-256 of the report's canonical JSON (RFC 8785), defaults filled in, strings NFC."""
    return hashlib.sha256(canonical(report)).digest()


def signed_bytes(
    *,
    report_id: str,
    received_at: str,
    body_sha256: str,
    station_id: str,
    edition_id: int | None,
    key_id: str,
) -> bytes:
    """What the signature covers (RFC 8785): the names in order, as it wants them."""
    return to_json(
        {
            "body_sha256": body_sha256,
            "edition_id": edition_id,
            "id": report_id,
            "key_id": key_id,
            "received_at": received_at,
            "station_id": station_id,
        }
    )


def sign(
    keys: Keys,
    *,
    report_id: uuid.UUID,
    received_at: dt.datetime,
    body_hash: bytes,
    station_id: str,
    edition_id: int | None,
) -> bytes:
    """The Ed25519 signature of an acceptance."""
    return keys.sign(
        signed_bytes(
            report_id=str(report_id),
            received_at=local(received_at),
            body_sha256=body_hash.hex(),
            station_id=station_id,
            edition_id=edition_id,
            key_id=keys.signing_key_id,
        )
    )


def encode(signature: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(signature).decode().rstrip("=")


def decode(text: str) -> bytes:
    """The bytes of a base64url text with or without padding; ValueError if it is none."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def verify(accepted: dict[str, Any], public: str) -> None:
    """Check the answer to a report (201 or 200) against a public key, base64url.

    Raises ValueError, saying what does not hold.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(decode(public))
        receipt, routing = accepted["receipt"], accepted["routing"]
        edition = routing["edition"]
        message = signed_bytes(
            report_id=str(accepted["id"]),
            received_at=str(accepted["received_at"]),
            body_sha256=receipt["body_sha256"],
            station_id=routing["station"]["id"],
            edition_id=edition and edition["id"],
            key_id=receipt["key_id"],
        )
        signature = decode(receipt["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("This is not a receipt, or not a public key.") from error
    if receipt["key_id"] != key_id(key):
        raise ValueError("The receipt was signed with another key.")
    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise ValueError("The signature does not fit: something was changed.") from None
