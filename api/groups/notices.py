"""Telling a group's leaders that a report filed as the group is another station's now.

A leader answers for what the group reports, whoever of it filed it. Who filed it themselves is told
as its reporter and not twice; of complaints about the police, and of what oversight has, no leader
is told.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from api.reports.routing import OFFICER_CONDUCT
from api.reports.tables import ReportKind
from geo.tables import StationKind
from notifications.outbox import OWE_MANY, Debt, arrays
from notifications.wakeups import DELIVERIES, wake_after

REROUTED = "group.report_rerouted"

LEADERS = text(f"""
select report.id as subject, leader.member_key as recipient, owner.name as station,
    groups.name as group_name
from reports as report
join groups on groups.id = report.group_id
join stations as owner on owner.id = report.station_id
join memberships as leader on leader.group_id = groups.id
    and leader.role = 'leader' and leader.left_at is null
where report.case_id = any(:case_ids) and report.group_id is not null
    and leader.member_key is distinct from report.reporter_key
    and report.kind <> '{ReportKind.COMPLAINT_ABOUT_POLICE}'
    and report.category <> '{OFFICER_CONDUCT}' and not report.about_station
    and owner.kind <> '{StationKind.OVERSIGHT}'
order by report.case_id, leader.member_key
""")  # noqa: S608 - constants
"""Served by `ix_memberships_group`."""


def debts(rows: Sequence[Row[Any]], now: dt.datetime) -> list[Debt]:
    """What the leaders are owed."""
    return [
        Debt(
            id=uuid.uuid4(),
            subject=row.subject,
            recipient=row.recipient,
            kind=REROUTED,
            data={"group": row.group_name, "station": row.station},
            now=now,
        )
        for row in rows
    ]


async def rerouted(session: AsyncSession, case_id: uuid.UUID, now: dt.datetime) -> None:
    """Owe the leaders a message, with the service's rights, once the case has its new owner."""
    found = (await session.execute(LEADERS, {"case_ids": [case_id]})).all()
    if found:
        connection = await session.connection()
        await connection.exec_driver_sql(OWE_MANY, arrays(debts(found, now)))
        wake_after(session, DELIVERIES)


def rerouted_many(connection: Connection, case_ids: Sequence[uuid.UUID], now: dt.datetime) -> None:
    """The same for many cases at once, as the worker or an operator gives them other owners."""
    found = connection.execute(LEADERS, {"case_ids": list(case_ids)}).all()
    if found:
        connection.exec_driver_sql(OWE_MANY, arrays(debts(found, now)))
