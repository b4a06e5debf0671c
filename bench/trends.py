"""Trends: are the forecasts as sure as they say, and how often is chance taken for a change?

python -m bench.trends [PROVINCES [NIGHTS]]

Forecasts of real series (../shared/data/incidents, or the folder TINBAO_INCIDENTS names), each made
of the past alone, beside the seasonal naive one; and of simulated series whose truth is known. Then
provinces of 126 wards in which nothing changes but weekdays, holidays, Tết and noise, looked at
night after night; and how often a real rise is found.
"""

import csv
import datetime as dt
import gzip
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.trends import tails
from api.trends.analysis import LEVELS, Analysis, sides
from api.trends.expected import model_of
from api.trends.seasons import KINDS, kinds_of, weekdays_of
from api.trends.series import GROUPS, WEEK, Series
from geo.grid import cells_at, parents

Floats = NDArray[np.float64]

INCIDENTS = Path(os.environ.get("TINBAO_INCIDENTS", "../shared/data/incidents"))
QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
FIRST_ORIGIN = 10
"""Weeks of the past that the first forecast has; half of them where there are fewer."""
TET_2026 = dt.date(2026, 2, 17)
WEEKS_KNOWN = 100
SHARES = (0.3, 0.15, 0.1, 0.2, 0.05, 0.2)
"""Of the groups."""
ON_SPECIAL_DAYS = np.array([1.0, 0.85, 1.15, 1.1, 0.6, 0.85, 0.95])
ON_WEEKDAYS = np.array([1.05, 1.0, 1.0, 1.0, 1.05, 1.05, 0.85])
CLUMPING = 6.0
"""Size of the daily negative binomial: its variance is the mean and a sixth of its square."""


@dataclass
class Score:
    """How forecasts of one kind turned out."""

    inside: dict[int, list[bool]] = field(default_factory=lambda: defaultdict(list))
    loss: list[float] = field(default_factory=list)
    naive: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """A row of the table."""
        shares = [f"{100 * np.mean(self.inside[level]):.0f}%" for level in LEVELS]
        ratio = np.mean(self.loss) / np.mean(self.naive)
        cells = [name, str(len(self.loss)), *shares, f"{np.mean(self.loss):.2f}"]
        return f"| {' | '.join([*cells, f'{np.mean(self.naive):.2f}', f'{ratio:.2f}'])} |"


