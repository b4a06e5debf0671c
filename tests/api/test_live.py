"""The feed of changes and officers' streams: everything in order, once, to who may see it."""

import asyncio
import datetime as dt
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text, update

from api.accounts.sessions import OfficerIdentity
from api.accounts.tables import Staff, StaffRole, StaffSession
from api.live import hub as live_hub
from api.live.hub import Hub
from api.live.routes import events
from api.reports.tables import CaseEvent, Report
from api.secrets import token_hash
from notifications.inbox import Position
from tests.factories import keep, make_officer, make_report, make_station

SOON_S = 10.0


@dataclass
class Told:
    """One event of a stream."""

    name: str
    id: str
    data: dict[str, Any]


@dataclass
class Officer:
    """Somebody with a session."""

    token: str
    identity: OfficerIdentity

    @property
    def hashed(self) -> bytes:
        """What is stored of the token."""
        return token_hash(self.token)


def officer(engine: Engine, station_id: str) -> Officer:
    """A duty officer of a station."""
    token = make_officer(engine, station_id)
    with engine.connect() as connection:
        staff_id = connection.scalar(
            text("select staff_id from staff_sessions where token_hash = :hash"),
            {"hash": token_hash(token)},
        )
    identity = OfficerIdentity(staff_id, "officer", StaffRole.DUTY_OFFICER, station_id, None)
    return Officer(token, identity)


