"""Stays worked out by hand: where a case was, what was late there, and whose lateness it was."""

from typing import Any

import pytest

from api.clocks.book import ClockBook
from api.clocks.calendar import LOCAL
from api.clocks.deadlines import Facts, RunsFrom, Unit
from api.scorecards.stays import Stay, stays_of
from tests.clocks.year import (
    CALENDAR,
    CRIME,
    HANDED_OVER,
    NORMAL,
    OUTCOME,
    URGENT,
    Act,
    events_of,
    rule,
    service,
)

BOOK = ClockBook(
    [
        *service("first_response", RunsFrom.RECEIVED),
        *service("takeover", RunsFrom.TRANSFERRED),
        rule("handover", 24, Unit.HOURS, kinds=CRIME, stops_at=HANDED_OVER),
        OUTCOME,
    ],
    CALENDAR,
)
TIP, CRIME_REPORT = Facts("tip", URGENT), Facts("crime_report", NORMAL)
MONDAY = "2026-03-02 09:00"


def stays(
    start: str, facts: Facts, *acts: Act, now_at: str = "w-1", channel: str = "app"
) -> list[Stay]:
    """The stays of a case."""
    return stays_of(BOOK, events_of(start, facts, acts), station_id=now_at, channel=channel)


def act(at: str, step: str, to: str | None = None, **more: Any) -> Act:
    """Something that happens; what moves a case says where it came from."""
    data = more.pop("data", {}) | ({"from": more.pop("left", "w-1")} if to else {})
    return Act(at, f"report.{step}", to, more, data)


def local(at: Any) -> str | None:
    """As a clock on the wall shows it."""
    return None if at is None else f"{at.astimezone(LOCAL):%m-%d %H:%M}"


def limit_of(stay: Stay, name: str) -> tuple[str | None, str | None]:
    """When a limit passes, and when it was kept or the case left."""
    limit = getattr(stay, name)
    return local(limit.due_at), local(limit.done_at)


def test_read_in_time_and_answered() -> None:
    (stay,) = stays(
        MONDAY, TIP, act("2026-03-02 10:30", "acknowledged"), act("2026-03-04 09:00", "resolved")
    )

    assert (stay.arrival, stay.ended_by) == ("received", "resolved")
    assert limit_of(stay, "read") == ("03-02 13:00", "03-02 10:30")
    assert (stay.read_hours, stay.outcome_hours) == (1.5, 48.0)


def test_read_late() -> None:
    (stay,) = stays(MONDAY, TIP, act("2026-03-02 13:01", "acknowledged"))

    assert limit_of(stay, "read") == ("03-02 13:00", "03-02 13:01")


def test_read_across_tet_takes_working_hours() -> None:
    # Fri 13 Feb 15:00-17:00 is 2 h; Tết; Mon 23 Feb 07:30-09:30 is 2 h more.
    (stay,) = stays(
        "2026-02-13 15:00", Facts("tip", NORMAL), act("2026-02-23 09:30", "acknowledged")
    )

    assert limit_of(stay, "read") == ("02-23 15:00", "02-23 09:30")
    assert (stay.read_hours, stay.read_in_working_hours) == (4.0, True)


def test_what_leaves_before_its_limit_is_judged_at_the_next_station_only() -> None:
    first, second = stays(
        MONDAY, TIP, act("2026-03-02 12:00", "transferred", "w-2"),
        act("2026-03-02 15:00", "acknowledged"), now_at="w-2",
    )  # fmt: skip

    assert (first.station_id, first.ended_by) == ("w-1", "transferred")
    assert limit_of(first, "read") == (None, None)
    assert (second.station_id, second.arrival) == ("w-2", "transferred")
    assert limit_of(second, "read") == ("03-02 16:00", "03-02 15:00")
    assert second.read_hours == 3.0


def test_what_leaves_after_its_limit_was_late_there() -> None:
    first, _ = stays(MONDAY, TIP, act("2026-03-02 14:00", "transferred", "w-2"), now_at="w-2")

    assert limit_of(first, "read") == ("03-02 13:00", "03-02 14:00")


def test_a_bounce_begins_a_stay_at_the_sender_with_its_own_limit() -> None:
    first, second, third = stays(
        MONDAY, TIP, act("2026-03-02 10:00", "acknowledged"),
        act("2026-03-02 11:00", "transferred", "w-2"),
        act("2026-03-02 12:00", "bounced", "w-1", left="w-2"),
    )  # fmt: skip

    assert [each.station_id for each in (first, second, third)] == ["w-1", "w-2", "w-1"]
    assert (first.read_hours, first.worked_at, first.ended_at) == (1.0, *[first.ended_at] * 2)
    assert (second.ended_by, third.arrival) == ("bounced", "bounced")
    assert limit_of(third, "read") == ("03-02 16:00", None)


def test_an_outcome_limit_that_had_passed_stays_the_first_stations_own() -> None:
    # 2 + 20 = 22 Mar, a Sunday; so Mon 23, 24:00.
    first, second = stays(
        MONDAY, CRIME_REPORT, act("2026-03-02 10:00", "acknowledged"),
        act("2026-03-25 09:00", "transferred", "w-2"), now_at="w-2",
    )  # fmt: skip

    assert limit_of(first, "outcome") == ("03-24 00:00", "03-25 09:00")
    assert limit_of(second, "outcome") == ("03-24 00:00", None)
    assert second.outcome.due_at is not None
    assert second.outcome.due_at < second.arrived_at


def test_handing_over_to_the_desk_keeps_the_handover_limit() -> None:
    first, second = stays(
        MONDAY, CRIME_REPORT, act("2026-03-02 10:00", "acknowledged"),
        act("2026-03-03 08:00", "transferred", "p-01"), now_at="p-01",
    )  # fmt: skip

    assert limit_of(first, "handover") == ("03-03 09:00", "03-03 08:00")
    assert limit_of(second, "handover") == (None, None)


def test_a_neighbour_is_no_desk() -> None:
    first, second = stays(
        MONDAY, CRIME_REPORT, act("2026-03-03 08:00", "transferred", "w-2"), now_at="w-2"
    )

    assert limit_of(first, "handover") == (None, None)
    assert limit_of(second, "handover") == ("03-03 09:00", None)


def test_what_an_edition_moves_is_rerouted() -> None:
    first, second = stays(MONDAY, TIP, act("2026-03-02 09:30", "rerouted", "w-2"), now_at="w-2")

    assert (first.ended_by, second.arrival) == ("rerouted", "rerouted")
    assert (limit_of(first, "read"), second.worked_at) == ((None, None), None)


def test_a_correction_that_moves_a_case_transfers_it() -> None:
    first, second = stays(MONDAY, TIP, act("2026-03-02 09:30", "corrected", "w-2"), now_at="w-2")

    assert (first.ended_by, second.arrival) == ("transferred", "transferred")


def test_reopened_it_begins_anew_and_the_answer_stays() -> None:
    first, second = stays(
        MONDAY, TIP, act("2026-03-02 10:00", "acknowledged"), act("2026-03-03 09:00", "resolved"),
        act("2026-03-04 09:00", "reopened"), act("2026-03-04 14:00", "acknowledged"),
        act("2026-03-04 15:00", "dismissed", data={"reason_code": "false_report"}),
    )  # fmt: skip

    assert (local(first.ended_at), local(first.reopened_at)) == ("03-03 09:00", "03-04 09:00")
    assert (second.arrival, second.ended_by, second.false_report) == ("reopened", "dismissed", True)
    assert limit_of(second, "read") == ("03-04 13:00", "03-04 14:00")
    assert second.outcome_hours == 6.0


@pytest.mark.parametrize(
    ("left_at", "limit"),
    [("2026-03-02 12:00", (None, None)), ("2026-03-02 14:00", ("03-02 13:00", "03-02 14:00"))],
)
def test_a_withdrawal_in_time_leaves_nothing_to_judge(left_at: str, limit: Any) -> None:
    (stay,) = stays(MONDAY, TIP, act(left_at, "withdrawn"))

    assert (stay.ended_by, limit_of(stay, "read"), stay.outcome_hours) == ("withdrawn", limit, None)


def test_linking_a_duplicate_reads_it_and_answers_nothing() -> None:
    (stay,) = stays(MONDAY, CRIME_REPORT, act("2026-03-02 10:00", "linked", data={"of": "x"}))

    assert limit_of(stay, "read") == ("03-03 09:00", "03-02 10:00")
    assert (limit_of(stay, "outcome"), stay.outcome_hours) == ((None, None), None)


