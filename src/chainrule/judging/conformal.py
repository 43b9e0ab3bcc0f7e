"""How far an actual number may be from a predicted one: split conformal prediction, from held-out residuals.

Vovk, Gammerman, Shafer (2005); Lei, G'Sell, Rinaldo, Tibshirani, Wasserman (2018). Where new rows are drawn as the
held-out ones were, the actual number lies within the interval with at least the probability asked for, and at most
1/(n + 1) more where no two residuals are equal; n is the number of residuals. That holds on average over all rows: for
rows of one kind it may be more or less. Nothing is assumed of the model or of the shape of the errors.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from chainrule.data.values import Floats
from chainrule.errors import ArgumentError, require


def half_width(residuals: Floats, share: float) -> float:
    """Half the width of the interval that holds the actual number with the probability ``share``.

    It is the ceil((n + 1) share)-th smallest of the absolute residuals.

    Args:
        residuals: actual minus predicted, of rows that the model did not learn from, shape ``(n,)``.
        share: between 0 and 1.

    Raises:
        ArgumentError: for another share, and where n residuals are too few for it.

    >>> half_width(np.array([0.5, -2.0, 1.0, -0.1]), 0.8)
    2.0
    """
    return _ranked(np.abs(residuals), share, "an interval")


def quantile_shift(residuals: Floats, share: float) -> float:
    """What to add to a prediction so that the actual number lies below with the probability ``share``.

    It is the ceil((n + 1) share)-th smallest of the residuals.

    Args:
        residuals: actual minus predicted, of rows that the model did not learn from, shape ``(n,)``.
        share: between 0 and 1.

    Raises:
        ArgumentError: for another share, and where n residuals are too few for it.

    >>> quantile_shift(np.array([0.5, -2.0, 1.0, -0.1]), 0.5)
    0.5
    """
    return _ranked(residuals, share, "a quantile")


def _ranked(values: Floats, share: float, what: str) -> float:
    require(0 < share < 1, f"{what} needs a share between 0 and 1, such as 0.9, not {share!r}")
    rows = len(values)
    rank = ceil(round((rows + 1) * share, 9))  # 10 * 0.9 is 9, though not in binary fractions
    if rank > rows:
        needed = ceil(round(share / (1 - share), 9))
        raise ArgumentError(
            f"{what} for {share:g} needs at least {needed} held-out rows, and the model was judged by {rows}: "
            "ask for a smaller share, or train with more rows"
        )
    return float(np.sort(values)[rank - 1])
