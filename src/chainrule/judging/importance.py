"""How much a model needs each column of its table: what is lost when the column's values change places.

Permutation importance (Breiman 2001, there of random forests): the values of one column are shuffled among held-out
rows, so that they tell nothing any more while their distribution stays. What the model loses by that, it owed to the
column. Two columns that say the same share what they give: each alone may look unimportant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.data.records import Fields
from chainrule.data.values import Floats

Features = NDArray[np.float32]
Places = NDArray[np.int64]
Predict = Callable[[Features], Floats]
"""From features, shape (rows, features), to outputs, shape (rows, outputs)."""

REPEATS: Final = 5
"""How often each column is shuffled."""


class Quality(NamedTuple):
    """How good outputs are: by the measure that ranks columns, and by the one that people read."""

    loss: float
    score: float


@dataclass(frozen=True)
class Importance:
    """What shuffling one column does to the held-out results.

    Attributes:
        column: its name.
        loss: by how much log loss (of numbers: RMSE) rises, mean over the repeats.
        spread: standard deviation over the repeats.
        score: the accuracy (of numbers: the mean absolute error) that is left, mean over the repeats.
    """

    column: str
    loss: float
    spread: float
    score: float

    @classmethod
    def from_fields(cls, fields: Fields) -> Importance:
        """The inverse of ``asdict``."""
        return cls(fields.text("column"), *(fields.number(key) for key in ("loss", "spread", "score")))


def importances(
    predict: Predict, features: Features, columns: Mapping[str, Places], quality: Callable[[Floats], Quality]
) -> tuple[Importance, ...]:
    """Shuffle each column by itself.

    Args:
        predict: the model.
        features: of held-out rows, shape ``(rows, features)``.
        columns: the features that each column of the table has become; they are shuffled together.
        quality: of outputs for these rows.

    Returns:
        The most important column first.

    >>> X = np.arange(40, dtype=np.float32).reshape(20, 2)
    >>> miss = lambda outputs: Quality(float(np.abs(outputs[:, 0] - X[:, 0]).mean()), 0.0)
    >>> found = importances(lambda X: X[:, :1], X, {"needed": np.array([0]), "spare": np.array([1])}, miss)
    >>> [(i.column, i.loss > 5) for i in found]
    [('needed', True), ('spare', False)]
    """
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(features)) for _ in range(REPEATS)]
    before = quality(predict(features)).loss
    work = features.copy()
    found = []
    for column, places in columns.items():
        after = []
        for order in orders:
            work[:, places] = features[np.ix_(order, places)]
            after.append(quality(predict(work)))
        work[:, places] = features[:, places]
        losses, scores = np.array(after).T
        found.append(Importance(column, float(losses.mean() - before), float(losses.std(ddof=1)), float(scores.mean())))
    return tuple(sorted(found, key=lambda importance: -importance.loss))


def screened(features: Features, outputs: Floats, columns: Mapping[str, Places], most: int) -> dict[str, Places]:
    """The columns that go along most with what the model predicts, where there are too many to shuffle each.

    A column counts by the largest absolute correlation between one of its features and one of the outputs. It costs one
    product of matrices, and overlooks a column that acts only together with others.

    Args:
        features: of held-out rows, shape ``(rows, features)``.
        outputs: what the model predicts for them, shape ``(rows, outputs)``.
        columns: the features that each column of the table has become.
        most: how many columns to keep.

    >>> X = np.array([[1, 5], [2, 4], [3, 5]], np.float32)
    >>> screened(X, np.array([[2.0], [4.0], [6.0]]), {"used": np.array([0]), "unused": np.array([1])}, 1)
    {'used': array([0])}
    """
    if len(columns) <= most:
        return dict(columns)
    together = np.abs(_standardised(features).T @ _standardised(outputs)).max(axis=1)
    strength = {column: float(together[places].max()) for column, places in columns.items()}
    kept = sorted(columns, key=lambda column: -strength[column])[:most]
    return {column: columns[column] for column in kept}


def _standardised(values: NDArray[Any]) -> Floats:
    """Columns with mean 0 and length 1; of equal values, zeros."""
    centred = values - values.mean(axis=0, dtype=np.float64)
    length = np.sqrt(np.square(centred).sum(axis=0))
    result: Floats = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    return result
