"""Printed numbers: how close another one must be, and how it is shown beside them."""

from __future__ import annotations

import sys
from decimal import Decimal

from chainrule.show.numbers import exact_text

ROUNDING = 8 * sys.float_info.epsilon
"""Relative error of a computation in doubles that a source of 16 or 17 digits may not be blamed for."""


def agrees(printed: str, value: float) -> bool:
    """Whether a number is what was printed: within half a unit of the last digit given.

    >>> agrees("0.73", 0.7310585), agrees("0.73", 0.7351), agrees("1,425", 1425.0)
    (True, False, True)
    """
    number = _number(printed)
    half = Decimal(1).scaleb(_exponent(number)) / 2
    return abs(Decimal(value) - number) <= half + Decimal(abs(value) * ROUNDING)


def beside(printed: str, value: float) -> str:
    """A number with two digits more than the printed one has; fewer where those are all, or where doubles end.

    >>> beside("0.73", 0.7310585786), beside("-12", -12.0), beside("0.41997434161402603", 0.4199743416140261)
    ('0.7311', '-12', '0.419974341614026')
    """
    text = f"{value:.{max(2 - _exponent(_number(printed)), 0)}f}"
    return min(text, exact_text(float(f"{value:.15g}")), key=len)


def _number(printed: str) -> Decimal:
    return Decimal(printed.replace(",", ""))


def _exponent(number: Decimal) -> int:
    """The power of ten of the last digit."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent
