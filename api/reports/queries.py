"""What a reporter can read of their own reports."""

import uuid
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.identity import ReaderIdentity
from api.audit import audited
from api.reports.tables import Report, SealedContact
from geo.tables import Station
from notifications.tables import InboxBinding

COLUMNS = (
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
    Station.id.label("station_id"),
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


async def my_reports(
    session: AsyncSession, reader: ReaderIdentity, *, after: uuid.UUID | None, limit: int
) -> list[Row[Any]]:
    """The reader's reports, newest first; served by `ix_reports_reporter`."""
    query = select(*COLUMNS).join(Station, Station.id == Report.station_id)
    query = query.where(readable_by(reader))
    if after is not None:
        place = select(Report.received_at, Report.id).where(Report.id == after, readable_by(reader))
        query = query.where(tuple_(Report.received_at, Report.id) < place.scalar_subquery())
    query = query.order_by(Report.received_at.desc(), Report.id.desc()).limit(limit)
    return list(await session.execute(query))


async def my_report(
    session: AsyncSession, reader: ReaderIdentity, stored_id: uuid.UUID
) -> Row[Any] | None:
    """One of the reader's reports."""
    query = select(*COLUMNS).join(Station, Station.id == Report.station_id)
    found = await session.execute(query.where(Report.id == stored_id, readable_by(reader)))
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
