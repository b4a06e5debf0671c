"""A year of clock cases, each deadline worked out by hand with a calendar on the wall.

Days off that matter here (Labour Code 2019, article 112, and what the Government announced):
2026: Thu 1 Jan; Tết Mon 16 - Fri 20 Feb; Hùng Kings Sun 26 Apr, so Mon 27; Thu 30 Apr, Fri 1 May;
Mon 31 Aug (worked on Sat 22 Aug instead), Tue 1 and Wed 2 Sep; Tue 24 Nov.
2027: Fri 1 Jan; Tết Fri 5 - Tue 9 Feb, whose weekend gives Thu 4 and Wed 10; Fri 16 Apr.
Office hours: Mon-Fri 07:30-11:30 and 13:00-17:00, so eight hours are a day. All times Vietnam's.
"""

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

from api.clocks.book import ClockBook
from api.clocks.calendar import LOCAL, OFFICE, Calendar, Hours
from api.clocks.deadlines import (
    CLOSINGS,
    Clock,
    Event,
    Extension,
    Facts,
    Rule,
    RunsFrom,
    Unit,
)

SINCE = dt.date(2018, 1, 1)
NEW_LAW = dt.date(2026, 7, 1)
ACKNOWLEDGED = frozenset({"report.acknowledged"})
HANDED_OVER = frozenset({"report.handed_over"})
TWICE_TWO_MONTHS = (
    Extension(2, Unit.MONTHS, "start"),
    Extension(2, Unit.MONTHS, "deadline"),
)
NORMAL, URGENT, EMERGENCY = 1, 2, 3


def rule(name: str, amount: int, unit: Unit, **facts: Any) -> Rule:
    """A rule of a clock; what the test is not about is made up."""
    given: dict[str, Any] = {
        "id": f"{name}.{amount}.{unit}",
        "clock": name,
        "runs_from": RunsFrom.RECEIVED,
        "stops_at": CLOSINGS,
        "pauses": True,
        "effective_from": SINCE,
    }
    return Rule(amount=amount, unit=unit, **given | facts)


def service(clock: str, runs_from: RunsFrom) -> list[Rule]:
    """15 minutes, 4 hours, 8 working hours, by urgency."""
    return [
        rule(
            clock,
            amount,
            unit,
            urgencies=frozenset({urgency}),
            stops_at=ACKNOWLEDGED,
            pauses=False,
            runs_from=runs_from,
        )
        for urgency, amount, unit in (
            (EMERGENCY, 15, Unit.MINUTES),
            (URGENT, 4, Unit.HOURS),
            (NORMAL, 8, Unit.WORKING_HOURS),
        )
    ]


CRIME = frozenset({"crime_report"})
OUTCOME = rule("outcome", 20, Unit.DAYS, kinds=CRIME, extensions=TWICE_TWO_MONTHS, notice_days=5)
RULES = [
    *service("first_response", RunsFrom.RECEIVED),
    *service("takeover", RunsFrom.TRANSFERRED),
    rule("handover", 24, Unit.HOURS, kinds=CRIME, stops_at=HANDED_OVER),
    rule(
        "handover",
        48,
        Unit.HOURS,
        kinds=CRIME,
        stops_at=HANDED_OVER,
        ward_codes=frozenset({"remote"}),
    ),
    OUTCOME,
    rule("month", 1, Unit.MONTHS, kinds=frozenset({"petition"})),
    rule("two_months", 2, Unit.MONTHS, kinds=frozenset({"petition"})),
    rule("week", 40, Unit.WORKING_HOURS),
    rule("long_week", 41, Unit.WORKING_HOURS),
    rule("day", 8, Unit.WORKING_HOURS),
]
SHORTER = rule("outcome", 15, Unit.DAYS, kinds=CRIME, effective_from=NEW_LAW)
CLOSED_OUTCOME = rule(
    "outcome",
    20,
    Unit.DAYS,
    kinds=CRIME,
    extensions=TWICE_TWO_MONTHS,
    notice_days=5,
    effective_to=NEW_LAW,
)
OLD_EMERGENCY = RULES[0]
REFORMED = [
    *(each for each in RULES if each not in (OUTCOME, OLD_EMERGENCY)),
    CLOSED_OUTCOME,
    SHORTER,
    replace(OLD_EMERGENCY, effective_to=NEW_LAW),
    replace(OLD_EMERGENCY, id="first_response.new", amount=5, effective_from=NEW_LAW),
]

