"""Rows, targets and weights of rows as a network's programs take them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError, ShapeError
from chainrule.losses import Loss
from chainrule.program import Program, Var
from chainrule.shapes import Shape, show_shape

Array = NDArray[Any]


def as_rows(name: str, X: Any, dtype: str) -> Array:
    """An array of rows: at least two axes, floats of ``dtype``, all finite."""
    try:
        array = np.asarray(X)
        if array.dtype.kind == "c":
            raise TypeError
        if array.dtype.kind not in "fiub":
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} must hold numbers: encode text and dates first (chainrule train does)") from None
    if array.ndim < 2:
        raise ShapeError(
            f"{name} has shape {show_shape(array.shape)}, but rows of features are needed: "
            f"use {name}.reshape(-1, 1) for one feature, {name}.reshape(1, -1) for one row"
        )
    if len(array) == 0:
        raise DataError(f"{name} has no rows")
    return _finite(name, _cast(array, dtype))


def _cast(array: Array, dtype: str) -> Array:
    """The array as floats; what is too large becomes infinite, which :func:`_finite` reports."""
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def _finite(name: str, array: Array) -> Array:
    if np.isfinite(array).all():
        return array
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    value = array[place]
    where = f"row {place[0] + 1}" + (f", column {place[1] + 1}" if array.ndim > 1 and array.shape[1] > 1 else "")
    raise DataError(f"{name} holds {value} in {where}: fill or drop such rows first")


def as_targets(y: Any, loss: Loss, rows: int, shape: Shape, dtype: str) -> Array:
    """Targets as the loss takes them, shape (rows, outputs): classes become rows of 0 and 1."""
    outputs = shape[-1]
    assert isinstance(outputs, int)
    try:
        array = np.asarray(y)
    except ValueError:
        raise DataError("the rows of y differ in length: each needs the same number of targets") from None
    if array.dtype.kind not in "fiub":
        raise DataError(f"targets must be numbers, not {array.dtype}: give classes the codes 0, 1, ...")
    if array.ndim == 0 or len(array) != rows:
        raise ShapeError(f"X has {rows} rows, y has {len(array) if array.ndim else 'none'}")
    if loss.target == "classes" and array.ndim == 1:
        return _one_hot(array, outputs, dtype)
    if array.ndim == 1 and outputs == 1:
        array = array[:, None]
    if array.shape != (rows, *shape[1:]):
        raise ShapeError(
            f"targets have shape {show_shape(array.shape)}, but the last layer gives {show_shape((rows, *shape[1:]))}"
        )
    return _in_range(_finite("y", _cast(array, dtype)), loss)


def _one_hot(codes: Array, classes: int, dtype: str) -> Array:
    bad = np.flatnonzero(~((codes >= 0) & (codes < classes) & (codes == np.floor(codes))))
    if len(bad):
        raise DataError(
            f"y holds {codes[bad[0]]} in row {bad[0] + 1}: the last layer has {classes} units, "
            f"so classes are the whole numbers 0 to {classes - 1}"
        )
    result = np.zeros((len(codes), classes), dtype)
    result[np.arange(len(codes)), codes.astype(np.int64)] = 1
    return result


def _in_range(array: Array, loss: Loss) -> Array:
    """Check that the loss is defined for these targets; 0 and 1 become -1 and 1 where it wants signs."""
    if loss.target == "signs":
        if np.isin(array, (0, 1)).all():
            return 2 * array - 1
        bad, wanted = ~np.isin(array, (-1, 1)), "-1 and 1 (or 0 and 1)"
    elif loss.target == "binary":
        bad, wanted = (array < 0) | (array > 1), "between 0 and 1"
    elif loss.target == "counts":
        bad, wanted = array < 0, "0 or more"
    elif loss.target == "classes":
        off = np.abs(array.sum(axis=-1, keepdims=True) - 1) > 1e-3
        bad, wanted = off | (array < 0), "rows of probabilities that sum to 1"
    else:
        return array
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise DataError(f"{loss.name} needs targets that are {wanted}, but row {row + 1} holds {array[row]}")
    return array


def as_weights(weights: Any, rows: int, dtype: str) -> Array:
    """Weights of rows, shape (rows,): finite, not negative, not all 0."""
    try:
        array = np.asarray(weights)
        array = _cast(array if array.dtype.kind in "fiub" else array.astype(np.float64), dtype)
    except (TypeError, ValueError):
        raise DataError("sample_weight must hold numbers, one for each row") from None
    if array.shape != (rows,):
        raise ShapeError(f"sample_weight has shape {show_shape(array.shape)}, but one weight for each of {rows} rows")
    _finite("sample_weight", array)
    if (array < 0).any():
        row = int(np.argmax(array < 0))
        raise DataError(f"sample_weight holds {array[row]} in row {row + 1}: a weight is 0 or more")
    if not array.any():
        raise DataError("sample_weight is zero in every row: at least one row must count")
    return array


def random_inputs(program: Program, rows: int, random: np.random.Generator) -> dict[str, Array]:
    """Rows for a network's program, by input: normal numbers, or codes where it looks up rows of tables."""
    tables = [e.arguments[0] for e in program.equations if e.operation.name == "take"]
    sizes = [int(table.shape[0]) for table in tables if isinstance(table, Var)]

    def drawn(shape: tuple[int, ...]) -> Array:
        return random.integers(0, min(sizes), shape).astype(float) if sizes else random.standard_normal(shape)

    return {v.name: drawn((rows, *map(int, v.shape[1:]))) for v in program.inputs if v.role == "input"}
