"""What the tests of `notifications` share: an outbox to fill and read, and waiting."""

import datetime as dt
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from psycopg.rows import DictRow, dict_row
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from notifications import inbox, outbox, registrations
from notifications.registrations import TokenSealer, token_hash

TABLES = "deliveries, push_registrations, push_tokens, inbox_bindings, acknowledgements"
NOW = dt.datetime(2026, 11, 22, 21, 40, tzinfo=dt.UTC)
RECEIVED = {"station": "Công an phường Hàng Bạc"}
ALICE, BOB = b"a" * 32, b"b" * 32


@dataclass
class Outbox:
    """The tables of `notifications`, empty at first, and short ways to fill and read them."""

    dsn: str = field(repr=False)
    sessions: async_sessionmaker[AsyncSession]
    key: X25519PrivateKey

    async def register(self, recipient: bytes, token: str, language: str = "vi") -> None:
        """As the API does it."""
        sealed = TokenSealer(self.key.public_key()).seal(token)
        async with self.sessions.begin() as session:
            await registrations.register(
                session,
                recipient=recipient,
                token_hash=token_hash(b"k" * 32, token),
                sealed=sealed,
                language=language,
            )

    async def unregister(self, recipient: bytes) -> None:
        """As the API does it."""
        async with self.sessions.begin() as session:
            await registrations.unregister(session, recipient=recipient)

    async def bind(self, recipient: bytes, subject: uuid.UUID) -> None:
        """As the API does it."""
        async with self.sessions.begin() as session:
            await inbox.bind(session, recipient=recipient, subject=subject)

    async def owe(
        self, recipient: bytes | None, *, subject: uuid.UUID | None = None, times: int = 1
    ) -> list[str]:
        """Owe some messages, one after the other; answers their ids."""
        return [await self.owe_one(recipient, subject or uuid.uuid4()) for _ in range(times)]

    async def owe_one(self, recipient: bytes | None, subject: uuid.UUID) -> str:
        """Owe a message, in a transaction of its own: those of one transaction are equally old."""
        async with self.sessions.begin() as session:
            owed = await outbox.owe(
                session,
                subject=subject,
                recipient=recipient,
                kind="report.received",
                data=RECEIVED,
                now=NOW,
            )
        return str(owed)

    def connect(self, role: str = "tinbao_worker") -> psycopg.Connection[Any]:
        """A connection of the worker."""
        return psycopg.connect(
            self.dsn, autocommit=True, options=f"-c role={role}", connect_timeout=2
        )

    def ask(self, query: str, *parameters: Any) -> list[DictRow]:
        """Rows, or nothing, as the owner; for changing what only time would change, too."""
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []

    def deliveries(self) -> list[DictRow]:
        """All deliveries, oldest first."""
        return self.ask("select * from deliveries order by id")

    def states(self) -> list[str]:
        """The state of each delivery, oldest first."""
        return [row["state"] for row in self.deliveries()]


def until_true(true: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "It did not become true in time."
        time.sleep(0.02)
