"""Where a recipient wants to be woken: sealing push tokens, registering and forgetting them.

The API seals and hashes; only the worker holds the key that opens. A token that the provider
disowned is never used again, whoever registers it.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from notifications.messages import check_language

INFO = b"push-token/v1"
"""Binds a sealed token to its purpose: sealed bytes of anything else do not open as a token."""


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class TokenSealer:
    """Seals push tokens for the worker (HPKE, RFC 9180, base mode)."""

    def __init__(self, public_key: X25519PublicKey) -> None:
        self._suite, self._key = _suite(), public_key

    def seal(self, token: str) -> bytes:
        """The token, sealed; different bytes at each call."""
        return self._suite.encrypt(token.encode(), self._key, info=INFO)


class TokenOpener:
    """Opens what `TokenSealer` sealed."""

    def __init__(self, private_key: X25519PrivateKey) -> None:
        self._suite, self._key = _suite(), private_key

    def open(self, sealed: bytes) -> str:
        """The token; ValueError when it was sealed for another key or is damaged."""
        try:
            return self._suite.decrypt(sealed, self._key, info=INFO).decode()
        except InvalidTag:
            raise ValueError("The token was not sealed for this key.") from None


def token_hash(key: bytes, token: str) -> bytes:
    """By what a token is recognised at rest: HMAC-SHA256."""
    return hmac.digest(key, token.encode(), hashlib.sha256)


KEEP_TOKEN = text("""
insert into push_tokens (token_hash, sealed) values (:token_hash, :sealed)
on conflict (token_hash) do update
    set sealed = case when push_tokens.dropped_at is null then excluded.sealed end
returning id
""")

KEEP_REGISTRATION = text("""
with previous as (
    select token_id from push_registrations where recipient = :recipient
), kept as (
    insert into push_registrations (recipient, token_id, language)
    values (:recipient, :token_id, :language)
    on conflict (recipient) do update
        set token_id = excluded.token_id, language = excluded.language, updated_at = now()
)
select token_id from previous where token_id <> :token_id
""")

FORGET_REGISTRATION = text("""
delete from push_registrations where recipient = :recipient returning token_id
""")

LOCK_TOKEN = text("""
select 1 from push_tokens where id = :token_id for no key update
""")
"""Taken before the token's deliveries, the same order as in `outbox.settle`."""

DROP_DELIVERIES = text("""
update deliveries set state = 'dropped', settled_at = now(), lease = null
where token_id = :token_id and state = 'pending'
    and not exists (select from push_registrations where token_id = :token_id)
""")

ERASE_TOKEN = text("""
update push_tokens set sealed = null
where id = :token_id
    and not exists (select from push_registrations where token_id = :token_id)
    and not exists (select from deliveries where token_id = :token_id and state = 'pending')
""")


async def register(
    session: AsyncSession, *, recipient: bytes, token_hash: bytes, sealed: bytes, language: str
) -> None:
    """Wake `recipient` at this token from now on, and nowhere else.

    What is still owed to the recipient's former token is sent there; the token is forgotten after.
    """
    check_language(language)
    kept = await session.execute(KEEP_TOKEN, {"token_hash": token_hash, "sealed": sealed})
    token_id = kept.scalar_one()
    previous = await session.execute(
        KEEP_REGISTRATION, {"recipient": recipient, "token_id": token_id, "language": language}
    )
    former = previous.scalar_one_or_none()
    if former is not None:
        await session.execute(ERASE_TOKEN, {"token_id": former})


async def unregister(session: AsyncSession, *, recipient: bytes) -> None:
    """Wake `recipient` no more; a token nobody else uses is forgotten with all it was owed."""
    removed = await session.execute(FORGET_REGISTRATION, {"recipient": recipient})
    token_id = removed.scalar_one_or_none()
    if token_id is None:
        return
    await session.execute(LOCK_TOKEN, {"token_id": token_id})
    await session.execute(DROP_DELIVERIES, {"token_id": token_id})
    await session.execute(ERASE_TOKEN, {"token_id": token_id})
