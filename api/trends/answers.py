"""What an answer about trends says, made of protected figures only; the same in every language."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.trends import protection, tails
from api.trends.analysis import (
    LEAST_FORECAST,
    LEVELS,
    Analysis,
    Change,
    Forecast,
    forecast,
    sides,
)
from api.trends.changes import FALSE_SHARE, LEAST_REPORTERS
from api.trends.expected import HALF_LIVES, Model
from api.trends.series import ALL, GROUPS, HISTORY_WEEKS, WEEK, Series

Floats = NDArray[np.float64]

METHOD, VERSION = "weekly-negative-binomial", 1
SHOWN_WEEKS = 52
SHOWN_DAYS = 91


@dataclass(frozen=True)
class Asked:
    """Which series an answer is about."""

    place: int | None
    """The position of a ward in its province; None for the area as a whole."""
    group: int
    step: str


def answer_of(analysis: Analysis, asked: Asked) -> dict[str, Any]:
    """The figures of an answer."""
    known = analysis.known()
    model = None if not known else of_asked(analysis, asked)
    place = asked.place or 0
    by_day = asked.step == "day" and days_are_told(analysis.series, asked.group)
    series = daily(analysis, asked, model) if by_day else by_week(analysis, asked, model)
    code = None if asked.place is None else analysis.series.codes[asked.place]
    found = [each for each in analysis.changes if each.ward == code]
    return {
        "step": "day" if by_day else "week",
        "weeks_known": analysis.weeks,
        "left_out": protection.band(analysis.series.left_out),
        "series": series,
        "changes": [
            change_of(each, analysis) for each in found if each.group == GROUPS[asked.group]
        ],
        "forecasts": [] if model is None else forecasts(model, place, analysis),
        "method": method(),
    }


def of_asked(analysis: Analysis, asked: Asked) -> Model:
    """The model of the series asked for."""
    return analysis.model(asked.group, of_wards=asked.place is not None)


def days_are_told(series: Series, group: int) -> bool:
    """Whether each of the days shown has reporters enough."""
    present = series.day_reporters[group][-SHOWN_DAYS:]
    narrow = series.narrow[group, -1, -SHOWN_DAYS // WEEK :]
    enough = len(present) == SHOWN_DAYS and bool(np.all(present >= LEAST_REPORTERS))
    return enough and not bool(narrow.any())


@dataclass(frozen=True)
class Figures:
    """Counts by day or week, how many reporters they are of, and which of them may be told."""

    counts: Floats
    reporters: Floats
    open: NDArray[np.bool_]


def told(asked: Asked, series: Series, *, by_day: bool) -> Floats:
    """The counts of the series asked for, as they are told: 0 where nothing is."""
    every = [figures(series, group, asked.place, by_day=by_day) for group in range(len(GROUPS))]
    mine = every[asked.group]
    found = np.where(mine.open, protection.floored(mine.counts), 0)
    if asked.group == ALL:
        found = np.minimum(found, among(mine, every[ALL + 1 :]))
    if asked.place is None and not by_day:
        parts = [
            figures(series, asked.group, place, by_day=False) for place in range(len(series.codes))
        ]
        found = np.minimum(found, among(mine, parts))
    return found


def figures(series: Series, group: int, place: int | None, *, by_day: bool) -> Figures:
    """One series, before it is told."""
    daily = series.daily[group].sum(axis=0) if place is None else series.daily[group][place]
    if by_day:
        told_of = np.full(series.days, days_are_told(series, group))
        return Figures(daily, series.day_reporters[group], told_of)
    reporters = series.whole_weekly[group] if place is None else series.weekly[group][place]
    narrow = series.narrow[group, -1 if place is None else place]
    counts = daily.reshape(-1, WEEK).sum(axis=1)
    return Figures(counts, reporters, (reporters >= LEAST_REPORTERS) & ~narrow)


def among(whole: Figures, parts: Sequence[Figures]) -> Floats:
    """A whole as it is told beside its parts."""
    hidden = np.zeros_like(whole.counts)
    shown = []
    for part in parts:
        hidden += np.where(part.open, 0, part.reporters)
        shown.append(np.where(part.open, part.counts, 0))
    return protection.lowered(whole.counts, shown, hidden=hidden)


def by_week(analysis: Analysis, asked: Asked, model: Model | None) -> list[dict[str, Any]]:
    """The last weeks: how many, how many were expected before each, and the 95 % interval."""
    series, weeks = analysis.series, min(SHOWN_WEEKS, analysis.weeks)
    counts = told(asked, series, by_day=False)[series.days // WEEK - weeks :]
    expected = [NOTHING] * weeks
    if model is not None:
        outlook, place = model.outlook(1), asked.place or 0
        known = slice(analysis.weeks - weeks, analysis.weeks)
        expected = expectations(outlook.mean[place, known], outlook.variance[place, known])
        if weeks == analysis.weeks:
            expected[0] = NOTHING
    first = series.first + dt.timedelta(series.days - WEEK * weeks)
    return rows(first, WEEK, counts, expected)


def daily(analysis: Analysis, asked: Asked, model: Model | None) -> list[dict[str, Any]]:
    """The last days of a province: the week's expectation, shared out by what each day is worth."""
    series = analysis.series
    counts = told(asked, series, by_day=True)[-SHOWN_DAYS:]
    first = series.first + dt.timedelta(series.days - SHOWN_DAYS)
    if model is None:
        return rows(first, 1, counts, [NOTHING] * SHOWN_DAYS)
    outlook, days = model.outlook(1), WEEK * analysis.weeks
    worth = analysis.days(asked.group).daily[:days].reshape(-1, WEEK)
    share = worth / worth.sum(axis=1, keepdims=True)
    week_mean = outlook.mean[0, : analysis.weeks, None]
    spread = np.maximum(outlook.variance[0, : analysis.weeks, None] - week_mean, 0)
    mean, variance = week_mean * share, (week_mean + spread) * share
    shown = slice(max(days - SHOWN_DAYS, 0), days)
    expected = expectations(mean.ravel()[shown], variance.ravel()[shown])
    unknown = SHOWN_DAYS - len(expected)
    return rows(first, 1, counts, [NOTHING] * unknown + expected)


