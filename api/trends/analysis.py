"""What is expected of an area and its wards, what has changed there, and what comes next."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from api.hotspots.significance import adjusted
from api.trends import tails
from api.trends.changes import (
    FALSE_SHARE,
    LEAST_REPORTERS,
    Tested,
    windows_of,
)
from api.trends.expected import BURN_IN, Model, model_of, sums
from api.trends.seasons import FLAT, Season, kinds_of, leaning, season_of, weekdays_of
from api.trends.series import ALL, GROUPS, WEEK, Series

Floats = NDArray[np.float64]

AHEAD = (1, 4)
"""Weeks that are forecast."""
LEVELS = (50, 80, 95)
LEAST_FORECAST = 20.0
"""An area gets a forecast when so many reports are expected in its four weeks."""


@dataclass(frozen=True)
class Change:
    """A series that is not as usual."""

    ward: str | None
    """None for the area as a whole."""
    group: str
    direction: str
    """`more`, or `fewer`: a warning about coverage."""
    weeks: int
    count: float
    """Reporters, each once for each week; answers tell its band only."""
    expected: float
    p: float
    q: float


@dataclass(frozen=True)
class Days:
    """The exposure of each day that is known and of the weeks to come, by a group's season."""

    daily: Floats
    unsure: Floats

    def weekly(self) -> tuple[Floats, Floats]:
        """Of each week, and the relative variance of that."""
        exposure = self.daily.reshape(-1, WEEK).sum(axis=1)
        margin = (self.daily * np.sqrt(self.unsure)).reshape(-1, WEEK).sum(axis=1)
        return exposure, (margin / np.maximum(exposure, 1e-9)) ** 2


