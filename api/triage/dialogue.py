"""What a station and a reporter say to each other. The thread is one reporter's and one case's."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from api import problems
from api.reports.tables import Report
from api.triage import steps
from api.triage.lifecycle import Act, Case, Done, name_of, take
from api.triage.queries import owned_by
from api.triage.tables import CaseMessage, Side


async def ask(session: AsyncSession, act: Act, *, text: str) -> None:
    """Ask the reporter something; the case waits for the answer."""

    async def put(_: Case) -> Done:
        await say_as_station(session, act, uuid.uuid4(), text, question=True)
        return await signed(session, act)

    await take(session, act, steps.QUESTIONED, then=put)


async def message(session: AsyncSession, act: Act, *, message_id: uuid.UUID, text: str) -> None:
    """Tell the reporter something; the same message again changes nothing."""
    own = (Report.case_id == act.case_id, owned_by(act.officer))
    await session.execute(select(Report.case_id).where(*own).with_for_update(key_share=True))
    if await said_before(session, act.case_id, Side.STATION, message_id, text):
        return

    async def put(_: Case) -> Done:
        await say_as_station(session, act, message_id, text)
        return await signed(session, act)

    await take(session, act, steps.MESSAGED, then=put)


async def signed(session: AsyncSession, act: Act) -> Done:
    """The reporter hears that their station said something; the words are in the dialogue."""
    return Done(told={"station": await name_of(session, act.officer.station_id)})


async def said_before(
    session: AsyncSession, case_id: uuid.UUID, side: Side, message_id: uuid.UUID, text: str
) -> bool:
    """Whether this side has said this already; an id of other words raises `MessageIdReused`.

    The caller has locked the case's row, so nobody is saying it just now.
    """
    said = await session.scalar(
        select(CaseMessage.text).where(
            CaseMessage.case_id == case_id, CaseMessage.side == side, CaseMessage.id == message_id
        )
    )
    if said is None:
        return False
    if said != text:
        raise problems.MessageIdReused
    return True


async def say_as_station(
    session: AsyncSession, act: Act, message_id: uuid.UUID, text: str, *, question: bool = False
) -> None:
    """Add what an officer says in the station's name; the step has locked the case."""
    await say(
        session,
        act.case_id,
        message_id,
        text,
        now=act.now,
        side=Side.STATION,
        question=question,
        station_id=act.officer.station_id,
        staff_id=act.officer.staff_id,
    )


async def say(
    session: AsyncSession,
    case_id: uuid.UUID,
    message_id: uuid.UUID,
    text: str,
    *,
    now: dt.datetime,
    side: Side,
    **author: Any,
) -> None:
    """Add to the thread of a locked case."""
    last = select(func.coalesce(func.max(CaseMessage.number), 0)).where(
        CaseMessage.case_id == case_id
    )
    await session.execute(
        insert(CaseMessage)
        .values(
            case_id=case_id,
            number=last.scalar_subquery() + 1,
            id=message_id,
            side=side,
            text=text,
            at=now,
            **author,
        )
        .inline()
    )