NOTHING: Mapping[str, Any] = {"expected": None, "low": None, "high": None}


def expectations(mean: Floats, variance: Floats) -> list[Mapping[str, Any]]:
    """What was expected, and the 95 % intervals, rounded to the side that claims less."""
    low, high = (tails.quantile(each, mean, variance) for each in sides(95))
    step = protection.STEP
    return [
        {
            "expected": protection.nearest(expected),
            "low": int(step * (least // step)),
            "high": int(step * -(-most // step)),
        }
        for expected, least, most in zip(mean.tolist(), low, high, strict=True)
    ]


def rows(
    first: dt.date, days: int, counts: Floats, expected: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One row for each week or day."""
    made = []
    for at, (count, beside) in enumerate(zip(counts.tolist(), expected, strict=True)):
        begin = first + dt.timedelta(days * at)
        end = begin + dt.timedelta(days - 1)
        told_of = {"from": str(begin), "to": str(end), "count": protection.shown(count)}
        made.append({**told_of, **beside})
    return made


def change_of(change: Change, analysis: Analysis) -> dict[str, Any]:
    """A change as it is told."""
    last = analysis.series.first + dt.timedelta(analysis.series.days - 1)
    return {
        "direction": change.direction,
        "group": change.group,
        "days": WEEK * change.weeks,
        "last": str(last),
        "count_band": protection.band(change.count),
        "expected": protection.nearest(change.expected),
        "p": protection.chance(change.p),
        "q": protection.chance(change.q),
    }


def forecasts(model: Model, place: int, analysis: Analysis) -> list[dict[str, Any]]:
    """The next 7 and 28 days; none where so few reports are expected that it would say nothing."""
    made = [forecast(model, place, weeks) for weeks in (1, 4)]
    if made[-1].mean < LEAST_FORECAST:
        return []
    first = analysis.series.first + dt.timedelta(analysis.series.days)
    return [forecast_of(each, first) for each in made]


def forecast_of(made: Forecast, first: dt.date) -> dict[str, Any]:
    """A forecast as it is told."""
    step = protection.STEP
    return {
        "from": str(first),
        "to": str(first + dt.timedelta(WEEK * made.weeks - 1)),
        "days": WEEK * made.weeks,
        "expected": protection.nearest(made.mean),
        "intervals": [
            {"level": level, "low": step * (low // step), "high": step * -(-high // step)}
            for level, (low, high) in made.intervals.items()
        ],
        "past": {
            "forecasts": made.judged,
            "inside": [
                {"level": level, "share": round(share, 2)} for level, share in made.right.items()
            ],
        },
    }


def method() -> Mapping[str, Any]:
    """What it was made with."""
    return {
        "name": METHOD,
        "version": VERSION,
        "parameters": {
            "false_share": FALSE_SHARE,
            "least_reporters": LEAST_REPORTERS,
            "rounded_to": protection.STEP,
            "history_weeks": HISTORY_WEEKS,
            "half_lives_weeks": list(HALF_LIVES),
            "least_forecast": LEAST_FORECAST,
            "intervals": list(LEVELS),
        },
    }
