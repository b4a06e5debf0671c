"""A year of deadlines against those worked out by hand, and laws that hold for all of them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.clocks.calendar import Calendar, public_days
from api.clocks.deadlines import Event, Facts, Rule, counted, due_at, end, postponed
from tests.clocks.year import (
    BOOK,
    CALENDAR,
    CLOCK_TIME,
    DAYS,
    MONTHS,
    REPORT,
    RULES,
    WORKING_HOURS,
    Act,
    Row,
    asked,
    events_of,
    moment,
)
from tests.clocks.year_acts import (
    CLOSED_AND_REOPENED,
    CORRECTIONS,
    EXTENSIONS,
    MOVES,
    NEW_LAW,
    PAUSES,
    START,
)

ROWS = {
    f"{each.clock}: {each.what} ({each.start})": each
    for part in (
        WORKING_HOURS, CLOCK_TIME, DAYS, MONTHS, PAUSES, EXTENSIONS, NEW_LAW, CORRECTIONS, MOVES,
    )
    for each in part
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_deadline_is_the_one_worked_out_by_hand(name: str) -> None:
    row = ROWS[name]

    assert row.clock_now().deadline == moment(row.deadline)


def test_the_table_is_a_year_long_and_no_row_is_lost() -> None:
    assert len(ROWS) >= 60


@pytest.mark.parametrize(
    ("day", "off"),
    [
        ("2025-01-27", True), ("2025-01-31", True), ("2025-02-03", False), ("2025-04-07", True),
        ("2025-04-26", False), ("2025-05-02", True), ("2025-09-01", True), ("2025-09-02", True),
        ("2026-02-13", False), ("2026-02-16", True), ("2026-02-20", True), ("2026-02-23", False),
        ("2026-04-27", True), ("2026-04-30", True), ("2026-05-01", True), ("2026-08-22", False),
        ("2026-08-31", True), ("2026-09-03", False), ("2026-11-24", True), ("2027-02-04", True),
        ("2027-02-10", True), ("2027-02-11", False), ("2027-05-03", True), ("2027-09-03", True),
    ],
)  # fmt: skip
def test_the_package_knows_the_days_off_of_three_years(day: str, off: bool) -> None:
    assert Calendar().is_worked(dt.date.fromisoformat(day)) is not off


@pytest.mark.parametrize("year", range(2025, 2031))
def test_every_year_has_five_days_of_tet_two_of_national_day_and_days_in_lieu(year: int) -> None:
    off = public_days(year).off
    tet = [day for day, name in off.items() if "Tết" in name and day.month in {1, 2}]
    worked = [day for day in off if day.isoweekday() <= 5]

    assert (
        len([day for day in tet if day.isoweekday() <= 5 and (day.month, day.day) != (1, 1)]) >= 5
    )
    assert {dt.date(year, 4, 30), dt.date(year, 5, 1), dt.date(year, 9, 2)} <= off.keys()
    assert dt.date(year, 9, 1) in off or dt.date(year, 9, 3) in off
    assert len(worked) >= 11


def test_what_is_announced_goes_before_the_package() -> None:
    worked = Calendar(days={dt.date(2026, 2, 16): True, dt.date(2026, 3, 2): False})

    assert worked.is_worked(dt.date(2026, 2, 16))
    assert not worked.is_worked(dt.date(2026, 3, 2))


def test_a_calendar_without_working_days_says_so() -> None:
    never = Calendar(days={dt.date(2026, 1, 1) + dt.timedelta(n): False for n in range(800)})

    with pytest.raises(ValueError, match="working"):
        never.end_of(dt.date(2026, 3, 1))
    with pytest.raises(ValueError, match="working"):
        never.add_working(moment("2026-03-01 09:00"), dt.timedelta(hours=8))


def test_a_clock_says_whether_it_was_met() -> None:
    row = Row("", "outcome", START, "", facts=REPORT)
    running = row.clock_now()
    late = moment("2026-03-24 00:01")

    assert (running.state, running.met(moment("2026-03-24 00:00"))) == ("running", None)
    assert (running.is_overdue(late), running.met(late)) == (True, False)
    for at, met in (("2026-03-23 23:59", True), ("2026-03-24 00:01", False)):
        closed = Row("", "outcome", START, "", (Act(at, "report.resolved"),), REPORT).clock_now()
        assert (closed.state, closed.met(late)) == ("stopped", met)


def test_a_paused_clock_is_not_due() -> None:
    events = events_of(
        START, REPORT, (Act(START, "report.acknowledged"), asked("2026-03-03 10:00"))
    )

    clocks = {each.rule.clock: each for each in BOOK.clocks_of(events)}
    others = [each for name, each in clocks.items() if name not in {"week", "long_week", "day"}]

    assert clocks["outcome"].state == clocks["handover"].state == "paused"
    assert not clocks["outcome"].is_overdue(moment("2030-01-01 00:00"))
    assert due_at(others) is None


def test_a_reopened_case_has_fresh_clocks_and_the_rule_of_its_day() -> None:
    clock = Row("", "outcome", "2026-06-20 09:00", "", CLOSED_AND_REOPENED, REPORT, "new law")

    run = clock.clock_now()

    assert (run.state, run.started_at) == ("running", moment("2026-07-10 09:00"))
    assert run.rule.amount == 15


def test_an_extension_reaches_two_months_from_the_start_then_two_more() -> None:
    run = Row("", "outcome", START, "", facts=REPORT).clock_now()
    once = EXTENSIONS[0].clock_now()
    twice = EXTENSIONS[1].clock_now()

    assert run.limit() == dt.date(2026, 5, 3)
    assert once.limit() == dt.date(2026, 7, 3)
    assert twice.limit() is None
    assert run.last_day_to_ask() == dt.date(2026, 3, 18)


def test_what_cannot_be_extended_has_no_limit() -> None:
    assert Row("", "first_response", START, "").clock_now().limit() is None


def test_the_most_exact_rule_holds_and_then_the_latest() -> None:
    remote = Facts("crime_report", 1, "remote")

    found = {
        clock.rule.clock: clock.rule.amount
        for clock in BOOK.clocks_of([Event("report.received", moment(START), remote)])
    }

    assert found["handover"] == 48


def test_intake_finds_the_earliest_deadline() -> None:
    at = moment("2026-03-03 10:00")

    for kind, urgency in (("tip", 1), ("tip", 3), ("crime_report", 1), ("crime_report", 2)):
        clocks = BOOK.clocks_of([Event("report.received", at, Facts(kind, urgency))])
        assert BOOK.first_due(kind, urgency, "00001", at) == due_at(clocks)
    assert BOOK.first_due("tip", 2, None, at) == moment("2026-03-03 14:00")


moments = st.timedeltas(dt.timedelta(0), dt.timedelta(days=4 * 365)).map(
    lambda later: dt.datetime(2025, 1, 1, tzinfo=dt.UTC) + later
)
lengths = st.timedeltas(dt.timedelta(0), dt.timedelta(days=90))
rules = st.sampled_from(RULES)


@given(rules, moments, lengths)
def test_who_starts_later_ends_later(rule: Rule, start: dt.datetime, by: dt.timedelta) -> None:
    ends = [
        end(CALENDAR, counted(CALENDAR, at, rule.amount, rule.unit)) for at in (start, start + by)
    ]

    assert start < ends[0] <= ends[1]


@given(rules, moments, st.tuples(lengths, lengths))
def test_a_pause_never_shortens(
    rule: Rule, start: dt.datetime, pause: tuple[dt.timedelta, dt.timedelta]
) -> None:
    term = counted(CALENDAR, start, rule.amount, rule.unit)
    paused_at = min(start + pause[0], end(CALENDAR, term))
    resumed_at = paused_at + pause[1]

    later = postponed(CALENDAR, term, rule.unit, (paused_at, resumed_at))

    assert end(CALENDAR, later) >= max(end(CALENDAR, term), resumed_at)


@given(rules, moments, lengths, lengths, lengths)
def test_a_longer_pause_ends_no_earlier(
    rule: Rule, start: dt.datetime, after: dt.timedelta, first: dt.timedelta, more: dt.timedelta
) -> None:
    term = counted(CALENDAR, start, rule.amount, rule.unit)
    paused_at = min(start + after, end(CALENDAR, term))

    short, long = (
        end(CALENDAR, postponed(CALENDAR, term, rule.unit, (paused_at, paused_at + by)))
        for by in (first, first + more)
    )

    assert short <= long


@given(moments, st.timedeltas(dt.timedelta(minutes=1), dt.timedelta(days=60)))
def test_working_time_added_is_working_time_between(
    start: dt.datetime, length: dt.timedelta
) -> None:
    later = CALENDAR.add_working(start, length)

    passed = CALENDAR.working_between(start, later)

    assert abs(passed - length) < dt.timedelta(milliseconds=1)


KINDS = ("report.acknowledged", "report.questioned", "report.answered", "report.progressed",
         "report.transferred", "report.bounced", "report.resolved", "report.reopened",
         "report.extension_requested", "report.extension_granted", "report.corrected")  # fmt: skip
acts = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.timedeltas(dt.timedelta(0), dt.timedelta(days=20)),
        st.sampled_from(("w-2", "p-01")),
        st.sampled_from((1, 2, 3)),
    ),
    max_size=12,
)


@given(moments, acts)
def test_whatever_happens_every_clock_has_a_place(
    start: dt.datetime, happened: list[tuple[str, dt.timedelta, str, int]]
) -> None:
    facts, at = REPORT, start
    events = [Event("report.received", at, facts)]
    for kind, later, to, urgency in happened:
        at += later
        if kind == "report.corrected":
            facts = Facts(facts.kind, urgency)
        until = (at + dt.timedelta(days=9)).date().isoformat()
        moved = to if kind in {"report.transferred", "report.bounced"} else None
        events.append(Event(kind, at, facts, moved, {"clock": "outcome", "until": until}, "x"))

    for clock in BOOK.clocks_of(events):
        assert clock.started_at < clock.deadline
        assert clock.state in {"running", "paused", "stopped"}
        assert clock.rule.fits(facts) or clock.state == "stopped"
        assert clock.met(at) is None or clock.state != "paused"
        if clock.state == "running":
            assert clock.deadline >= (due_at(BOOK.clocks_of(events)) or at)