def test_what_is_written_down_at_the_own_desk_is_not_timed() -> None:
    (own,) = stays(MONDAY, TIP, act(MONDAY, "acknowledged"), channel="walk_in")
    (others,) = stays(MONDAY, TIP, act("2026-03-02 10:00", "acknowledged"), channel="walk_in")

    assert (own.recorded, own.read_hours, limit_of(own, "read")) == (True, None, (None, None))
    assert (others.recorded, others.read_hours) == (False, 1.0)


def test_nothing_is_due_while_the_reporter_is_asked() -> None:
    asked = (act("2026-03-02 10:00", "acknowledged"), act("2026-03-05 09:00", "questioned"))
    (waiting,) = stays(MONDAY, CRIME_REPORT, *asked)
    # Asked for three days: the 22nd becomes the 25th, a Wednesday.
    (went_on,) = stays(MONDAY, CRIME_REPORT, *asked, act("2026-03-08 09:00", "answered"))

    assert limit_of(waiting, "outcome") == (None, None)
    assert limit_of(went_on, "outcome") == ("03-26 00:00", None)


def test_the_last_fiftieth_of_the_time_is_near() -> None:
    (near,) = stays(MONDAY, TIP, act("2026-03-02 12:56", "acknowledged"))
    (early,) = stays(MONDAY, TIP, act("2026-03-02 12:55", "acknowledged"))
    (late,) = stays(MONDAY, TIP, act("2026-03-02 13:02", "acknowledged"))

    # 2 % of four hours is 4 min 48 s.
    assert [each.read.near for each in (near, early, late)] == [True, False, False]


def test_a_correction_to_more_time_is_seen_and_one_to_less_is_not() -> None:
    (relaxed,) = stays(MONDAY, TIP, act("2026-03-02 10:00", "corrected", urgency=NORMAL))
    (sharpened,) = stays(
        MONDAY, Facts("tip", NORMAL), act("2026-03-02 10:00", "corrected", urgency=URGENT)
    )
    (dropped,) = stays(
        MONDAY, CRIME_REPORT, act("2026-03-02 10:00", "acknowledged"),
        act("2026-03-05 10:00", "corrected", kind="tip"),
    )  # fmt: skip

    assert [local(each.relaxed_at) for each in (relaxed, sharpened, dropped)] == [
        "03-02 10:00", None, "03-05 10:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked_at", "late"),
    # The 23rd is the last day; five days before it is the 18th, the day before that the 17th.
    [("2026-03-16 09:00", False), ("2026-03-17 09:00", True), ("2026-03-18 09:00", True)],
)
def test_more_time_asked_for_at_the_last_moment(asked_at: str, late: bool) -> None:
    data = {"clock": "outcome", "until": "2026-04-30"}
    (stay,) = stays(
        MONDAY, CRIME_REPORT, act("2026-03-02 10:00", "acknowledged"),
        act(asked_at, "extension_requested", data=data),
    )  # fmt: skip

    assert (stay.asked_at is not None, stay.asked_late) == (True, late)


def test_urging_and_the_last_word_of_the_reporter() -> None:
    (stay,) = stays(
        MONDAY, TIP, act("2026-03-02 10:00", "acknowledged"),
        Act("2026-03-02 11:00", "case.urged"), Act("2026-03-02 12:00", "case.urged"),
        act("2026-03-03 09:00", "resolved"),
        act("2026-03-03 10:00", "rated", data={"satisfied": False}),
        act("2026-03-03 11:00", "rated", data={"satisfied": True}),
    )  # fmt: skip

    assert [local(each) for each in stay.urged_at] == ["03-02 11:00", "03-02 12:00"]
    assert stay.satisfied is True


def test_claiming_a_case_does_nothing_for_it_yet() -> None:
    read = act("2026-03-02 10:00", "acknowledged")
    (idle,) = stays(
        MONDAY, TIP, read, act("2026-03-02 10:05", "claimed"), act("2026-03-02 10:06", "assigned")
    )
    (worked,) = stays(MONDAY, TIP, read, act("2026-03-02 11:00", "progressed"))

    assert (idle.worked_at, local(worked.worked_at)) == (None, "03-02 11:00")