class Listener:
    """Reads a stream as a browser does."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self.stream = stream

    async def next(self) -> Told | None:
        """The next event; None when the stream has ended."""
        try:
            async with asyncio.timeout(SOON_S):
                raw = await anext(self.stream)
        except StopAsyncIteration:
            return None
        lines = dict(line.split(": ", 1) for line in raw.decode().strip().split("\n"))
        return Told(lines["event"], lines["id"], json.loads(lines["data"]))

    async def until(self, name: str) -> Told:
        """The next event of that name."""
        while (told := await self.next()) is not None:
            if told.name == name:
                return told
        raise AssertionError(f"The stream ended before {name}.")


@asynccontextmanager
async def listening(
    hub: Hub, who: Officer, last_event_id: str | None = None
) -> AsyncIterator[Listener]:
    """An open stream."""
    stream = events(hub, who.hashed, who.identity, last_event_id)
    try:
        yield Listener(stream)
    finally:
        await stream.aclose()  # type: ignore[attr-defined]


async def eventually(happened: Callable[[], bool]) -> None:
    """Until it has happened."""
    for _ in range(int(SOON_S / 0.02)):
        if happened():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("It did not happen.")


@pytest.fixture
async def hub(app: FastAPI) -> Hub:
    """The hub of the running service, once it reads."""
    made: Hub = app.state.hub
    await eventually(lambda: made.ready)
    return made


async def test_a_new_report_is_told_to_owner_and_informed_and_to_nobody_else(
    hub: Hub, engine: Engine
) -> None:
    own, neighbour, other = (make_station(engine).id for _ in range(3))
    async with (
        listening(hub, officer(engine, own)) as owner,
        listening(hub, officer(engine, neighbour)) as informed,
        listening(hub, officer(engine, other)) as stranger,
    ):
        for listener in (owner, informed, stranger):
            assert (await listener.until("ready")).data == {}
        report = make_report(engine, own, informed=(neighbour,))
        foreign = make_report(engine, other)

        told = await owner.until("case.changed")
        assert told.data == {
            "case_id": str(report.case_id),
            "kind": "report.received",
            "state": "received",
            "version": 1,
            "category": "noise",
            "urgency": 1,
            "relation": "owner",
        }
        assert (await informed.until("case.changed")).data["relation"] == "informed"
        assert (await stranger.until("case.changed")).data["case_id"] == str(foreign.case_id)


async def test_who_comes_back_is_told_what_was_missed_in_order_and_once(
    hub: Hub, engine: Engine
) -> None:
    station = make_station(engine).id
    who = officer(engine, station)
    async with listening(hub, who) as listener:
        await listener.until("ready")
        first = make_report(engine, station)
        seen = await listener.until("case.changed")
    assert seen.data["case_id"] == str(first.case_id)
    missed = [str(make_report(engine, station).case_id) for _ in range(5)]

    async with listening(hub, who, seen.id) as listener:
        again: list[str] = []
        while len(again) < len(missed):
            again.append((await listener.until("case.changed")).data["case_id"])
        later = make_report(engine, station)
        following = await listener.until("case.changed")

    assert again == missed
    assert following.data["case_id"] == str(later.case_id)


@pytest.mark.parametrize("last", ["nonsense", Position(0, 0).encode() + "x", ""])
async def test_an_id_of_no_event_means_reading_the_queue_anew(
    hub: Hub, engine: Engine, last: str
) -> None:
    async with listening(hub, officer(engine, make_station(engine).id), last) as listener:
        told = await listener.next()

    assert told is not None
    assert told.name == "resync"


async def test_whoever_missed_too_much_reads_the_queue_anew(
    hub: Hub, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = make_station(engine).id
    monkeypatch.setattr(live_hub, "PAGE", 2)
    monkeypatch.setattr(live_hub, "REPLAYED_PAGES", 2)
    who = officer(engine, station)
    async with listening(hub, who) as present:
        await present.until("ready")
        for _ in range(5):
            make_report(engine, station)
            await present.until("case.changed")

    async with listening(hub, who, Position(0, 0).encode()) as listener:
        told = await listener.next()

    assert told is not None
    assert told.name == "resync"


async def test_a_case_that_leaves_the_station_is_told_as_gone(hub: Hub, engine: Engine) -> None:
    here, there = make_station(engine).id, make_station(engine).id
    report = make_report(engine, here)
    async with listening(hub, officer(engine, here)) as listener:
        await listener.until("ready")
        with engine.begin() as connection:
            connection.execute(
                update(Report).where(Report.case_id == report.case_id).values(station_id=there)
            )
            connection.execute(
                CaseEvent.__table__.insert().values(  # type: ignore[attr-defined]
                    case_id=report.case_id,
                    kind="report.transferred",
                    actor_kind="staff",
                    data={"from": here, "to": there},
                )
            )

        told = await listener.until("case.gone")

    assert told.data == {"case_id": str(report.case_id)}


async def test_what_commits_late_is_not_skipped(hub: Hub, engine: Engine) -> None:
    station = make_station(engine).id
    slow = make_report(engine, station)
    async with listening(hub, officer(engine, station)) as listener:
        await listener.until("ready")
        with engine.connect() as connection, connection.begin():
            connection.execute(
                CaseEvent.__table__.insert().values(  # type: ignore[attr-defined]
                    case_id=slow.case_id, kind="report.assigned", actor_kind="staff", data={}
                )
            )
            quick = make_report(engine, station)
            await asyncio.sleep(2 * live_hub.POLL_S)
        told = [await listener.until("case.changed")]
        while told[-1].data["case_id"] != str(quick.case_id):
            told.append(await listener.until("case.changed"))

    assert told[-2].data["case_id"] == str(slow.case_id)
    assert told[-2].data["kind"] == "report.assigned"


@pytest.mark.parametrize("change", ["ended", "disabled", "moved", "demoted"])
async def test_a_stream_ends_with_the_right_to_it(hub: Hub, engine: Engine, change: str) -> None:
    who = officer(engine, make_station(engine).id)
    elsewhere = make_station(engine).id
    staff = update(Staff).where(Staff.id == who.identity.staff_id)
    acts = {
        "ended": StaffSession.__table__.delete().where(  # type: ignore[attr-defined]
            StaffSession.token_hash == who.hashed
        ),
        "disabled": staff.values(disabled_at=dt.datetime.now(dt.UTC)),
        "moved": staff.values(station_id=elsewhere),
        "demoted": staff.values(role=StaffRole.STATION_CHIEF),
    }
    async with listening(hub, who) as listener:
        await listener.until("ready")
        with engine.begin() as connection:
            connection.execute(acts[change])

        assert await listener.next() is None


async def test_a_stream_keeps_its_session_from_idling(hub: Hub, engine: Engine) -> None:
    who = officer(engine, make_station(engine).id)
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)
    with engine.begin() as connection:
        connection.execute(
            update(StaffSession)
            .where(StaffSession.token_hash == who.hashed)
            .values(seen_at=long_ago)
        )
    read = text("select seen_at from staff_sessions where token_hash = :hash")

    def seen() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(read, {"hash": who.hashed}) > long_ago)

    async with listening(hub, who) as listener:
        await listener.until("ready")
        await eventually(seen)


async def test_a_client_that_lags_behind_is_cut_off(
    hub: Hub, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = make_station(engine).id
    who = officer(engine, station)
    with hub.listening(who.hashed, who.identity) as stream:
        stream.changes = asyncio.Queue(maxsize=2)
        for _ in range(4):
            make_report(engine, station)
        await eventually(lambda: stream.lagged)

        assert stream.changes.qsize() == 2


async def test_the_feed_goes_on_after_its_connections_were_lost(hub: Hub, engine: Engine) -> None:
    station = make_station(engine).id
    async with listening(hub, officer(engine, station)) as listener:
        await listener.until("ready")
        with engine.begin() as connection:
            connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and query like '%case_events%'"
                    " and pid <> pg_backend_pid()"
                )
            )
        report = make_report(engine, station)

        assert (await listener.until("case.changed")).data["case_id"] == str(report.case_id)


def test_events_are_read_by_index(engine: Engine) -> None:
    station = make_station(engine).id
    keep(
        engine,
        *[
            CaseEvent(
                case_id=make_report(engine, station).case_id, kind="x", actor_kind="y", data={}
            )
            for _ in range(3)
        ],
    )
    with engine.begin() as connection:
        connection.execute(text("set local enable_seqscan = off"))
        plan = connection.execute(
            text(
                "explain select * from case_events where (xid, id) > (cast('0' as xid8), 0)"
                " and xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid, id limit 5"
            )
        ).scalars()
        assert "ix_case_events_feed" in "\n".join(plan)


def test_a_place_in_the_feed_tells_nothing_but_the_place() -> None:
    assert Position.decode(Position(7, 9).encode()) == Position(7, 9)
    assert uuid.UUID(int=0).hex not in Position(7, 9).encode()
