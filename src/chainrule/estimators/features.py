"""Features as a network takes them: arrays of numbers, and tables with categories, dates and missing values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from chainrule.data.scaling import summary
from chainrule.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[Any]

ROWS_AT_ONCE: Final = 16_384
"""Rows of an array that are encoded at once, so that memory stays small."""


class Features(Protocol):
    """What was learnt about the features."""

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each encoded feature."""

    @property
    def numbers(self) -> int:
        """How many of the first encoded features are numbers."""

    @property
    def categories(self) -> tuple[int, ...]:
        """How many codes each of the last encoded features has, of those that are codes."""

    def encode(self, X: Any, dtype: str) -> Array:
        """The features of rows as the network takes them, shape (rows, len(names))."""


@dataclass(frozen=True)
class ArrayFeatures:
    """Columns of numbers: (x - centre) / scale, the median in the place of a missing value.

    A column in which values were missing has another one behind all columns that says where.
    """

    names: tuple[str, ...]
    centre: Array
    scale: Array
    median: Array
    incomplete: NDArray[np.int64]
    categories: tuple[int, ...] = ()

    @property
    def numbers(self) -> int:
        """How many of the first encoded features are numbers."""
        return len(self.centre)

    @classmethod
    def learn(cls, X: Array, names: tuple[str, ...], *, scaled: bool) -> ArrayFeatures:
        """Learn from training rows, shape (rows, features), NaN where a value is missing."""
        missing = np.isnan(X)
        absent = missing.any(axis=0)
        if not scaled and not absent.any():
            zeros, ones = np.zeros(X.shape[1]), np.ones(X.shape[1])
            return cls(names, zeros, ones, zeros, np.flatnonzero(absent))
        learnt = np.array([_summary(column[~gaps]) for column, gaps in zip(X.T, missing.T, strict=True)])
        centre, scale, median = learnt.T
        if not scaled:
            centre, scale = np.zeros_like(centre), np.ones_like(scale)
        incomplete = np.flatnonzero(absent)
        return cls((*names, *(f"{names[n]} missing" for n in incomplete)), centre, scale, median, incomplete)

    def encode(self, X: Array, dtype: str) -> Array:
        """The scaled columns first, then where values are missing."""
        result = np.empty((len(X), len(self.names)), dtype)
        with np.errstate(over="ignore"):
            for piece in (slice(n, n + ROWS_AT_ONCE) for n in range(0, len(X), ROWS_AT_ONCE)):
                missing = np.isnan(X[piece])
                result[piece, : self.numbers] = (np.where(missing, self.median, X[piece]) - self.centre) / self.scale
                result[piece, self.numbers :] = missing[:, self.incomplete]
        return _finite(result, X)


def _summary(present: Array) -> tuple[float, float, float]:
    """Centre, scale and median of a column; one that says nothing becomes 0."""
    if not len(present):
        return 0.0, 1.0, 0.0
    mean, scale, median = summary(present.astype(np.float64))
    return mean, scale if scale > 1e-12 * max(abs(mean), 1e-300) else 1.0, median


def _finite(encoded: Array, X: Array) -> Array:
    bad = ~np.isfinite(encoded)
    if bad.any():
        row, column = (int(n) for n in np.argwhere(bad)[0])
        raise DataError(
            f"X holds {X[row, column]:.4g} in row {row + 1}, column {column + 1}, too large for {encoded.dtype} beside "
            "the other values: check it"
        )
    return encoded


@dataclass(frozen=True)
class FrameFeatures:
    """Columns of a table, each by its type; see :class:`chainrule.data.TableEncoder`."""

    encoder: Any

    @classmethod
    def learn(cls, frame: pl.DataFrame) -> FrameFeatures:
        """Learn from training rows."""
        import polars as pl

        from chainrule.data import TableEncoder

        target = "target"
        while target in frame.columns:
            target += "_"
        dummy = pl.Series(target, np.arange(frame.height) % 2 + 0.5)
        return cls(TableEncoder.learn(frame.with_columns(dummy), target, "regression"))

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each encoded feature."""
        return tuple(self.encoder.feature_names)

    @property
    def numbers(self) -> int:
        """How many of the first encoded features are numbers."""
        return int(self.encoder.numbers)

    @property
    def categories(self) -> tuple[int, ...]:
        """How many codes each of the last encoded features has, of those that are codes."""
        return tuple(self.encoder.codes)

    def encode(self, frame: pl.DataFrame, dtype: str) -> Array:
        """The features of a table."""
        return np.asarray(self.encoder.encode(frame), dtype)


def as_table(X: Any, *, whole: bool = False) -> pl.DataFrame | None:
    """A table with columns that are not all numbers, as a Polars one; ``None`` for everything else.

    ``whole``: a table of numbers too.
    """
    if not hasattr(X, "columns") and not hasattr(X, "column_names"):
        return None
    import polars as pl

    frame = X if isinstance(X, pl.DataFrame) else _converted(X)
    return None if not whole and all(t.is_numeric() for t in frame.dtypes) else frame


def _converted(X: Any) -> pl.DataFrame:
    import polars as pl

    if not hasattr(X, "iloc"):
        return pl.DataFrame(X)  # through the Arrow interface
    columns = {}
    for name in X.columns:
        column = X[name]
        if getattr(column.dtype, "kind", "O") in "fiub":
            columns[str(name)] = pl.Series(column.to_numpy(), nan_to_null=True)
        else:
            columns[str(name)] = pl.Series(column.astype(object).where(column.notna(), None).tolist())
    return pl.DataFrame(columns)
