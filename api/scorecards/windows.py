"""The days a scorecard is about: whole days of Vietnam, the last of them over."""

import calendar
import datetime as dt
import re
from dataclasses import dataclass

from api.clocks.calendar import LOCAL, add_months, local_day

ROLLING = {"7d": 7, "28d": 28, "90d": 90}
FORM = r"^(7d|28d|90d|20\d\d-(0[1-9]|1[0-2])|20\d\d-Q[1-4])$"
"""How a window is named: the last days, a month, a quarter."""
MONTH = re.compile(r"(\d{4})-(\d{2})")
QUARTER = re.compile(r"(\d{4})-Q(\d)")
SETTLED_ON = 16
"""The day of the next month from which a month's numbers stay as they are: until then its answers
can be reopened and judged by who reported (14 days)."""


@dataclass(frozen=True)
class Window:
    """Whole days: `begins` is the first, `ends` the day after the last."""

    name: str
    begins: dt.date
    ends: dt.date

    @property
    def begins_at(self) -> dt.datetime:
        """The first moment of it."""
        return midnight(self.begins)

    @property
    def ends_at(self) -> dt.datetime:
        """The first moment after it."""
        return midnight(self.ends)

    @property
    def last(self) -> dt.date:
        """The last day of it."""
        return self.ends - dt.timedelta(days=1)


def midnight(day: dt.date) -> dt.datetime:
    """When a day begins in Vietnam."""
    return dt.datetime.combine(day, dt.time(), LOCAL)


def window_of(name: str, now: dt.datetime) -> Window | None:
    """The window of a name (see `FORM`); None for one that is not over, or is no month."""
    today = local_day(now)
    if name in ROLLING:
        return Window(name, today - dt.timedelta(days=ROLLING[name]), today)
    if month := MONTH.fullmatch(name):
        begins, months = dt.date(int(month[1]), int(month[2]), 1), 1
    elif quarter := QUARTER.fullmatch(name):
        begins, months = dt.date(int(quarter[1]), int(quarter[2]) * 3 - 2, 1), 3
    else:
        return None
    ends = add_months(begins, months)
    return Window(name, begins, ends) if ends <= today else None


def settled_month(now: dt.datetime) -> Window:
    """The latest month whose numbers stay as they are."""
    today = local_day(now)
    back = 1 if today.day >= SETTLED_ON else 2
    begins = add_months(today.replace(day=1), -back)
    days = calendar.monthrange(begins.year, begins.month)[1]
    return Window(f"{begins:%Y-%m}", begins, begins + dt.timedelta(days=days))


def settled_windows(now: dt.datetime) -> list[Window]:
    """The months of a year that stay as they are, the latest first, and the quarters they end."""
    found, latest = [], settled_month(now).begins
    for back in range(12):
        month = add_months(latest, -back)
        names = [f"{month:%Y-%m}"]
        if month.month % 3 == 0:
            names.append(f"{month.year}-Q{month.month // 3}")
        found += [window for name in names if (window := window_of(name, now))]
    return found