CALENDAR = Calendar()
ANNOUNCED = Calendar(days={dt.date(2026, 1, 2): False, dt.date(2026, 1, 10): True})
SUMMER = Calendar(
    [
        OFFICE,
        Hours(
            NEW_LAW,
            OFFICE.weekdays,
            ((dt.time(7), dt.time(11)), (dt.time(13, 30), dt.time(17, 30))),
        ),
    ]
)

BOOK = ClockBook(RULES, CALENDAR)
BOOKS = {
    "": BOOK,
    "new law": ClockBook(REFORMED, CALENDAR),
    "announced": ClockBook(RULES, ANNOUNCED),
    "summer hours": ClockBook(RULES, SUMMER),
}


def moment(words: str) -> dt.datetime:
    """A local time such as `2026-03-02 09:00`."""
    return dt.datetime.fromisoformat(words).replace(tzinfo=LOCAL).astimezone(dt.UTC)


@dataclass(frozen=True)
class Act:
    """Something that happens to the case."""

    at: str
    kind: str
    to: str | None = None
    changed: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


def asked(at: str) -> Act:
    return Act(at, "report.questioned")


def answered(at: str) -> Act:
    return Act(at, "report.answered")


def extension(at: str, until: str, *, granted: str) -> tuple[Act, Act]:
    """An extension of the outcome, asked for and granted."""
    return (
        Act(at, "report.extension_requested", data={"clock": "outcome", "until": until}),
        Act(granted, "report.extension_granted", data={"clock": "outcome"}),
    )


def events_of(start: str, facts: Facts, acts: tuple[Act, ...]) -> list[Event]:
    """A case's history."""
    events = [Event("report.received", moment(start), facts)]
    for act in acts:
        facts = Facts(**{**vars(facts), **act.changed})
        events.append(Event(act.kind, moment(act.at), facts, act.to, act.data, "officer"))
    return events


@dataclass(frozen=True)
class Row:
    """A case and the deadline that a person with a calendar finds."""

    what: str
    clock: str
    start: str
    deadline: str
    acts: tuple[Act, ...] = ()
    facts: Facts = field(default_factory=lambda: Facts("tip", NORMAL))
    book: str = ""

    def clock_now(self) -> Clock:
        """The clock after it all."""
        clocks = BOOKS[self.book].clocks_of(events_of(self.start, self.facts, self.acts))
        return next(each for each in clocks if each.rule.clock == self.clock)


