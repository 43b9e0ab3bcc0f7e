"""How well a number puts the rows of one class above those of the other."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from chainrule.data.values import Floats
from chainrule.judging.intervals import Interval, Z

_HALVINGS = 60
"""Each halves the stretch in which the end of an interval lies: 60 leave nothing that float64 could tell apart."""


def roc_auc(positive: NDArray[np.bool_], score: Floats) -> float | None:
    """The area under the ROC curve: how often a positive row scores above a negative one, ties counted half.

    It is the statistic of Mann and Whitney (1947) over the number of pairs.

    Args:
        positive: which rows are of the class, shape ``(rows,)``.
        score: higher for rows that seem to be of the class, shape ``(rows,)``.

    Returns:
        From 0 to 1, 0.5 for a guess; None where all rows are positive, or none.

    >>> roc_auc(np.array([True, False, True]), np.array([0.9, 0.2, 0.2]))
    0.75
    """
    positives = int(positive.sum())
    pairs = positives * (len(positive) - positives)
    if not pairs:
        return None
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # equal scores share the mean of their ranks
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / pairs)


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
