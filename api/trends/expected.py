"""How many reports are expected: a level that moves slowly, its growth, and how sure that is.

Weeks end on a given day. Each week's count is Poisson about level x exposure (see `seasons`), the
level is a gamma whose memory fades by half in some weeks, so the next weeks are negative binomial
(Harvey and Fernandes 1989). How much more the weeks of the past have varied than that is measured
on forecasts made before them, and widens what is said of the next ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.trends.tails import far_out, log_chance

Floats = NDArray[np.float64]

HALF_LIVES = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Weeks. The one that forecast best is taken, the same for all series given together."""
LONGER = 3.0
"""Growth is told from a memory so many times as long."""
GROWTH_SPREAD = 0.01
"""A level grows or shrinks so much in a week as a rule."""
FURTHEST = 0.7
"""The most that growth is believed to change a level, as a logarithm: twice, or half."""
BURN_IN = 8
"""Weeks before forecasts are judged."""
LEAST_DISPERSION = 0.3
"""A fading memory may forget too fast for a level that stands still."""
PRIOR_COUNT = 0.5
PRIOR_WEEKS, FEW_WEEKS = 20.0, 4.0
"""A series' own dispersion is drawn to that of all series as if they had so many weeks, and that
to 1 by fewer."""
YOUNG_DISPERSION = 1.5
CUTS = 3
"""An outbreak makes later ones look likely, until it is cut off; then smaller ones show."""
JUDGED_WEEKS = (1, 4)


@dataclass(frozen=True)
class Memory:
    """What is known before each week, and after the last one: series by week."""

    count: Floats
    """Remembered reports."""
    exposure: Floats
    age: Floats
    """How many weeks before the next one they lie on the average."""
    fading: float

    @property
    def level(self) -> Floats:
        """Reports for each ordinary day; a series without any is drawn to all of them."""
        total = np.maximum(self.count.sum(axis=0), PRIOR_COUNT)
        common = total / np.maximum(self.exposure.sum(axis=0), 1e-9)
        return np.asarray(
            (self.count + PRIOR_COUNT) / (self.exposure + PRIOR_COUNT / np.maximum(common, 1e-9))
        )


@dataclass(frozen=True)
class Outlook:
    """The sum of some weeks as it was expected before them: series by week they begin with."""

    mean: Floats
    variance: Floats
    dispersion: Floats
    """Of each series, over a Poisson count about an uncertain level."""


@dataclass(frozen=True)
class Model:
    """Weekly counts and what to expect of them; the last column is yet to come."""

    counts: Floats
    usual: Floats
    """The same without the height of past outbreaks, by which nothing is expected."""
    exposure: Floats
    """Series by week, with as many weeks more as are to be forecast."""
    unsure: Floats
    """Relative variance of each week's exposure: special days seldom seen."""
    memory: Memory
    growth: Floats
    growth_unsure: Floats

    def outlook(self, weeks: int) -> Outlook:
        """The sums of so many weeks, from each week on that has as many ahead."""
        begins = self.exposure.shape[1] - weeks + 1
        begins = min(begins, self.memory.count.shape[1])
        memory, level = self.memory, self.memory.level[:, :begins]
        mean, margin = np.zeros_like(level), np.zeros_like(level)
        for ahead in range(weeks):
            reach = memory.age[:, :begins] + ahead
            change = np.clip(self.growth[:begins] * reach, -FURTHEST, FURTHEST)
            each = level * np.exp(change) * self.exposure[:, ahead : ahead + begins]
            mean += each
            margin += each * np.sqrt(self.unsure[ahead : ahead + begins])
        mean = np.maximum(mean, 1e-6)
        reach = memory.age[:, :begins] + (weeks - 1) / 2
        steps = sum((2 * (weeks - k) + 1) * k for k in range(1, weeks + 1)) / weeks**2
        blurred = memory.fading**-steps / (memory.count[:, :begins] + PRIOR_COUNT)
        base = mean + mean**2 * (blurred + self.growth_unsure[:begins] * reach**2)
        dispersion = self._dispersion(mean, base + margin**2, weeks)
        variance = dispersion[:, None] * base + np.maximum(dispersion[:, None], 1.0) * margin**2
        variance = np.maximum(variance, mean)
        return Outlook(mean, variance, dispersion)

    def _dispersion(self, mean: Floats, variance: Floats, weeks: int) -> Floats:
        """By what was forecast and then came, drawn to that of all series together.

        That of several weeks, of which there are fewer, is drawn to that of single ones.
        """
        prior: Floats | float = 1.0
        if weeks > 1:
            prior = self.outlook(1).dispersion
        known = sums(self.usual, weeks)
        judged = slice(BURN_IN, known.shape[1])
        if known.shape[1] <= BURN_IN:
            return np.full(len(mean), YOUNG_DISPERSION)
        errors = (known[:, judged] - mean[:, judged]) ** 2
        ratio = errors / variance[:, judged]
        count = ratio.shape[1] / weeks
        if weeks == 1:
            prior = (ratio.sum() + FEW_WEEKS) / (ratio.size + FEW_WEEKS)
        weight = PRIOR_WEEKS / weeks
        drawn = (ratio.mean(axis=1) * count + weight * prior) / (count + weight)
        return np.asarray(np.maximum(drawn, LEAST_DISPERSION))


