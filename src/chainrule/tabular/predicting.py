"""Predictions in a table's own terms: classes with probabilities, numbers with intervals and quantiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainrule.data.values import Floats
from chainrule.errors import ArgumentError, CellError, require
from chainrule.judging import NumberResults
from chainrule.judging.conformal import half_width, quantile_shift
from chainrule.tabular.parts import probabilities

if TYPE_CHECKING:
    import polars as pl

    from chainrule.tabular.model import TableModel


@dataclass(frozen=True)
class Wanted:
    """What a prediction shall say.

    Attributes:
        probabilities: whether to give that of each class.
        interval: for numbers, the probability with which the actual one lies in an interval; none without it.
        quantiles: for numbers, the probabilities with which the actual one lies below.
    """

    probabilities: bool = True
    interval: float | None = None
    quantiles: tuple[float, ...] = ()


def predict_frame(model: TableModel, frame: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    """The predictions for a table; see :meth:`TableModel.predict`."""
    import polars as pl

    added = _added(model, wanted)
    features = model.encoder.encode(frame)
    if model.encoder.target.task == "regression":
        numbers = model.encoder.decode_numbers(model.network.predict(features)[:, 0])
        return pl.DataFrame({"prediction": numbers, **{name: numbers + shift for name, shift in added.items()}})
    shares = probabilities(model.network, features)
    columns = {"prediction": pl.Series(model.encoder.decode_classes(shares.argmax(axis=1)).tolist())}
    if wanted.probabilities:
        for name, values in zip(model.classes, shares.T, strict=True):
            columns[f"probability {name}"] = pl.Series(values)
    return pl.DataFrame(columns)


def _added(model: TableModel, wanted: Wanted) -> dict[str, float]:
    """What is added to a predicted number for each further column."""
    if wanted.interval is None and not wanted.quantiles:
        return {}
    if not isinstance(model.results, NumberResults):
        raise ArgumentError("intervals and quantiles are of numbers; classes have probabilities")
    residuals: Floats = np.array(model.results.actual) - np.array(model.results.predicted)
    added = {}
    if wanted.interval is not None:
        half = half_width(residuals, wanted.interval)
        added = {f"low {wanted.interval:g}": -half, f"high {wanted.interval:g}": half}
    return added | {f"quantile {share:g}": quantile_shift(residuals, share) for share in wanted.quantiles}


def predict_pieces(model: TableModel, pieces: Iterable[pl.DataFrame], wanted: Wanted) -> Iterator[pl.DataFrame]:
    """The predictions for a table that comes in pieces; errors count the rows of the whole table."""
    done = 0
    for piece in pieces:
        try:
            yield predict_frame(model, piece, wanted)
        except CellError as error:
            raise error.after(done) from None
        done += piece.height


def check_wanted(model: TableModel, wanted: Wanted) -> None:
    """Make sure that the model can say what is wanted, before anything is read.

    Raises:
        ArgumentError: for intervals of classes, and where there are too few held-out rows.
    """
    require(len(set(wanted.quantiles)) == len(wanted.quantiles), "a quantile is asked for twice")
    _added(model, wanted)
