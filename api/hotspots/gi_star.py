"""Gi* of Ord and Getis (1995): how far a neighbourhood's count is from the average, as a z.

For analysts. On sparse counts its normal p-values flag pure noise, so it never raises a flag here.
"""

import numpy as np

from geo.grid import Floats, Ints


def gi_star(around: Ints, sizes: Ints, *, mean: float, deviation: float) -> Floats:
    """The z of each neighbourhood: `around` reports in `sizes` cells, binary weights, itself in.

    `mean` and `deviation` are those of the counts of all cells. 0 where no difference is possible.
    """
    n = len(sizes)
    if n < 2 or deviation <= 0:
        return np.zeros(n)
    spread = deviation * np.sqrt((n * sizes - sizes**2) / (n - 1))
    some = spread > 0
    z = np.zeros(n)
    z[some] = (around[some] - mean * sizes[some]) / spread[some]
    return z


def moments(counts: Ints) -> tuple[float, float]:
    """Mean and standard deviation of all cells' counts, from exact sums."""
    n, total, squares = len(counts), int(counts.sum()), int((counts * counts).sum())
    if n == 0:
        return 0.0, 0.0
    return total / n, float(np.sqrt(n * squares - total * total)) / n
