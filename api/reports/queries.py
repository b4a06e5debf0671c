"""What a reporter can read of their own reports."""

import datetime as dt
import uuid
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Result, Row, Select, delete, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.identity import ReaderIdentity
from api.audit import audited
from api.groups.naming import group_name
from api.reports.tables import Report, SealedContact
from geo.tables import Station
from notifications.tables import InboxBinding

REPORT = (
    Report.id,
    Report.state,
    Report.kind,
    Report.category,
    Report.text,
    Report.received_at,
    Report.observed_at,
    Report.register_number,
    Report.register_year,
    Report.routing,
    Report.station_id,
    Report.group_id,
    group_name(),
)
STATION = (
    Station.name.label("station_name"),
    Station.phone.label("station_phone"),
    Station.kind.label("station_kind"),
)


def readable_by(reader: ReaderIdentity) -> ColumnElement[bool]:
    """Which reports a reader may read: the only place that says so."""
    if reader.recipient is None:
        return Report.id == reader.subject
    bound = select(InboxBinding.subject).where(InboxBinding.recipient == reader.recipient)
    return (Report.reporter_key == reader.recipient) | Report.id.in_(bound)


class Position(NamedTuple):
    """Where a report stands in its reader's list."""

    received_at: dt.datetime
    stored_id: uuid.UUID


async def position_of(
    session: AsyncSession, reader: ReaderIdentity, stored_id: uuid.UUID
) -> Position | None:
    """Where a page goes on after this report; None when it is not the reader's."""
    found = await session.execute(
        select(Report.received_at, Report.id).where(Report.id == stored_id, readable_by(reader))
    )
    row = found.one_or_none()
    return Position(*row) if row is not None else None


def reports_statement(reader: ReaderIdentity, *, after: Position | None, limit: int) -> Select[Any]:
    """The reader's reports, newest first.

    Their own are served by `ix_reports_reporter`; those bound by a receipt, like the one of a
    receipt's holder, by the primary key.
    """
    parts = [select(*REPORT).where(Report.id == reader.subject)]
    if reader.recipient is not None:
        bound = select(*REPORT).join(InboxBinding, InboxBinding.subject == Report.id)
        parts = [
            select(*REPORT).where(Report.reporter_key == reader.recipient),
            bound.where(
                InboxBinding.recipient == reader.recipient,
                Report.reporter_key.is_distinct_from(reader.recipient),
            ),
        ]
    if after is not None:
        parts = [part.where(tuple_(Report.received_at, Report.id) < after) for part in parts]
    newest = (Report.received_at.desc(), Report.id.desc())
    page = union_all(
        *(part.order_by(*newest).limit(limit).subquery().select() for part in parts)
    ).subquery()
    return (
        select(page, *STATION)
        .join(page, page.c.station_id == Station.id)
        .order_by(page.c.received_at.desc(), page.c.id.desc())
        .limit(limit)
    )


async def my_reports(
    session: AsyncSession, reader: ReaderIdentity, *, after: Position | None, limit: int
) -> list[Row[Any]]:
    """A page of the reader's reports (see `reports_statement`)."""
    return list(await session.execute(reports_statement(reader, after=after, limit=limit)))


def report_statement(reader: ReaderIdentity, stored_id: uuid.UUID) -> Select[Any]:
    """One of the reader's reports; served by the primary key."""
    query = select(*REPORT, *STATION).join(Station, Station.id == Report.station_id)
    return query.where(Report.id == stored_id, readable_by(reader))


async def my_report(
    session: AsyncSession, reader: ReaderIdentity, stored_id: uuid.UUID
) -> Row[Any] | None:
    """One of the reader's reports."""
    found: Result[Any] = await session.execute(report_statement(reader, stored_id))
    return found.one_or_none()


async def stored_id_of_receipt(session: AsyncSession, receipt_hash: bytes) -> uuid.UUID | None:
    """The report a receipt code opens."""
    found: uuid.UUID | None = await session.scalar(
        select(Report.id).where(Report.receipt_hash == receipt_hash)
    )
    return found


async def delete_contact(
    session: AsyncSession, reader: ReaderIdentity, stored_id: uuid.UUID
) -> bool:
    """Erase the sealed contact of one of the reader's reports, on record; False if not theirs."""
    case_id = await session.scalar(
        select(Report.case_id).where(Report.id == stored_id, readable_by(reader))
    )
    if case_id is None:
        return False
    await session.execute(delete(SealedContact).where(SealedContact.case_id == case_id))
    await session.execute(
        audited(
            "contact.deleted", actor_kind="reporter", object_kind="case", object_id=str(case_id)
        )
    )
    return True
