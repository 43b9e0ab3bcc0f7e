"""Mean, standard deviation and median of numbers, and numbers measured in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from chainrule.data.values import Floats, refuse

if TYPE_CHECKING:
    import polars as pl

LARGEST_FLOAT32: Final = float(np.finfo(np.float32).max)
"""The largest number that a feature can be."""


class Summary(NamedTuple):
    """Mean, population standard deviation and median of some numbers."""

    mean: float
    scale: float
    median: float


def mean_and_scale(present: Floats) -> tuple[float, float]:
    """Mean and population standard deviation of finite numbers.

    Deviations are taken from the mean itself (two passes), and the numbers are first divided by a power of
    two, which is exact. So neither a large common offset nor squares beyond the range of float64 spoil the
    result; the relative error of the standard deviation is a few times 1e-16 times the ratio of the offset to
    it.

    Args:
        present: float64, shape ``(n,)``, n >= 1.

    >>> mean_and_scale(np.array([1.0, 3.0, 5.0, 7.0]))
    (4.0, 2.23606797749979)
    """
    exponent = int(np.frexp(np.abs(present).max())[1])
    unit = np.ldexp(present, -exponent)
    mean = unit.mean()
    mean += (unit - mean).mean()  # takes back the rounding of the first pass
    scale = np.sqrt(np.square(unit - mean).mean())
    return float(np.ldexp(mean, exponent)), float(np.ldexp(scale, exponent))


def summary(present: Floats) -> Summary:
    """All three of finite numbers, float64, shape ``(n,)``, n >= 1.

    >>> summary(np.array([1.0, 3.0, 5.0, 7.0]))
    Summary(mean=4.0, scale=2.23606797749979, median=4.0)
    """
    return Summary(*mean_and_scale(present), _median(present))


def _median(present: Floats) -> float:
    with np.errstate(over="ignore"):
        middle = float(np.median(present))
    return middle if np.isfinite(middle) else 2 * float(np.median(present / 2))  # of two whose sum is too large


def standardised(series: pl.Series, numbers: Floats, mean: float, scale: float) -> Floats:
    """``(numbers - mean) / scale``, shape ``(rows,)``, in float64.

    Args:
        series: the column that the numbers come from, for the message.
        numbers: finite, shape ``(rows,)``.
        mean: subtracted.
        scale: divided by.

    Raises:
        DataError: for the first value whose result float32 cannot hold.
    """
    with np.errstate(over="ignore"):
        result = (numbers - mean) / scale
    trained = f"mean {mean:.4g}, standard deviation {scale:.4g}"
    too_far = np.abs(result) > LARGEST_FLOAT32
    refuse(series, too_far, f"is too far from the training rows ({trained}); check the value")
    return result