REPORT = Facts("crime_report", NORMAL)
PETITION = Facts("petition", NORMAL)
WORKING_HOURS = [
    # Mon 4 h before noon and 4 h after.
    Row("a whole day", "day", "2026-03-02 07:30", "2026-03-02 17:00"),
    # Mon 1.5 h + 4 h; 2.5 h of Tue.
    Row("into the next day", "day", "2026-03-02 10:00", "2026-03-03 10:00"),
    # Nothing until 13:00 of Wed: 4 h; 4 h of Thu.
    Row("at lunch", "day", "2026-03-04 12:15", "2026-03-05 11:30"),
    # 1 minute of Fri; of Mon 4 h before noon and 3 h 59 min after.
    Row("a minute before the weekend", "day", "2026-03-06 16:59", "2026-03-09 16:59"),
    # Nothing of Sat and Sun; all of Mon.
    Row("on a Saturday", "day", "2026-03-07 09:00", "2026-03-09 17:00"),
    # The midnight before Tue: all of Tue.
    Row("at midnight", "day", "2026-03-10 00:00", "2026-03-10 17:00"),
    # A second before that midnight's next: all of Wed.
    Row("a second before midnight", "day", "2026-03-10 23:59:59", "2026-03-11 17:00"),
    # Fri 2 h; 16-20 Feb is Tết; Mon 23 Feb 4 h and 2 h.
    Row("before Tết 2026", "day", "2026-02-13 15:00", "2026-02-23 15:00"),
    # The first day of the year of the Horse; all of Mon 23 Feb.
    Row("during Tết 2026", "day", "2026-02-17 03:00", "2026-02-23 17:00"),
    # Wed 4 h; 4-10 Feb is off; Thu 11 Feb 4 h.
    Row("before Tết 2027", "day", "2027-02-03 13:00", "2027-02-11 11:30"),
    # Fri 4 h; Mon 27 Apr is in lieu of Sunday; Tue 4 h.
    Row("a day in lieu", "day", "2026-04-24 13:00", "2026-04-28 11:30"),
    # Wed 2 h; Thu 30 Apr, Fri 1 May, weekend; Mon 4 May 4 h and 2 h.
    Row("two holidays and a weekend", "day", "2026-04-29 15:00", "2026-05-04 15:00"),
    # Fri 4 h; Sat 22 Aug is worked in exchange: 4 h.
    Row("a Saturday that is worked", "day", "2026-08-21 13:00", "2026-08-22 11:30"),
    # Fri 4 h; Mon 31 Aug exchanged, 1 and 2 Sep; Thu 3 Sep 4 h.
    Row("National Day", "day", "2026-08-28 13:00", "2026-09-03 11:30"),
    # Mon 4 h; Tue 24 Nov off; Wed 4 h.
    Row("Culture Day", "day", "2026-11-23 13:00", "2026-11-25 11:30"),
    # Thu 1 h; Fri 1 Jan and the weekend; Mon 4 Jan 4 h and 3 h.
    Row("across New Year", "day", "2026-12-31 16:00", "2027-01-04 16:00"),
    # Five days of eight hours: Mon-Fri 13 Feb.
    Row("a week", "week", "2026-02-09 07:30", "2026-02-13 17:00"),
    # And one hour more, after Tết: Mon 23 Feb.
    Row("a week and an hour", "long_week", "2026-02-09 07:30", "2026-02-23 08:30"),
    # Wed 1 h; Thu 1 Jan, and Fri 2 Jan as announced; Mon 5 Jan 4 h and 3 h.
    Row("a day announced", "day", "2025-12-31 16:00", "2026-01-05 16:00", book="announced"),
    # Fri 4 h; Sat 10 Jan is worked as announced: 4 h.
    Row("a Saturday announced", "day", "2026-01-09 13:00", "2026-01-10 11:30", book="announced"),
    # Tue 1 h till 17:00; from Wed 1 Jul 07:00-11:00 4 h, then 3 h from 13:30.
    Row("other hours", "day", "2026-06-30 16:00", "2026-07-01 16:30", book="summer hours"),
]
CLOCK_TIME = [
    # Minutes and hours run at night, on Sundays and through Tết.
    Row(
        "15 minutes over midnight of Tết",
        "first_response",
        "2026-02-16 23:55",
        "2026-02-17 00:10",
        facts=Facts("tip", EMERGENCY),
    ),
    Row(
        "4 hours over New Year",
        "first_response",
        "2026-12-31 22:00",
        "2027-01-01 02:00",
        facts=Facts("tip", URGENT),
    ),
    Row("24 hours", "handover", "2026-03-07 08:00", "2026-03-08 08:00", facts=REPORT),
    # February 2026 has 28 days: 27 Feb + 2 days.
    Row(
        "48 hours in a remote commune",
        "handover",
        "2026-02-27 10:00",
        "2026-03-01 10:00",
        facts=Facts("crime_report", NORMAL, "remote"),
    ),
    # 4 hours from its arrival, whatever happened before.
    Row(
        "taken over",
        "takeover",
        "2026-03-05 06:00",
        "2026-03-05 13:00",
        (Act("2026-03-05 09:00", "report.transferred", "w-2"),),
        Facts("tip", URGENT),
    ),
]
DAYS = [
    # 2 + 20 = 22 Mar, a Sunday; so Mon 23, 24:00.
    Row("ends on a Sunday", "outcome", "2026-03-02 09:00", "2026-03-24 00:00", facts=REPORT),
    # 3 + 20 = Mon 23 Mar.
    Row("a minute to midnight", "outcome", "2026-03-03 23:59", "2026-03-24 00:00", facts=REPORT),
    # The midnight is the 4th: Tue 24 Mar.
    Row("at midnight", "outcome", "2026-03-04 00:00", "2026-03-25 00:00", facts=REPORT),
    # 27 Jan + 20 = Mon 16 Feb, Tết; the first day worked is Mon 23 Feb.
    Row("ends as Tết begins", "outcome", "2026-01-27 08:00", "2026-02-24 00:00", facts=REPORT),
    # 31 Jan + 20 = Fri 20 Feb, Tết still.
    Row("ends as Tết ends", "outcome", "2026-01-31 08:00", "2026-02-24 00:00", facts=REPORT),
    # 15 Jan + 20 = Thu 4 Feb 2027, in lieu; until Wed 10; so Thu 11.
    Row("Tết 2027", "outcome", "2027-01-15 08:00", "2027-02-12 00:00", facts=REPORT),
    # 7 + 20 = Mon 27 Apr, in lieu of Hùng Kings' Sunday; so Tue 28.
    Row("ends on a day in lieu", "outcome", "2026-04-07 08:00", "2026-04-29 00:00", facts=REPORT),
    # 2 + 20 = Sat 22 Aug, which is worked.
    Row("a worked Saturday", "outcome", "2026-08-02 08:00", "2026-08-23 00:00", facts=REPORT),
    # 11 + 20 = Mon 31 Aug, off until Wed 2 Sep; so Thu 3.
    Row("National Day", "outcome", "2026-08-11 08:00", "2026-09-04 00:00", facts=REPORT),
    # 12 Dec + 20 = Fri 1 Jan 2027; weekend; so Mon 4.
    Row("ends at New Year", "outcome", "2026-12-12 08:00", "2027-01-05 00:00", facts=REPORT),
    # 8 + 20 = Sat 28 Feb; so Mon 2 Mar.
    Row(
        "over the end of February", "outcome", "2026-02-08 08:00", "2026-03-03 00:00", facts=REPORT
    ),
    # 4 + 20 = Tue 24 Nov; so Wed 25.
    Row("Culture Day", "outcome", "2026-11-04 08:00", "2026-11-26 00:00", facts=REPORT),
]
MONTHS = [
    # There is no 31 Feb; 28 Feb 2026 is a Saturday; so Mon 2 Mar.
    Row("31st + 1 month", "month", "2026-01-31 10:00", "2026-03-03 00:00", facts=PETITION),
    # There is no 31 Feb either way.
    Row("31st + 2 months", "two_months", "2025-12-31 10:00", "2026-03-03 00:00", facts=PETITION),
    # 30 Apr and 1 May are holidays, then a weekend; so Mon 4 May.
    Row("31 March", "month", "2026-03-31 10:00", "2026-05-05 00:00", facts=PETITION),
    # 5 Sep is a Saturday; so Mon 7.
    Row("to a Saturday", "two_months", "2026-07-05 10:00", "2026-09-08 00:00", facts=PETITION),
    # 2028 is a leap year: Tue 29 Feb.
    Row("a leap year", "month", "2028-01-31 10:00", "2028-03-01 00:00", facts=PETITION),
    # Mon 15 Jun.
    Row("an easy month", "month", "2026-05-15 10:00", "2026-06-16 00:00", facts=PETITION),
    # November + 2 is January of the next year: Wed 20 Jan 2027.
    Row("into the next year", "two_months", "2026-11-20 10:00", "2027-01-21 00:00", facts=PETITION),
]