class Analysis:
    """One area: a province with its wards, or a country as one."""

    def __init__(self, series: Series, announced: Mapping[dt.date, bool] | None = None) -> None:
        begun = np.flatnonzero(series.daily[ALL].sum(axis=0))
        weeks = 0 if not len(begun) else series.days // WEEK - int(begun[0]) // WEEK
        self.series, self.weeks = series, weeks
        """Whole weeks since the first report."""
        ahead = WEEK * AHEAD[-1]
        days = series.days + ahead
        self.weekdays = weekdays_of(series.first, days)
        self.kinds = kinds_of(series.first, days, announced)
        self._skip = series.days // WEEK - weeks
        self._seasons: dict[int, Season] = {}
        self._days: dict[int, Days] = {}
        self._models: dict[tuple[int, bool], Model] = {}

    def known(self) -> bool:
        """Whether there is enough to expect anything by."""
        return self.weeks > BURN_IN

    def season(self, group: int) -> Season:
        """The factors of a group: those of everything together are its prior."""
        if group not in self._seasons:
            begin = self._skip * WEEK
            counts = self.series.daily[group].sum(axis=0)[begin:]
            span = slice(begin, self.series.days)
            prior = FLAT if group == ALL else self.season(ALL)
            self._seasons[group] = season_of(counts, self.weekdays[span], self.kinds[span], prior)
        return self._seasons[group]

    def days(self, group: int) -> Days:
        """What each day is worth."""
        if group not in self._days:
            season, span = self.season(group), slice(self._skip * WEEK, None)
            weekdays, kinds = self.weekdays[span], self.kinds[span]
            self._days[group] = Days(season.exposure(weekdays, kinds), season.unsure[kinds])
        return self._days[group]

    def model(self, group: int, *, of_wards: bool) -> Model:
        """The area as a whole, or its wards: a reporter counts once for each place and day."""
        key = group, of_wards
        if key not in self._models:
            daily = self.series.daily[group][:, self._skip * WEEK :]
            if of_wards:
                self._models[key] = model_of(weekly(daily), *self._of_wards(group))
            else:
                exposure, unsure = self.days(group).weekly()
                whole = weekly(daily.sum(axis=0, keepdims=True))
                self._models[key] = model_of(whole, exposure[None], unsure)
        return self._models[key]

    def _of_wards(self, group: int) -> tuple[Floats, Floats]:
        """Exposures of the wards, each with its own leaning between the weekdays."""
        days, begin = self.days(group), self._skip * WEEK
        known = self.series.days - begin
        counts, weekdays = self.series.daily[group][:, begin:], self.weekdays[begin:]
        lean = leaning(counts, days.daily[:known] * counts.sum() / known, weekdays[:known])
        exposure = weekly(days.daily * lean[:, weekdays])
        return exposure, days.weekly()[1]

    @cached_property
    def changes(self) -> list[Change]:
        """What is not as usual in the last weeks: the area, and its wards among each other."""
        if not self.known():
            return []
        found: list[Change] = []
        for of_wards in (False, True):
            tests = [
                (group, each)
                for group in range(len(GROUPS))
                for each in self._tests(group, of_wards)
            ]
            if tests:
                found += self._found(tests, of_wards)
        return found

    def _tests(self, group: int, of_wards: bool) -> list[Tested]:
        """Reporters of each week against what was expected of them."""
        begin = self._skip
        exposure, unsure = self.days(group).weekly()
        if of_wards:
            counts = self.series.weekly[group][:, begin:]
            exposures, _ = self._of_wards(group)
        else:
            counts, exposures = self.series.whole_weekly[group][None, begin:], exposure[None]
        known = counts.shape[1]
        return windows_of(counts, exposures[:, :known], unsure[:known])

    def _found(self, tests: list[tuple[int, Tested]], of_wards: bool) -> list[Change]:
        """What is beyond chance among tests that are looked at together."""
        more = adjusted(np.stack([each.more for _, each in tests]))
        whole = [each for group, each in tests if group == ALL]
        fewer = adjusted(np.stack([each.fewer for each in whole]))
        found = []
        for q, (group, each) in zip(more, tests, strict=True):
            reporters = self.series.window_reporters[each.weeks][group]
            reporters = reporters[:-1] if of_wards else reporters[-1:]
            enough = (q <= FALSE_SHARE) & (reporters >= LEAST_REPORTERS)
            found += self._changes("more", group, each, q, enough, of_wards)
        for q, each in zip(fewer, whole, strict=True):
            found += self._changes("fewer", ALL, each, q, q <= FALSE_SHARE, of_wards)
        return found

    def _changes(
        self,
        direction: str,
        group: int,
        each: Tested,
        q: Floats,
        which: NDArray[np.bool_],
        of_wards: bool,
    ) -> list[Change]:
        p = each.more if direction == "more" else each.fewer
        return [
            Change(
                ward=self.series.codes[place] if of_wards else None,
                group=GROUPS[group],
                direction=direction,
                weeks=each.weeks,
                count=float(each.count[place]),
                expected=float(each.expected[place]),
                p=float(p[place]),
                q=float(q[place]),
            )
            for place in np.flatnonzero(which).tolist()
        ]


def weekly(daily: Floats) -> Floats:
    """Sums of each week of series of days."""
    return np.asarray(daily.reshape(len(daily), -1, WEEK).sum(axis=2))


@dataclass(frozen=True)
class Forecast:
    """The sum of the next weeks, and how often such intervals were right before."""

    weeks: int
    mean: float
    intervals: Mapping[int, tuple[float, float]]
    judged: int
    """Forecasts of the past that were held against what came."""
    right: Mapping[int, float]
    """The share of those that lay in the interval of each level."""


def forecast(model: Model, place: int, weeks: int) -> Forecast:
    """What is expected of the weeks to come of one series of a model."""
    known = model.counts.shape[1]
    outlook = model.outlook(weeks)
    mean, variance = outlook.mean[place], outlook.variance[place]
    seen = sums(model.counts, weeks)[place]
    past = slice(BURN_IN, known - weeks + 1)
    intervals, right = {}, {}
    for level in LEVELS:
        low, high = (tails.quantile(each, mean, variance) for each in sides(level))
        intervals[level] = float(low[known]), float(high[known])
        inside = (seen[past] >= low[past]) & (seen[past] <= high[past])
        right[level] = float(inside.mean()) if inside.size else 0.0
    return Forecast(weeks, float(mean[known]), intervals, len(seen[past]), right)


def sides(level: int) -> tuple[float, float]:
    """The two quantiles of an interval that holds so many percent."""
    out = (1 - level / 100) / 2
    return out, 1 - out
