"""What would explain a wrong derivative: the slips that people make, each tried on the numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.certificates.primitives import Array

CLOSE = 1e-7
"""Relative difference up to which a slip explains a wrong derivative."""


def explains(candidate: Array, claimed: Array) -> bool:
    """Whether a wrong derivative is what a slip would give."""
    if candidate.shape != claimed.shape or not np.all(np.isfinite(claimed)):
        return False
    largest = np.max(np.abs(claimed), initial=0.0)
    return bool(largest > 0 and np.all(np.abs(candidate - claimed) <= CLOSE * largest))


def slip_of(claimed: Array, measured: Array, rows: int | None) -> str:
    """The slip that turns the right derivative into the claimed one; empty if none does.

    Args:
        claimed: the wrong derivative.
        measured: the right one.
        rows: of the batch, if there is one.

    >>> slip_of(np.array([-1.0, 2.0]), np.array([1.0, -2.0]), None)
    'the sign is wrong'
    >>> slip_of(np.array([4.0, 8.0]), np.array([1.0, 2.0]), rows=4)
    'a division by the 4 rows of the batch is missing'
    """
    return next((words for words, candidate in _slips(claimed, measured, rows) if explains(candidate, claimed)), "")


def _slips(claimed: Array, measured: Array, rows: int | None) -> Iterator[tuple[str, Array]]:
    yield "the sign is wrong", -measured
    yield "a factor 2 is missing", measured / 2
    yield "a factor 2 is too much, or a factor 1/2 is missing", measured * 2
    if rows is not None and rows > 1:
        yield f"a division by the {rows} rows of the batch is missing", measured * rows
        yield f"it is divided by the {rows} rows of the batch once too often, or not summed over them", measured / rows
    if measured.ndim == 2:
        yield "a transpose is missing", measured.T
    if (
        claimed.ndim == measured.ndim + 1
        and claimed.shape[1:] == measured.shape
        and np.allclose(claimed.sum(axis=0), measured, rtol=CLOSE, atol=0.0)
    ):
        yield "the sum over the batch is missing", claimed


def factor_of(claimed: Array, measured: Array) -> str:
    """The factor by which a derivative is wrong as a whole; empty if it is none.

    >>> factor_of(np.array([3.0, 6.0]), np.array([1.0, 2.0]))
    'it is 3 times what it should be'
    """
    if claimed.shape != measured.shape or not measured.any():
        return ""
    at = np.unravel_index(np.argmax(np.abs(measured)), measured.shape)
    factor = float(claimed[at] / measured[at])
    words = f"{factor:.6g}"
    if words == "1" or not explains(measured * factor, claimed):
        return ""
    return f"it is {words} times what it should be"
