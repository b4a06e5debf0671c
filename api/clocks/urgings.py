"""Urging (*đôn đốc*): the commander asks why, the station answers, both stay on record.

A commander knows a case by its number and its deadline only, so nothing here reads what it says.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import Result, Row, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.accounts.sessions import OfficerIdentity
from api.accounts.tables import StaffRole
from api.clocks import notices
from api.clocks.notices import Audience, Notice
from api.clocks.schemas import UrgingOut
from api.clocks.tables import Urging
from api.reports.tables import OPEN, Report
from api.triage import steps
from api.triage.lifecycle import Act, Case, Done, record, take, with_service_rights
from geo.tables import Station, StationKind

log = structlog.get_logger()

SHOWN = (
    Urging.id,
    Urging.case_id,
    Urging.station_id,
    Urging.text,
    Urging.created_at,
    Urging.answer,
    Urging.answered_at,
)


async def urgings_of(session: AsyncSession, case_id: uuid.UUID) -> list[UrgingOut]:
    """What its station was asked about a case; nobody but the owner sees any."""
    query = select(*SHOWN).where(Urging.case_id == case_id)
    found = await session.execute(query.order_by(Urging.created_at, Urging.id))
    return [UrgingOut.model_validate(row, from_attributes=True) for row in found]


async def renewed_in(session: AsyncSession, case_id: uuid.UUID, province_code: str | None) -> str:
    """Make a new version of an open case of a province's station; whose it is.

    `NotFound` for any other case. What is about the police is oversight's, so no commander's.
    """
    stations = select(Station.id).where(
        Station.province_code == province_code, Station.kind != StationKind.OVERSIGHT
    )
    found = await session.execute(
        update(Report)
        .where(Report.case_id == case_id, Report.state.in_(OPEN), Report.station_id.in_(stations))
        .values(version=Report.version + 1)
        .returning(Report.station_id)
        .execution_options(synchronize_session=False)
    )
    station_id: str | None = found.scalar_one_or_none()
    if station_id is None:
        raise problems.NotFound
    return station_id


async def waiting(
    session: AsyncSession, officer: OfficerIdentity, case_id: uuid.UUID, text: str
) -> UrgingOut | None:
    """The same words of the same person that the case's station has not answered yet.

    The case is locked first: of two who send them at once, the second finds them.
    """
    locked = select(Report.station_id).where(Report.case_id == case_id).with_for_update()
    station_id = await session.scalar(locked)
    found = await session.execute(
        select(*SHOWN)
        .where(
            Urging.case_id == case_id,
            Urging.staff_id == officer.staff_id,
            Urging.province_code == officer.province_code,
            Urging.station_id == station_id,
            Urging.text == text,
            Urging.answered_at.is_(None),
        )
        .order_by(Urging.created_at, Urging.id)
        .limit(1)
    )
    row = found.one_or_none()
    return None if row is None else UrgingOut.model_validate(row, from_attributes=True)


async def urge(
    session: AsyncSession,
    officer: OfficerIdentity,
    case_id: uuid.UUID,
    *,
    text: str,
    now: dt.datetime,
) -> tuple[UrgingOut, bool]:
    """Ask the station that has a case; its chief and its officers are told. Whether it is asked
    only now: what still waits for an answer is not asked again."""
    before = await waiting(session, officer, case_id, text)
    if before is not None:
        return before, False
    station_id = await renewed_in(session, case_id, officer.province_code)
    urging_id = uuid.uuid4()
    await session.execute(
        insert(Urging).values(
            id=urging_id,
            case_id=case_id,
            station_id=station_id,
            province_code=officer.province_code,
            staff_id=officer.staff_id,
            text=text,
            created_at=now,
        )
    )
    roles = (StaffRole.STATION_CHIEF, StaffRole.DUTY_OFFICER)
    audiences = [Audience(role=role, station_id=station_id) for role in roles]
    data = {"urging_id": str(urging_id)}
    await notices.tell(session, audiences, Notice(notices.URGED, case_id, data=data), now=now)
    await record(session, "case.urged", case_id, officer=officer, now=now, data=data)
    log.info("case.urged", case_id=str(case_id), station_id=station_id)
    made = UrgingOut(
        id=urging_id,
        case_id=case_id,
        station_id=station_id,
        text=text,
        created_at=now,
        answer=None,
        answered_at=None,
    )
    return made, True


async def answer(session: AsyncSession, act: Act, text: str) -> None:
    """Answer every urging of a case that still waits; the commanders who asked are told."""

    async def reply(_: Case) -> Done:
        async with with_service_rights(session, act.officer):
            found: Result[Any] = await session.execute(
                update(Urging)
                .where(Urging.case_id == act.case_id, Urging.answered_at.is_(None))
                .values(answered_at=act.now, answered_by=act.officer.staff_id, answer=text)
                .returning(Urging.id, Urging.staff_id)
                .execution_options(synchronize_session=False)
            )
            rows = found.all()
            if not rows:
                raise problems.NothingToAnswer
            for row in rows:
                notice = Notice(notices.ANSWERED, act.case_id, data={"urging_id": str(row.id)})
                asker = [Audience(staff_id=row.staff_id)]
                await notices.tell(session, asker, notice, now=act.now)
        return Done({"urging_ids": [str(row.id) for row in rows]})

    await take(session, act, steps.URGING_ANSWERED, then=reply)


async def urgings_in(
    session: AsyncSession,
    province_code: str,
    *,
    before: tuple[dt.datetime, uuid.UUID] | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """A page of a province's urgings, newest first; served by `ix_urgings_province`."""
    query = select(*SHOWN).where(Urging.province_code == province_code)
    if before is not None:
        query = query.where(tuple_(Urging.created_at, Urging.id) < before)
    found: Result[Any] = await session.execute(
        query.order_by(Urging.created_at.desc(), Urging.id.desc()).limit(limit)
    )
    return found.all()
