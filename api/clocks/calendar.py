"""The working calendar of Vietnam: which days and hours count, and where a time ends.

Public holidays, Tết, days in lieu and working Saturdays given for them come from the `holidays`
package; what the Government announces otherwise is data (`calendar_days`) and goes before it. A
year is worked out once; after that every question is a look-up.
"""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import holidays

LOCAL = dt.timezone(dt.timedelta(hours=7))
"""Vietnam's time since 1975: it has no summer time, so no table of zones is asked."""
DAY = dt.timedelta(days=1)
LONGEST_REST = 60
"""Days; no holidays last so long, so a calendar without a working day ends in an error."""


@dataclass(frozen=True)
class Hours:
    """The working hours from a day on: ISO weekdays, and spans of a day in their order."""

    effective_from: dt.date
    weekdays: frozenset[int]
    spans: tuple[tuple[dt.time, dt.time], ...]


OFFICE = Hours(
    dt.date.min,
    frozenset({1, 2, 3, 4, 5}),
    ((dt.time(7, 30), dt.time(11, 30)), (dt.time(13), dt.time(17))),
)


@dataclass(frozen=True)
class Public:
    """What the package knows of a year: days off, and days at the week's end that are worked."""

    off: Mapping[dt.date, str]
    worked: frozenset[dt.date]


@lru_cache(maxsize=64)
def public_days(year: int) -> Public:
    """The public holidays of a year in Vietnam, days in lieu among them."""
    found = holidays.country_holidays("VN", years=year, language="vi")
    worked = frozenset(day for day in found.weekend_workdays if day.year == year)
    return Public({day: name for day, name in found.items() if day.year == year}, worked)


@dataclass(frozen=True)
class Year:
    """The working time of a year: when each span starts and ends, and how much lies before it.

    Everything in seconds; starts and ends since 1970.
    """

    number: int
    begins: int
    ends_at: int
    starts: Sequence[int]
    ends: Sequence[int]
    before: Sequence[int]
    after: Sequence[int]

    @property
    def total(self) -> int:
        """The working time of the whole year."""
        return self.after[-1] if self.after else 0

    def elapsed(self, moment: float) -> float:
        """How much of it is over at a moment."""
        span = bisect_right(self.starts, moment) - 1
        if span < 0:
            return 0
        return self.before[span] + min(moment, self.ends[span]) - self.starts[span]

    def moment(self, elapsed: float) -> float:
        """The first moment at which so much of it is over."""
        span = bisect_left(self.after, elapsed)
        return self.starts[span] + elapsed - self.before[span]


class Calendar:
    """Working days and hours; immutable to its users, so many threads may ask it at once."""

    def __init__(
        self, hours: Sequence[Hours] = (OFFICE,), days: Mapping[dt.date, bool] | None = None
    ) -> None:
        """`days` says of single days whether they are worked, whatever else would hold."""
        self.hours = sorted(hours, key=lambda each: each.effective_from)
        self.days = dict(days or {})
        self._years: dict[int, Year] = {}
        self._latest: Year | None = None
        self._ends: dict[dt.date, dt.datetime] = {}

    def hours_on(self, day: dt.date) -> Hours:
        """The working hours that hold on a day."""
        known = [each for each in self.hours if each.effective_from <= day]
        return known[-1] if known else self.hours[0]

    def is_worked(self, day: dt.date) -> bool:
        """Whether a day is a working day."""
        said = self.days.get(day)
        if said is not None:
            return said
        public = public_days(day.year)
        if day in public.worked:
            return True
        return day not in public.off and day.isoweekday() in self.hours_on(day).weekdays

    def year(self, year: int) -> Year:
        """The working time of a year, worked out at the first question."""
        known = self._years.get(year)
        if known is None:
            known = self._years[year] = self._work_out(year)
        return known

    def year_of(self, seconds: float) -> Year:
        """The year of a moment, in seconds since 1970."""
        known = self._latest
        if known is None or not known.begins <= seconds < known.ends_at:
            known = self._latest = self.year(dt.datetime.fromtimestamp(seconds, LOCAL).year)
        return known

    def _work_out(self, year: int) -> Year:
        starts, ends, before, after, total = [], [], [], [], 0
        first, last = dt.date(year, 1, 1), dt.date(year + 1, 1, 1)
        for day in (first + DAY * n for n in range((last - first).days)):
            if not self.is_worked(day):
                continue
            for opens, closes in self.hours_on(day).spans:
                start, end = seconds_of(day, opens), seconds_of(day, closes)
                starts.append(start)
                ends.append(end)
                before.append(total)
                total += end - start
                after.append(total)
        begins, ends_at = seconds_of(first, dt.time()), seconds_of(last, dt.time())
        return Year(year, begins, ends_at, starts, ends, before, after)

    def add_working(self, moment: dt.datetime, length: dt.timedelta) -> dt.datetime:
        """When so much working time will have passed; raises ValueError where none ever comes."""
        seconds = moment.timestamp()
        year = self.year_of(seconds)
        wanted = year.elapsed(seconds) + length.total_seconds()
        while wanted > year.total:
            wanted -= year.total
            year = self.year(year.number + 1)
            if year.total == 0:
                raise ValueError(f"{year.number} has no working time.")
        return dt.datetime.fromtimestamp(year.moment(wanted), dt.UTC)

    def working_between(self, first: dt.datetime, last: dt.datetime) -> dt.timedelta:
        """How much working time lies between two moments."""
        if last <= first:
            return dt.timedelta()
        begin, end = self.year_of(first.timestamp()), self.year_of(last.timestamp())
        passed = end.elapsed(last.timestamp()) - begin.elapsed(first.timestamp())
        passed += sum(self.year(number).total for number in range(begin.number, end.number))
        return dt.timedelta(seconds=passed)

    def next_worked(self, day: dt.date) -> dt.date:
        """The day itself if it is worked, else the first one after it that is."""
        for _ in range(LONGEST_REST):
            if self.is_worked(day):
                return day
            day += DAY
        raise ValueError("No working day follows.")

    def end_of(self, day: dt.date) -> dt.datetime:
        """24:00 of a last day, or of the first working day after one that is not worked."""
        known = self._ends.get(day)
        if known is None:
            last = self.next_worked(day) + DAY
            known = dt.datetime(last.year, last.month, last.day, tzinfo=LOCAL).astimezone(dt.UTC)
            self._ends[day] = known
        return known


def seconds_of(day: dt.date, time: dt.time) -> int:
    """A local time of a day, in seconds since 1970."""
    return int(dt.datetime.combine(day, time, LOCAL).timestamp())


def local_day(moment: dt.datetime) -> dt.date:
    """The day it is in Vietnam."""
    return moment.astimezone(LOCAL).date()


def add_months(day: dt.date, months: int) -> dt.date:
    """The same day of a later month, or that month's last day where it has none such."""
    index = day.month - 1 + months
    year, month = day.year + index // 12, index % 12 + 1
    last = (dt.date(year + month // 12, month % 12 + 1, 1) - DAY).day
    return dt.date(year, month, min(day.day, last))