def sums(counts: Floats, weeks: int) -> Floats:
    """Sums of so many weeks, by the week they begin with."""
    total = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(counts, axis=1)], axis=1)
    return np.asarray(total[:, weeks:] - total[:, :-weeks])


def remembered(counts: Floats, exposure: Floats, half_life: float) -> Memory:
    """What is known before each week, by a memory that fades by half in so many weeks."""
    fading, weeks = 0.5 ** (1 / half_life), counts.shape[1]
    age = np.arange(weeks + 1) - np.arange(weeks)[:, None]
    weight = np.where(age > 0, fading ** np.maximum(age - 1.0, 0), 0.0)
    known = times(exposure, weight)
    ages = np.where(known > 0, times(exposure, weight * age) / np.maximum(known, 1e-9), 1.0)
    return Memory(times(counts, weight), known, ages, fading)


def times(one: Floats, other: Floats) -> Floats:
    """A product of small matrices, without BLAS, whose threads would wait for each other."""
    return np.asarray(np.einsum("sw,wb->sb", one, other))


def growth_of(near: Memory, far: Memory, noise: float) -> tuple[Floats, Floats]:
    """The weekly growth of the whole before each week, and its variance.

    A short memory's level against a long one's, over the weeks between them; drawn to none, the
    more so the more the weeks vary than Poisson counts (`noise`).
    """
    levels = [memory.count.sum(axis=0) + PRIOR_COUNT for memory in (near, far)]
    shares = [np.maximum(memory.exposure.sum(axis=0), 1e-9) for memory in (near, far)]
    ages = [
        (memory.age * memory.exposure).sum(axis=0) / share
        for memory, share in zip((near, far), shares, strict=True)
    ]
    apart = np.maximum(ages[1] - ages[0], 0.1)
    found = np.log(levels[0] / shares[0] * shares[1] / levels[1]) / apart
    variance = 2 * noise / levels[0] / apart**2
    trust = GROWTH_SPREAD**2 / (GROWTH_SPREAD**2 + variance)
    return trust * found, trust * variance


def model_of(counts: Floats, exposure: Floats, unsure: Floats) -> Model:
    """The memory that would have forecast these weeks best, outbreaks of the past cut off."""
    weeks = counts.shape[1]
    made = [fitted(counts, counts, exposure, unsure, half_life) for half_life in HALF_LIVES]
    at = max(range(len(made)), key=lambda number: judged(made[number]))
    model = made[at]
    for _ in range(CUTS if weeks > BURN_IN else 0):
        outlook = model.outlook(1)
        most = far_out(outlook.mean[:, :weeks], outlook.variance[:, :weeks])
        most[:, :BURN_IN] = np.inf
        model = fitted(counts, np.minimum(counts, most), exposure, unsure, HALF_LIVES[at])
    return model


def fitted(
    counts: Floats, usual: Floats, exposure: Floats, unsure: Floats, half_life: float
) -> Model:
    """The model of one half-life."""
    known = exposure[:, : counts.shape[1]]
    near = remembered(usual, known, half_life)
    far = remembered(usual, known, LONGER * half_life)
    noise = noise_of(usual, known, near)
    return Model(counts, usual, exposure, unsure, near, *growth_of(near, far, noise))


def noise_of(counts: Floats, exposure: Floats, memory: Memory) -> float:
    """How much more than Poisson counts the whole varies from week to week, at least 1."""
    weeks = counts.shape[1]
    mean = np.maximum((memory.level[:, :weeks] * exposure).sum(axis=0), 0.1)[BURN_IN:]
    errors = (counts.sum(axis=0)[BURN_IN:] - mean) ** 2 / mean
    return max(1.0, float((errors.sum() + FEW_WEEKS) / (errors.size + FEW_WEEKS)))


def judged(model: Model) -> float:
    """How likely the weeks were by forecasts made before them, one week and four weeks ahead."""
    total = 0.0
    for weeks in JUDGED_WEEKS:
        known = sums(model.usual, weeks)
        if known.shape[1] > BURN_IN:
            seen, outlook = slice(BURN_IN, known.shape[1]), model.outlook(weeks)
            chances = log_chance(known[:, seen], outlook.mean[:, seen], outlook.variance[:, seen])
            total += float(chances.sum()) / weeks
    return total
