"""How far a result on held-out rows may be from the one on all rows like them: 95 % intervals.

A share of rows has the interval of Wilson (1927), which stays within 0 and 1 and means something even where every row
is right. The area under a ROC curve has the one of Newcombe (2006), made in the same way. Everything else is a
function of means over rows and has a bootstrap interval (Efron 1979).
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np

from chainrule.data.values import Floats

LEVEL: Final = 0.95
"""How often intervals made in this way hold the true value."""

DRAWS: Final = 1000
"""How often rows are drawn anew."""

MOST_UNITS: Final = 1000
"""More rows than this are drawn in groups, which saves time and, for rows in random order, changes nothing else."""

_HALVINGS: Final = 60
"""Each halves the stretch in which the end of an interval lies: 60 leave nothing that float64 could tell apart."""

Z: Final = NormalDist().inv_cdf((1 + LEVEL) / 2)


class Interval(NamedTuple):
    """From ``low`` to ``high``."""

    low: float
    high: float


def wilson(hits: int, rows: int) -> Interval:
    """The interval of a share of rows (Wilson 1927): all shares that ``hits`` does not contradict.

    With p = hits/rows it is (p + z^2/2n -+ z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n).

    Args:
        hits: rows that count.
        rows: all rows, at least one.

    >>> [round(end, 3) for end in wilson(69, 69)]
    [0.947, 1.0]
    """
    share, part = hits / rows, Z * Z / rows
    middle = share + part / 2
    half = Z * sqrt(share * (1 - share) / rows + part / (4 * rows))
    # Rounding must not push the ends beyond what they are at 0 and at 1.
    low = 0.0 if hits == 0 else (middle - half) / (1 + part)
    high = 1.0 if hits == rows else (middle + half) / (1 + part)
    return Interval(low, high)


def auc_interval(auc: float, positives: int, negatives: int) -> Interval:
    """The interval of an area under a ROC curve: all areas that ``auc`` does not contradict.

    The variance of an area a is a (1 - a) (1 + n (1 - a)/(2 - a) + n a/(1 + a)) / (positives * negatives) with
    n = (positives + negatives)/2 - 1: Hanley and McNeil (1982), in the form of Newcombe (2006, method 5). As Wilson's
    interval, it holds more than one point where the two classes are told apart without a mistake.

    >>> [round(end, 3) for end in auc_interval(1.0, 30, 30)]
    [0.933, 1.0]
    """
    mean = (positives + negatives) / 2 - 1

    def contradicts(area: float) -> bool:
        spread = 1 + mean * (1 - area) / (2 - area) + mean * area / (1 + area)
        return abs(auc - area) > Z * sqrt(area * (1 - area) * spread / (positives * negatives))

    def end(outside: float) -> float:
        inside = auc
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if contradicts(middle) else (middle, outside)
        return outside

    return Interval(end(0.0), end(1.0))


def bootstrap(parts: Floats, statistic: Callable[[Floats], Floats]) -> Interval:
    """The percentile interval of a function of means, from rows drawn with replacement (Efron 1979).

    Args:
        parts: what the means are of, shape ``(rows, quantities)``; the rows in random order.
        statistic: from means of shape ``(draws, quantities)`` to values of shape ``(draws,)``; draws in which it is
            undefined (NaN) are left out.

    >>> coin = np.array([[0.0], [1.0]] * 200)
    >>> low, high = bootstrap(coin, lambda means: means[:, 0])
    >>> 0.44 < low < 0.46 < 0.54 < high < 0.56
    True
    """
    rows = len(parts)
    units = min(rows, MOST_UNITS)
    counted = np.column_stack([np.ones(rows), parts])
    sums = np.add.reduceat(counted, np.arange(units) * rows // units)
    drawn = np.random.default_rng(0).multinomial(units, np.full(units, 1 / units), size=DRAWS) @ sums
    low, high = np.nanquantile(statistic(drawn[:, 1:] / drawn[:, :1]), ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(float(low), float(high))
