"""Negative binomial counts of a mean and a variance: how likely, how far out, which interval."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, gammaln, xlog1py, xlogy

Floats = NDArray[np.float64]
MOST = 1e8
"""A size at which the negative binomial is the Poisson for every purpose."""


def size_of(mean: Floats, variance: Floats) -> Floats:
    """The size parameter; a variance below the mean counts as Poisson."""
    return np.asarray(np.clip(mean**2 / np.maximum(variance - mean, 1e-12), 1e-6, MOST))


def at_least(count: Any, mean: Floats, variance: Floats) -> Floats:
    """The chance of so many or more."""
    size = size_of(mean, variance)
    tail = betainc(np.maximum(count, 1), size, mean / (mean + size))
    return np.where(np.asarray(count) <= 0, 1.0, tail)


def at_most(count: Any, mean: Floats, variance: Floats) -> Floats:
    """The chance of so many or fewer."""
    size = size_of(mean, variance)
    head = betainc(size, np.maximum(count, 0) + 1, size / (mean + size))
    return np.where(np.asarray(count) < 0, 0.0, head)


def log_chance(count: Any, mean: Floats, variance: Floats) -> Floats:
    """The logarithm of the chance of just so many."""
    size = size_of(mean, variance)
    share = mean / (mean + size)
    ways = -betaln(count + 1, size) - np.log(count + size)
    poisson = count * np.log(mean) - mean - gammaln(count + 1)
    exact = ways + xlogy(count, share) + xlog1py(size, -share)
    return np.asarray(np.where(size >= MOST / 10, poisson, exact))


def quantile(chance: float, mean: Floats, variance: Floats) -> Floats:
    """The count below which a share of all lies, half of the count itself taken with it.

    So that intervals of small counts hold as many as they say, neither more nor fewer.
    """
    low = np.full(np.shape(mean), -1.0)
    high = np.ceil(mean + 20 * np.sqrt(variance) + 20)
    while np.any(high - low > 1):
        middle = np.floor((low + high) / 2)
        below = (at_most(middle, mean, variance) + at_most(middle - 1, mean, variance)) / 2
        enough = below >= chance
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.asarray(high)


def far_out(mean: Floats, variance: Floats) -> Floats:
    """About what one count in a thousand is above (Cornish and Fisher's first terms)."""
    normal = 3.09
    skew = 2 * variance / mean - 1
    return np.asarray(mean + normal * np.sqrt(variance) + (normal**2 - 1) / 6 * skew)
