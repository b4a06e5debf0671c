"""How surprising a count is: exact binomial tails, and many tests at once."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv

from geo.grid import Floats, Ints

LEVEL = 0.05
"""A share of false flags among the flagged that is accepted (Benjamini and Hochberg 1995)."""

REPORTERS = 5
"""Nothing is flagged that fewer people reported."""


def at_least(found: Ints, trials: Ints | int, chance: Floats | float) -> Floats:
    """P(Bin(trials, chance) >= found), exactly, for each; 1 where nothing was found."""
    k, n, share = np.broadcast_arrays(found, trials, chance)
    p, some = np.ones(k.shape), k > 0
    (k, n, share), back = distinct(np.stack([k[some], n[some], share[some]]).astype(float))
    possible = k <= n
    tail = np.zeros(len(k))
    tail[possible] = betainc(
        k[possible], n[possible] - k[possible] + 1, np.clip(share[possible], 0.0, 1.0)
    )
    p[some] = tail[back]
    return p


def distinct(cases: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """The different columns, and which of them each column was: most cells share theirs."""
    order = np.lexsort(cases)
    ordered = cases[:, order]
    new = np.ones(len(order), bool)
    new[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    back = np.empty(len(order), np.intp)
    back[order] = np.cumsum(new) - 1
    return ordered[:, new], back


def share_between(found: Ints, trials: Ints | int, level: float = 0.95) -> tuple[Floats, Floats]:
    """The interval in which the chance of one trial lies (Clopper and Pearson 1934)."""
    k, n = np.broadcast_arrays(np.asarray(found, float), np.asarray(trials, float))
    tail = (1 - level) / 2
    low, high = np.zeros(k.shape), np.ones(k.shape)
    some, rest = k > 0, k < n
    low[some] = betaincinv(k[some], n[some] - k[some] + 1, tail)
    high[rest] = betaincinv(k[rest] + 1, n[rest] - k[rest], 1 - tail)
    return low, high


def adjusted(p: Floats) -> Floats:
    """Benjamini and Hochberg's q of each p: to flag q <= 0.05 keeps 5 % false among the flagged.

    `p` holds every test that was made, also those of places where nothing happened.
    """
    flat = np.asarray(p, float).reshape(-1)
    order = np.argsort(flat, kind="stable")
    rising = flat[order] * len(flat) / np.arange(1, len(flat) + 1)
    q = np.empty(len(flat))
    q[order] = np.minimum.accumulate(rising[::-1])[::-1].clip(0.0, 1.0)
    return q.reshape(np.shape(p))
