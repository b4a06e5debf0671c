"""The register of a station: each case it takes up has a number in it, without gaps."""

import datetime as dt
import uuid

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from api.accounts.sessions import OfficerIdentity
from api.clock import VIETNAM
from api.reports.tables import Register, RegisterEntry, Report
from api.triage.queries import owned_by


async def enter_into_register(
    session: AsyncSession, officer: OfficerIdentity, case_id: uuid.UUID, *, now: dt.datetime
) -> str:
    """The case's number in its station's register, such as `12/2026`.

    A case that comes back to a station keeps its number there; any other gets the next one of the
    year in Vietnam.
    """
    year, number = await earlier_entry(session, officer, case_id) or await new_entry(
        session, officer, case_id, now=now
    )
    await session.execute(
        update(Report)
        .where(Report.case_id == case_id, owned_by(officer))
        .values(register_year=year, register_number=number)
        .execution_options(synchronize_session=False)
    )
    return f"{number}/{year}"


async def earlier_entry(
    session: AsyncSession, officer: OfficerIdentity, case_id: uuid.UUID
) -> tuple[int, int] | None:
    """The year and number a case already has in this station's register.

    The case's row is locked by the step that is being taken, so nobody else is entering it.
    """
    found = await session.execute(
        select(RegisterEntry.year, RegisterEntry.number).where(
            RegisterEntry.case_id == case_id, RegisterEntry.station_id == officer.station_id
        )
    )
    row = found.one_or_none()
    return None if row is None else (row.year, row.number)


async def new_entry(
    session: AsyncSession, officer: OfficerIdentity, case_id: uuid.UUID, *, now: dt.datetime
) -> tuple[int, int]:
    """Enter a case into this year's register; its year and number.

    Numbers have no gaps: the register's row stays locked until the transaction ends, and one that
    fails gives its number back.
    """
    year = now.astimezone(VIETNAM).year
    line = {"station_id": officer.station_id, "year": year}
    found = await session.execute(
        postgresql.insert(Register)
        .values(**line, last_number=1)
        .on_conflict_do_update(
            index_elements=[Register.station_id, Register.year],
            set_={"last_number": Register.last_number + 1},
        )
        .returning(Register.last_number)
    )
    number = found.scalar_one()
    await session.execute(
        insert(RegisterEntry).values(**line, number=number, case_id=case_id, entered_at=now)
    )
    return year, number
