"""Numbers with as many digits as were written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ArgumentError, ChainruleError

EXACT = 1e-9
"""Relative error up to which numbers are the same."""

COARSEST_ZERO = 0.00051
"""A zero with fewer decimals than this says nothing of a small number."""

_NUMBER = re.compile(r"\s*[-+−]?\s*(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


@dataclass(frozen=True)
class Written:
    """A number as it was written: its value, and by how much it may differ from what it was rounded from."""

    value: float
    slack: float
    digits: int
    text: str = ""

    def __repr__(self) -> str:
        return self.text

    def fits(self, right: float, spread: float = 0.0) -> bool:
        """Whether the number is what rounding gives; a zero has to show at least three decimals for that.

        Args:
            right: the right value.
            spread: by how much that may be off, since it was worked out from rounded numbers.
        """
        if not (np.isfinite(self.value) and np.isfinite(right)):
            return False
        if self.value == 0 and abs(right) > EXACT and self.slack > COARSEST_ZERO:
            return False
        return abs(self.value - right) <= spread + max(self.slack, EXACT * max(abs(right), abs(self.value)))


def written(value: Any) -> Written:
    """A number with its digits; ``0.370`` has three, ``1.5`` has two, and whole numbers are exact.

    >>> written("0.37").fits(0.3749), written("0.370").fits(0.3749), written(3).fits(3.2)
    (True, False, False)
    """
    text = str(value).strip().replace("−", "-").replace(" ", "")
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    places = exponent if isinstance(exponent, int) else 0
    slack = 0.5001 * 10.0**places if places < 0 else 0.0
    return Written(float(number), slack, len(number.normalize().as_tuple().digits), text)


def is_number(value: Any) -> bool:
    """Whether an answer is a number, by itself or as text."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float | Decimal | np.number) or (
        isinstance(value, str) and _NUMBER.fullmatch(value) is not None
    )


def grid_of(value: Any, where: str) -> NDArray[Any]:
    """Nested lists of numbers as an array of :class:`Written`."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    try:
        texts = np.array(_texts(value), dtype=object)
    except (ValueError, ChainruleError):
        raise ArgumentError(f"the answer for {where} is no number, formula or list of numbers: {value!r:.60}") from None
    made = np.empty(texts.shape, dtype=object)
    for index, text in np.ndenumerate(texts):
        if not is_number(text):
            raise ArgumentError(f"the answer for {where} holds {text!r:.40}, which is no number")
        made[index] = written(text)
    return made


def _texts(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        rows = [_texts(v) for v in value]
        if len({np.shape(row) for row in rows}) > 1:
            raise ValueError
        return rows
    return str(value)
