"""What chance explains: funnel limits round the rate of the peers (Spiegelhalter 2005).

Tails are of the exact binomial distribution, so that the smallest station is not flagged more often
than the largest. Where stations differ more than chance and nothing is wrong with any of them (they
are never quite alike), the limits are wider by the dispersion of their z-scores, of which the
outermost tenth on either side is pulled in, so that a bad one cannot hide itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

import numpy as np

LEAST = 5
"""Out of fewer there is no rate, and no judgement."""
FEWEST_PEERS = 10
"""Fewer do not tell how much they differ."""
Z95 = 1.959963984540054
Z998 = 3.090232306167813
"""Two-sided: one in twenty, and one in five hundred, lies outside by chance. Only the latter is
flagged: among 130 stations with ten rates each, two or three are by chance."""
TRIMMED = 0.1
WINSORISED = 0.6786
"""The mean square of a standard normal variable of which the outer tenths are pulled in."""

Place = Literal["below", "within", "above"]


@dataclass(frozen=True)
class Peers:
    """What stations are compared with: their rate together, and how much wider than chance."""

    target: float | None
    dispersion: float
    stations: int


@dataclass(frozen=True)
class Limits:
    """Rates at and beyond which a station of this size is by chance that seldom; None: nowhere."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Judgement:
    """Where a station lies; None where nothing can be said."""

    place: Place | None = None
    limits_95: Limits | None = None
    limits_998: Limits | None = None


UNJUDGED = Judgement()


def wilson(hits: int, out_of: int) -> tuple[float, float]:
    """The 95 % interval of a rate (Wilson 1927)."""
    share, square = hits / out_of, Z95**2
    middle = (share + square / (2 * out_of)) / (1 + square / out_of)
    spread = share * (1 - share) / out_of + square / (4 * out_of**2)
    reach = Z95 * sqrt(spread) / (1 + square / out_of)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def peers_of(hits: Sequence[int], out_of: Sequence[int]) -> Peers:
    """The peers of a rate: all stations together, the tiny ones too."""
    x, n = np.asarray(hits, dtype=float), np.asarray(out_of, dtype=float)
    if n.sum() == 0:
        return Peers(None, 1.0, 0)
    target, counted = float(x.sum() / n.sum()), n >= LEAST
    return Peers(target, dispersion(x[counted], n[counted], target), int(counted.sum()))


def dispersion(x: Any, n: Any, target: float) -> float:
    """How much wider the z-scores are than chance makes them; 1 where chance may do that."""
    if len(n) < FEWEST_PEERS or target in (0.0, 1.0):
        return 1.0
    z = z_scores(x, n, target)
    low, high = np.quantile(z, [TRIMMED, 1 - TRIMMED])
    factor = float(np.mean(np.clip(z, low, high) ** 2)) / WINSORISED
    return factor if factor > 1 + 2 * sqrt(2 / len(n)) else 1.0


def z_scores(x: Any, n: Any, target: float) -> Any:
    """How unusual each is: the normal quantile of the middle of its binomial tail."""
    from scipy.special import ndtri  # noqa: PLC0415 - heavy, and only scorecards need it

    middle = (at_most(x - 1, n, target) + at_most(x, n, target)) / 2
    return ndtri(np.clip(middle, 1e-12, 1 - 1e-12))


def at_most(x: Any, n: Any, rate: float) -> Any:
    """How likely so few of so many are, by the exact binomial distribution."""
    from scipy.special import betainc  # noqa: PLC0415

    x, n = np.asarray(x, dtype=float), np.asarray(n, dtype=float)
    inner = np.clip(x, 0, n - 1)
    found = betainc(n - inner, inner + 1, 1 - rate)
    return np.where(x < 0, 0.0, np.where(x >= n, 1.0, found))


def at_least(x: Any, n: Any, rate: float) -> Any:
    """How likely so many of so many are; exact where that is hardly ever."""
    from scipy.special import betainc  # noqa: PLC0415

    x, n = np.asarray(x, dtype=float), np.asarray(n, dtype=float)
    return np.where(x <= 0, 1.0, betainc(np.maximum(x, 1), n - np.maximum(x, 1) + 1, rate))


def tail(z: float, factor: float) -> float:
    """How seldom a station lies beyond a limit on one side, the limits being so much wider."""
    from scipy.special import ndtr  # noqa: PLC0415

    return float(ndtr(-z * sqrt(factor)))


def judged(hits: Sequence[int], out_of: Sequence[int], peers: Peers) -> list[Judgement]:
    """Where stations lie between their limits; nothing is said out of too few, or without peers."""
    n = np.asarray(out_of, dtype=float)
    if peers.target is None:
        return [UNJUDGED] * len(n)
    if peers.target in (0.0, 1.0):
        same = Limits(peers.target, peers.target)
        alike = Judgement("within", same, same)
        return [alike if each >= LEAST else UNJUDGED for each in n]
    seldom, size = tail(Z998, peers.dispersion), np.maximum(n, 1)
    below = at_most(hits, size, peers.target) <= seldom
    above = at_least(hits, size, peers.target) <= seldom
    inner, outer = (limits_of(size, peers, each) for each in (Z95, Z998))
    places: list[Place] = [
        "below" if low else "above" if high else "within"
        for low, high in zip(below, above, strict=True)
    ]
    return [
        Judgement(place, near, far) if each >= LEAST else UNJUDGED
        for each, place, near, far in zip(n, places, inner, outer, strict=True)
    ]


def limits_of(n: Any, peers: Peers, z: float) -> list[Limits]:
    """The limits for stations of these sizes, between whole numbers as the distribution is.

    At and below a limit lies what is seldom; where nothing is, there is none on that side.
    """
    from scipy.special import bdtrik  # noqa: PLC0415

    assert peers.target is not None  # noqa: S101 - the caller has asked
    seldom, rate = tail(z, peers.dispersion), peers.target
    low, high = bdtrik(seldom, n, rate) / n, 1 - bdtrik(seldom, n, 1 - rate) / n
    no_low, no_high = at_most(0, n, rate) > seldom, at_least(n, n, rate) > seldom
    return [
        Limits(
            None if no_low[each] else float(low[each]), None if no_high[each] else float(high[each])
        )
        for each in range(len(n))
    ]
