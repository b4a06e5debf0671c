"""How a place behaved over twelve weeks, in the words of emerging hot spot analysis.

The categories are those Esri publishes for its Emerging Hot Spot Analysis. A week counts as hot by
the exact test, with every week of every cell in one adjustment; what is called new or consecutive
has also to be more than before. Places with few reports are never called cold, so there is no
"oscillating".
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from api.hotspots.significance import LEVEL, adjusted, at_least
from geo.grid import Floats, Ints

STEPS, STEP_DAYS = 12, 7

FEWEST_STEPS = 10
"""With less history nothing is said: Esri's tool asks for so many steps."""

MOST = 0.9
"""The share of steps from which a place is hot nearly always."""

Flags = NDArray[np.bool_]


class Pattern(StrEnum):
    """What is said of a place."""

    NONE = "none"
    NEW = "new"
    CONSECUTIVE = "consecutive"
    INTENSIFYING = "intensifying"
    PERSISTENT = "persistent"
    DIMINISHING = "diminishing"
    SPORADIC = "sporadic"
    HISTORICAL = "historical"


@dataclass(frozen=True)
class Steps:
    """The weeks of each place (rows), oldest first.

    `fewest` and `most` are its reports as far as they may be known, `least_total` and `most_total`
    those of the whole area.
    """

    hot: Flags
    z: Floats
    fewest: Ints
    most: Ints
    least_total: Ints
    most_total: Ints


def classify(steps: Steps) -> NDArray[np.str_]:
    """The pattern of each place."""
    hot = steps.hot
    pattern = np.full(len(hot), Pattern.NONE.value, dtype="<U12")
    if hot.shape[1] < FEWEST_STEPS:
        return pattern
    times, last, run = hot.sum(axis=1), hot[:, -1], final_run(hot)
    mostly = times >= MOST * hot.shape[1]
    fresh = last & (run == times) & ~mostly
    risen = news(steps, run, fresh)
    trend = np.zeros(len(hot), np.int64)
    s, p = mann_kendall(steps.z[mostly])
    trend[mostly] = np.where(adjusted(p) <= LEVEL, np.sign(s), 0)
    said = {
        Pattern.SPORADIC: last,
        Pattern.CONSECUTIVE: risen & (times >= 2),
        Pattern.NEW: risen & (times == 1),
        Pattern.PERSISTENT: last & mostly,
        Pattern.INTENSIFYING: last & mostly & (trend > 0),
        Pattern.DIMINISHING: last & mostly & (trend < 0),
        Pattern.HISTORICAL: ~last & mostly,
    }
    for name, holds in said.items():
        pattern[holds] = name
    return pattern


def final_run(hot: Flags) -> Ints:
    """How many steps a place was hot without a break, up to the last."""
    padded = np.c_[hot[:, ::-1], np.zeros(len(hot), bool)]
    return np.asarray(np.argmin(padded, axis=1), np.int64)


def news(steps: Steps, run: Ints, fresh: Flags) -> Flags:
    """Which of the `fresh` places have more in their final run than in the weeks before it.

    A busy place stays just below the line for weeks and is over it in the last by chance: it was
    not hot before, and yet nothing is new. So the run has to be more than before it, by the exact
    test of emergence over all places.
    """
    within = np.arange(steps.hot.shape[1]) >= steps.hot.shape[1] - run[:, None]
    found = np.where(within, steps.fewest, 0).sum(axis=1)
    earlier = np.where(within, 0, steps.most).sum(axis=1)
    now = np.where(within, steps.most_total, 0).sum(axis=1)
    both = now + np.where(within, 0, steps.least_total).sum(axis=1)
    p = np.ones(len(found))
    p[fresh] = at_least(found[fresh], (found + earlier)[fresh], (now / np.maximum(both, 1))[fresh])
    return fresh & (adjusted(p) <= LEVEL)


def mann_kendall(series: Floats) -> tuple[Ints, Floats]:
    """S and its two-sided p for each row: normal, corrected for ties and for continuity."""
    n = series.shape[1]
    signs = np.sign(series[:, None, :] - series[:, :, None]).astype(np.int64)
    s = signs[:, *np.triu_indices(n, 1)].sum(axis=1)
    tied = (signs == 0).sum(axis=2)  # for each value, how many equal it, itself too
    excess = ((tied - 1) * (2 * tied + 5)).sum(axis=1)
    variance = (n * (n - 1) * (2 * n + 5) - excess) / 18
    some = (s != 0) & (variance > 0)
    z = np.zeros(len(series))
    z[some] = (s[some] - np.sign(s[some])) / np.sqrt(variance[some])
    return s, np.asarray(2 * ndtr(-np.abs(z)))
