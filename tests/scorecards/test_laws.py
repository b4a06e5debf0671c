"""Laws of stays and counts that hold for every history, and every way of cutting up time."""

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from api.clocks.deadlines import Event, Facts
from api.clocks.rules import Shelf
from api.scorecards.definitions import COUNTS, RATES
from api.scorecards.keeping import count_stays
from api.scorecards.measures import OF_PROVINCE, numbers
from api.scorecards.queries import COUNTED_OF_PROVINCE, drill
from api.scorecards.stays import Limit, Stay, stays_of
from api.scorecards.windows import Window
from tests.clocks.year import NORMAL, URGENT, moment
from tests.factories import caller, make_report
from tests.plans import indexes, nodes, plan_of
from tests.scorecards.month import NOW, Town, count
from tests.scorecards.test_stays import BOOK

OPEN_ACTS = ("acknowledged", "questioned", "answered", "progressed", "claimed", "messaged")
ENDS = ("resolved", "dismissed", "linked", "withdrawn", "confirmed")
MOVES = ("transferred", "bounced", "rerouted")
PLACES = ("w-1", "w-2", "p-01")

acts = st.lists(
    st.tuples(
        st.sampled_from((*OPEN_ACTS, *ENDS, *MOVES, "corrected", "reopened", "rated")),
        st.integers(0, 60 * 24 * 15),
        st.sampled_from(PLACES),
        st.sampled_from((NORMAL, URGENT)),
    ),
    max_size=14,
)


def history(kind: str, wanted: list[tuple[str, int, str, int]]) -> tuple[list[Event], str]:
    """A history in which only what can happen does; and where the case is in the end."""
    at, facts, where, is_open = moment("2026-03-02 09:00"), Facts(kind, NORMAL), "w-1", True
    events = [Event("report.received", at, facts)]
    for step, minutes, place, urgency in wanted:
        if is_open == (step in ("reopened", "rated")):
            continue
        at += dt.timedelta(minutes=minutes)
        data, to = {}, None
        if step in MOVES:
            if place == where:
                continue
            data, to = {"from": where, "to": place}, place
            where = place
        if step == "corrected":
            facts = Facts(kind, urgency)
        is_open = step not in ENDS and (is_open or step == "reopened")
        events.append(Event(f"report.{step}", at, facts, to, data))
    return events, where


def misses(stay: Stay, limit: Limit) -> bool:
    """Whether a stay is blamed for a limit."""
    if limit.due_at is None or limit.due_at <= stay.arrived_at:
        return False
    return limit.done_at is None or limit.done_at > limit.due_at


@settings(deadline=None)
@given(st.sampled_from(("tip", "crime_report")), acts)
def test_stays_follow_each_other_and_only_the_last_is_open(
    kind: str, wanted: list[tuple[str, int, str, int]]
) -> None:
    events, where = history(kind, wanted)
    found = stays_of(BOOK, events, station_id=where)

    assert found[-1].station_id == where
    for before, after in pairwise(found):
        assert before.ended_at is not None
        if after.arrival == "reopened":
            assert after.arrived_at == before.reopened_at
            assert after.station_id == before.station_id
        else:
            assert (before.ended_by, before.ended_at) == (after.arrival, after.arrived_at)
            assert after.station_id != before.station_id
    closed = [each.kind for each in events if each.kind.removeprefix("report.") in ENDS]
    ended = [each for each in found if each.ended_by in ENDS]
    assert len(ended) == len(closed)


@settings(deadline=None)
@given(st.sampled_from(("tip", "crime_report")), acts)
def test_a_limit_is_held_against_one_station_at_most(
    kind: str, wanted: list[tuple[str, int, str, int]]
) -> None:
    events, where = history(kind, wanted)
    blamed: list[int] = [0]
    for stay in stays_of(BOOK, events, station_id=where):
        if stay.arrival == "reopened":
            blamed.append(0)
        blamed[-1] += misses(stay, stay.outcome)
        for limit in (stay.read, stay.handover, stay.outcome):
            assert limit.due_at is not None or limit.done_at is None

    assert max(blamed) <= 1


MOMENTARY = [
    each.key
    for each in COUNTS
    if each.key not in ("open_at_start", "open_at_end", "overdue_at_end", "missed")
]


@pytest.fixture
def api(engine: Engine) -> Iterator[Connection]:
    """A connection with the service's rights."""
    with engine.connect() as connection:
        connection.exec_driver_sql("set role tinbao_api")
        yield connection
        connection.rollback()
        connection.exec_driver_sql("reset role")