HEAD = (
    "| series, horizon | forecasts | in 50% | in 80% | in 95% | loss | naive loss | ratio |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def pinball(quantiles: Sequence[float], seen: float) -> float:
    """The mean loss of these quantiles."""
    pairs = zip(QUANTILES, quantiles, strict=True)
    return float(np.mean([max(q * (seen - at), (q - 1) * (seen - at)) for q, at in pairs]))


def judge(score: Score, weekly: Floats, horizon: int) -> None:
    """Forecast each stretch of weeks of one series from the weeks before it alone."""
    for origin in range(min(FIRST_ORIGIN, len(weekly) // 2), len(weekly) - horizon + 1):
        past, seen = weekly[:origin], float(weekly[origin : origin + horizon].sum())
        ahead = origin + horizon
        model = model_of(past[None], np.full((1, ahead), 7.0), np.zeros(ahead))
        outlook = model.outlook(horizon)
        mean, variance = outlook.mean[0, origin], outlook.variance[0, origin]

        def at(chance: float, mean: float = mean, variance: float = variance) -> float:
            return float(tails.quantile(chance, np.array(mean), np.array(variance)))

        for level in LEVELS:
            low, high = (at(each) for each in sides(level))
            score.inside[level].append(low <= seen <= high)
        score.loss.append(pinball([at(each) for each in QUANTILES], seen))
        score.naive.append(pinball(naive(past, horizon), seen))


def naive(past: Floats, horizon: int) -> list[float]:
    """As the last weeks were, with the changes that such weeks have shown."""
    blocks = np.convolve(past, np.ones(horizon), "valid")
    changes = blocks[horizon:] - blocks[:-horizon]
    return list(blocks[-1] + np.quantile(changes, QUANTILES)) if len(changes) else [blocks[-1]] * 7


def real(name: str, resolution: int) -> dict[str, list[Floats]]:
    """Weekly counts of a city: as a whole, by category, and by districts of cells."""
    with gzip.open(INCIDENTS / name, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    days = np.array([dt.date.fromisoformat(row["date"]).toordinal() for row in rows])
    days -= days.min()
    kept = (days.max() + 1) // WEEK * WEEK
    places = cells_at(
        np.array([float(row["lon"]) for row in rows]),
        np.array([float(row["lat"]) for row in rows]),
        9,
    )
    districts = parents(places, resolution)
    kinds = np.array([row["category"] for row in rows])

    def weekly(mask: NDArray[np.bool_]) -> Floats:
        daily = np.bincount(days[mask], minlength=kept)[:kept].astype(float)
        return np.asarray(daily.reshape(-1, WEEK).sum(axis=1))

    found = {"whole": [weekly(np.ones(len(rows), bool))]}
    if len(set(kinds)) > 1:
        found["categories"] = [weekly(kinds == kind) for kind in sorted(set(kinds))]
    parts = [weekly(districts == each) for each in np.unique(districts)]
    weeks = kept // WEEK
    found["districts"] = [each for each in parts if each.sum() >= 5 * weeks]
    return found


def simulated(rng: np.random.Generator) -> dict[str, list[Floats]]:
    """Weekly counts whose truth is known."""
    weeks = 60

    def noisy(level: Floats, size: float) -> Floats:
        return np.asarray(rng.poisson(level * rng.gamma(size, 1 / size, weeks)), dtype=float)

    walk: list[Floats] = [40 * np.exp(np.cumsum(rng.normal(0, 0.05, weeks))) for _ in range(8)]
    growth = np.asarray(1.01 ** np.arange(weeks), dtype=np.float64)
    return {
        "steady, Poisson": [noisy(np.full(weeks, 30.0), 1e6) for _ in range(8)],
        "steady, clumped": [noisy(np.full(weeks, 60.0), 10) for _ in range(8)],
        "growing 1% a week": [noisy(100 * growth, 40) for _ in range(8)],
        "wandering 5% a week": [noisy(each, 40) for each in walk],
    }


def show_forecasts(rng: np.random.Generator) -> None:
    """The table of forecasts."""
    print(f"\n### Forecasts, each from the past alone\n\n{HEAD}")
    sources = [
        ("New York thefts", "nyc_vehicle_thefts_2014_2016.csv.gz", 5),
        ("Portland calls", "portland_calls_2016_08_09.csv.gz", 6),
    ]
    named: list[tuple[str, dict[str, list[Floats]]]] = []
    for city, file, resolution in sources:
        if (INCIDENTS / file).exists():
            named.append((city, real(file, resolution)))
        else:
            print(f"({city}: not in {INCIDENTS})")
    for city, found in [*named, ("simulated", simulated(rng))]:
        for kind, series in found.items():
            for horizon in (1, 4):
                score = Score()
                for each in series:
                    judge(score, each, horizon)
                name = f"{city}, {kind}, {WEEK * horizon} d"
                print(score.line(name) if score.loss else f"({name}: too short to judge)")


def null_province(rng: np.random.Generator, first: dt.date, days: int) -> Floats:
    """Group by ward by day: nothing but weekdays, special days and noise."""
    special = ON_SPECIAL_DAYS[:KINDS] * rng.uniform(0.9, 1.1, KINDS)
    day = ON_WEEKDAYS[weekdays_of(first, days)] * special[kinds_of(first, days)]
    share = rng.gamma(1.2, 1, 126)
    mean = np.outer(rng.uniform(20, 120) * share / share.sum(), day)
    clumped = mean * rng.gamma(CLUMPING, 1 / CLUMPING, mean.shape)
    counts = np.zeros((len(GROUPS), *mean.shape))
    for group, part in enumerate(SHARES, start=1):
        counts[group] = rng.poisson(part * clumped)
    counts[0] = counts[1:].sum(axis=0)
    return counts


def until(counts: Floats, first: dt.date, end: int) -> Analysis:
    """The analysis at the end of a day; everybody reports once, so reporters are reports."""
    days = end // WEEK * WEEK
    begin = end - days
    daily = counts[:, :, begin:end]
    weekly = daily.reshape(*daily.shape[:2], -1, WEEK).sum(axis=3)
    windows = {}
    for span in (1, 4):
        reporters = weekly[:, :, -span:].sum(axis=2)
        windows[span] = np.concatenate([reporters, reporters.sum(axis=1, keepdims=True)], axis=1)
    return Analysis(
        Series(
            first + dt.timedelta(begin),
            tuple(f"{ward:05}" for ward in range(counts.shape[1])),
            daily,
            weekly,
            weekly.sum(axis=1),
            daily.sum(axis=1),
            windows,
            0,
            np.zeros((len(GROUPS), counts.shape[1] + 1, days // WEEK), dtype=np.bool_),
        )
    )


def nights(rng: np.random.Generator, count: int) -> Iterator[set[tuple[str | None, str, str]]]:
    """What is found in a province without a change, on so many nights somewhere round Tết."""
    days = WEEKS_KNOWN * WEEK + count
    last = TET_2026 + dt.timedelta(int(rng.integers(-35, 70)))
    first = last - dt.timedelta(days - 1)
    counts = null_province(rng, first, days)
    for night in range(count):
        changes = until(counts, first, days - count + night + 1).changes
        yield {(each.ward, each.group, each.direction) for each in changes}


def show_false_alarms(rng: np.random.Generator, provinces: int, count: int) -> None:
    """How often something is found where nothing has changed."""
    found = [list(nights(rng, count)) for _ in range(provinces)]
    each = [night for province in found for night in province]
    some = np.mean([bool(night) for night in each])
    weeks = [
        set[object]().union(*province[at : at + WEEK])
        for province in found
        for at in range(0, count - WEEK + 1, WEEK)
    ]
    print(f"\n### {provinces} provinces without a change, {count} nights each, through Tết\n")
    print("| | share with anything found |\n| --- | --- |")
    print(f"| nights ({len(each)}) | {100 * some:.2f}% |")
    if weeks:
        share = 100 * np.mean([bool(week) for week in weeks])
        print(f"| weeks of seven nights ({len(weeks)}) | {share:.2f}% |")


def show_power(rng: np.random.Generator, tries: int) -> None:
    """How often a rise of one ward for one week is found on its last night."""
    print("\n### A ward's week rises, in a province of 126 wards\n")
    print("| usual week | doubled | tripled | fivefold |\n| --- | --- | --- | --- |")
    days = WEEKS_KNOWN * WEEK
    first = dt.date(2026, 10, 25) - dt.timedelta(days - 1)
    for usual in (5, 15, 40):
        shares = []
        for times in (2, 3, 5):
            hits = 0
            for _ in range(tries):
                counts = null_province(rng, first, days)
                mean = np.full(days, usual / WEEK)
                mean[-WEEK:] *= times
                counts[:, 7] = 0
                counts[1, 7] = rng.poisson(mean * rng.gamma(CLUMPING, 1 / CLUMPING, days))
                counts[0, 7] = counts[1, 7]
                found = until(counts, first, days).changes
                hits += any((each.ward, each.direction) == ("00007", "more") for each in found)
            shares.append(f"{100 * hits / tries:.0f}%")
        print(f"| {usual} reports | {' | '.join(shares)} |")


def main() -> None:
    """Everything, with a fixed seed."""
    words = [int(word) for word in sys.argv[1:]]
    provinces, count = (words + [20, 7][len(words) :])[:2]
    show_forecasts(np.random.default_rng(1))
    show_power(np.random.default_rng(2), max(4, provinces // 5))
    show_false_alarms(np.random.default_rng(3), provinces, count)


if __name__ == "__main__":
    main()
