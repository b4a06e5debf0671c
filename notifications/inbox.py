"""A reporter's inbox: everything they were told, once, oldest first.

The order is that of commits as far as a reader can tell: `(xid, seq)`, and nothing is shown before
every older transaction has ended, so that a row which commits late is not skipped.
"""

import base64
import binascii
import datetime as dt
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_CURSOR = struct.Struct(">Qq")


@dataclass(frozen=True, order=True)
class Position:
    """A place in an inbox; the next read starts behind it."""

    xid: int
    seq: int

    def encode(self) -> str:
        """The place as an opaque cursor."""
        return base64.urlsafe_b64encode(_CURSOR.pack(self.xid, self.seq)).decode().rstrip("=")

    @classmethod
    def decode(cls, cursor: str) -> Self:
        """The place a cursor stands for; ValueError when `encode` did not make it."""
        try:
            packed = base64.b64decode(cursor + "==", altchars=b"-_", validate=True)
            position = cls(*_CURSOR.unpack(packed))
        except (binascii.Error, struct.error, UnicodeError, ValueError):
            raise ValueError("This is no cursor of an inbox.") from None
        if position.seq < 0 or position.encode() != cursor:
            raise ValueError("This is no cursor of an inbox.")
        return position


START = Position(0, 0)
"""Before everything."""


@dataclass(frozen=True)
class InboxItem:
    """One message; `messages.render` makes its sentence of `kind` and `data`."""

    id: uuid.UUID
    subject: uuid.UUID
    kind: str
    data: dict[str, Any]
    created_at: dt.datetime
    position: Position


_FETCH = """
), fetched as (
    update acknowledgements as item set fetched_at = now()
    from page where item.id = page.id and item.fetched_at is null
)
select item.id, item.subject, item.kind, item.data, item.created_at, page.xid::text, page.seq
from page join acknowledgements as item on item.id = page.id
order by page.xid, page.seq
"""

_SHARED = "not starts_with(kind, 'group.')"
"""What whoever holds a receipt code of a report reads too. What a group's leader is told of it is
for that leader alone."""

READ_AS_RECIPIENT = text(f"""
with own as (
    select id, xid, seq from acknowledgements
    where recipient = :recipient
        and (xid, seq) > (cast(:xid as xid8), cast(:seq as bigint))
        and xid < pg_snapshot_xmin(pg_current_snapshot())
    order by xid, seq
    limit :limit
), bound as (
    select item.id, greatest(item.xid, binding.xid) as xid, item.seq
    from inbox_bindings as binding
    join acknowledgements as item on item.subject = binding.subject
    where binding.recipient = :recipient and item.recipient is distinct from :recipient
        and {_SHARED}
        and (greatest(item.xid, binding.xid), item.seq) > (cast(:xid as xid8), cast(:seq as bigint))
        and greatest(item.xid, binding.xid) < pg_snapshot_xmin(pg_current_snapshot())
), page as (
    select * from own union all select * from bound order by xid, seq limit :limit
{_FETCH}
""")  # noqa: S608 - both parts are constants
"""Served by `ix_acknowledgements_recipient` and `ix_acknowledgements_subject`."""

READ_AS_BEARER = text(f"""
with page as (
    select id, xid, seq from acknowledgements
    where subject = :subject and {_SHARED}
        and (xid, seq) > (cast(:xid as xid8), cast(:seq as bigint))
        and xid < pg_snapshot_xmin(pg_current_snapshot())
    order by xid, seq
    limit :limit
{_FETCH}
""")  # noqa: S608 - both parts are constants
"""Served by `ix_acknowledgements_subject`."""


async def read_inbox(
    session: AsyncSession,
    *,
    recipient: bytes | None = None,
    subject: uuid.UUID | None = None,
    after: Position | None,
    limit: int,
) -> list[InboxItem]:
    """The next messages behind `after`, marked as fetched.

    For a recipient: its own and those of the reports bound to it. For the holder of a receipt code
    (`subject`, no recipient): those of the one report. A repeated read gives the same again.
    """
    after = after or START
    place: dict[str, Any] = {"xid": str(after.xid), "seq": after.seq, "limit": limit}
    if recipient is not None:
        rows = await session.execute(READ_AS_RECIPIENT, {"recipient": recipient, **place})
    elif subject is not None:
        rows = await session.execute(READ_AS_BEARER, {"subject": subject, **place})
    else:
        raise ValueError("An inbox is a recipient's or a subject's.")
    return [
        InboxItem(
            id=row.id,
            subject=row.subject,
            kind=row.kind,
            data=row.data,
            created_at=row.created_at,
            position=Position(int(row.xid), row.seq),
        )
        for row in rows
    ]


HISTORY = text(f"""
select id, subject, kind, data, created_at, xid::text, seq from acknowledgements
where subject = :subject and {_SHARED}
order by acknowledgements.xid desc, seq desc limit :limit
""")  # noqa: S608 - constants
"""Served by `ix_acknowledgements_subject`."""


async def told_about(session: AsyncSession, *, subject: uuid.UUID, limit: int) -> list[InboxItem]:
    """What was last said about a subject, oldest first; nothing of it counts as fetched."""
    rows = await session.execute(HISTORY, {"subject": subject, "limit": limit})
    items = [
        InboxItem(
            id=row.id,
            subject=row.subject,
            kind=row.kind,
            data=row.data,
            created_at=row.created_at,
            position=Position(int(row.xid), row.seq),
        )
        for row in rows
    ]
    return items[::-1]


BIND = text("""
insert into inbox_bindings (recipient, subject) values (:recipient, :subject)
on conflict do nothing
""")


async def bind(session: AsyncSession, *, recipient: bytes, subject: uuid.UUID) -> None:
    """From now on `recipient` reads the inbox of `subject` too, from its beginning."""
    await session.execute(BIND, {"recipient": recipient, "subject": subject})


MARK_SHOWN = text("""
update acknowledgements as item
set shown_at = now(), fetched_at = coalesce(item.fetched_at, now())
where item.id = any(:ids) and item.shown_at is null
    and (
        item.subject = :subject
        or item.recipient = :recipient
        or item.subject in (select subject from inbox_bindings where recipient = :recipient)
    )
""")


async def mark_shown(
    session: AsyncSession,
    *,
    recipient: bytes | None = None,
    subject: uuid.UUID | None = None,
    ids: Sequence[uuid.UUID],
) -> None:
    """Note what the phone says it has shown; messages of other inboxes stay as they are."""
    await session.execute(
        MARK_SHOWN, {"recipient": recipient, "subject": subject, "ids": list(ids)}
    )