def counted(api: Connection, town: Town, first: dt.date, days: int) -> dict[str, Any]:
    """A province's numbers."""
    window = Window("", first, first + dt.timedelta(days=days))
    given = {"begins": window.begins_at, "ends": window.ends_at, "province": town.province}
    rows = api.execute(numbers(OF_PROVINCE), given).all()
    return next((row.numbers for row in rows if row.level == "province"), {})


def test_days_add_up_to_their_month(api: Connection, town: Town) -> None:
    first = dt.date(2026, 10, 25)
    days = [counted(api, town, first + dt.timedelta(days=n), 1) for n in range(28)]
    month = counted(api, town, first, 28)

    for key in MOMENTARY:
        assert sum(each.get(key, 0) for each in days) == month[key], key
    for rate in RATES:
        for each in (month, *filter(None, days)):
            assert each[rate.numerator] <= each[rate.denominator], rate.key
    for before, after in pairwise(days):
        assert before.get("open_at_end", 0) == after.get("open_at_start", 0)


def test_a_province_is_counted_by_the_index_of_its_stations(
    api: Connection, engine: Engine, town: Town
) -> None:
    api.exec_driver_sql("reset role")
    with api.begin_nested() as crowd:
        api.exec_driver_sql(
            "insert into stations (id, kind, name, province_code) select 'w-crowd-' || n, 'ward',"
            " 'x', 'crowd' || mod(n, 30) from generate_series(1, 600) n"
        )
        api.exec_driver_sql("alter table case_stays drop constraint fk_case_stays_case_id")
        api.exec_driver_sql(
            "insert into case_stays (case_id, number, station_id, arrival, arrived_at, ended_at,"
            " ended_by, recorded, read_in_working_hours, read_near, outcome_near, false_report,"
            " asked_late) select gen_random_uuid(), 1, 'w-crowd-' || 1 + mod(n, 600), 'received',"
            " timestamptz '2026-11-20' - n * interval '10 minutes',"
            " timestamptz '2026-11-21' - n * interval '10 minutes',"
            " 'resolved', false, false, false, false, false, false from generate_series(1, 40000) n"
        )
        api.exec_driver_sql("analyze stations, case_stays")
        asked = str(COUNTED_OF_PROVINCE.text)
        drilled = str(drill("received").text)
        for name, value in [
            (":begins", "'2026-11-13 17:00+00'::timestamptz"), (":province", "'crowd7'"),
            (":ends", "'2026-11-20 17:00+00'::timestamptz"), (":station", "'w-crowd-7'"),
            (":after", "'00000000-0000-0000-0000-000000000000'"), (":limit", "51"),
        ]:  # fmt: skip
            asked, drilled = asked.replace(name, value), drilled.replace(name, value)
        plans = [plan_of(api, each) for each in (asked, drilled)]
        crowd.rollback()

    for plan in plans:
        assert "ix_case_stays_station" in indexes(plan)
        assert not any(
            node["Node Type"] == "Seq Scan" and node["Relation Name"] == "case_stays"
            for node in nodes(plan)
        )


@pytest.mark.usefixtures("on_the_day")
async def test_a_number_leads_only_to_cases_that_the_station_sees(
    app: FastAPI, engine: Engine, town: Town
) -> None:
    elsewhere = make_report(engine, town.b)
    async with caller(app, town.chief(town.a)) as client:
        for measure in ("received", "transferred_out"):
            given = {"scope": town.a, "measure": measure}
            answer = await client.get("/v1/scorecards/cases", params=given)
            ids = {each["case_id"] for each in answer.json()["items"]}
            assert town.cases["transferred"] not in ids
            assert str(elsewhere.case_id) not in ids


def test_what_cannot_be_read_yet_is_not_said_to_be_counted(
    engine: Engine, worker: Engine, town: Town
) -> None:
    count(engine, worker, NOW)
    until = text("select counted_until from stays_progress")
    with engine.connect() as older, older.begin():
        older.execute(text("select pg_current_xact_id()"))
        make_report(engine, town.a, received_at=NOW - dt.timedelta(hours=1))
        count_stays(worker, Shelf(), NOW)
        with engine.connect() as connection:
            meanwhile = connection.scalar(until)
    count(engine, worker, NOW)
    with engine.connect() as connection:
        afterwards = connection.scalar(until)

    assert (meanwhile, afterwards) == (NOW - dt.timedelta(hours=1), NOW)
