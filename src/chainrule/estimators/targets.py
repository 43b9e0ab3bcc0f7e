"""Targets as a network takes them, and its outputs as targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from chainrule.data.scaling import summary
from chainrule.errors import DataError

Array = NDArray[Any]


@dataclass(frozen=True)
class Classes:
    """Classes with their codes: one output for two classes, one for each of several, one for each yes-or-no label.

    Attributes:
        labels: the classes, sorted; of several yes-or-no labels, their numbers.
        multilabel: whether each of ``labels`` is a question of its own.
    """

    labels: Array
    multilabel: bool

    @classmethod
    def learn(cls, y: Any, classes: Any = None) -> Classes:
        """The classes of training targets, or those given."""
        check_classification_targets(y)
        if _kind(y) == "multilabel-indicator":
            return cls(np.arange(y.shape[1] if issparse(y) else np.shape(y)[1]), True)
        return cls(np.unique(_column(y) if classes is None else np.asarray(classes)), False)

    @property
    def outputs(self) -> int:
        """The number of outputs of a network."""
        return len(self.labels) if self.multilabel or len(self.labels) > 2 else 1

    @property
    def exclusive(self) -> bool:
        """Whether the outputs are shares of one whole."""
        return self.outputs > 1 and not self.multilabel

    def codes(self, y: Any) -> Array:
        """The code of each row's class, shape (rows,); of yes-or-no labels 0 and 1, shape (rows, labels)."""
        check_classification_targets(y)
        kind = _kind(y)
        if (kind == "multilabel-indicator") != self.multilabel:
            before = "yes-or-no labels" if self.multilabel else "one class a row"
            raise DataError(f"y is {kind}, but it was {before} in the first call to fit")
        if self.multilabel:
            return np.asarray(y.toarray() if issparse(y) else y, np.int64)
        values = _column(y)
        codes = np.minimum(np.searchsorted(self.labels, values), len(self.labels) - 1)
        unknown = self.labels[codes] != values
        if unknown.any():
            shown = ", ".join(map(str, self.labels))
            raise DataError(f"`y` has classes not in `self.classes_`: {values[unknown][0]!r} is none of {shown}")
        return np.asarray(codes)

    def shares(self, codes: Array) -> Array:
        """What each output should be, 0 or 1, shape (rows, outputs)."""
        if self.exclusive:
            return np.eye(self.outputs)[codes]
        return codes.reshape(len(codes), -1).astype(np.float64)

    def chosen(self, output: Array, middle: float) -> NDArray[np.int64]:
        """The codes that outputs stand for, as :meth:`codes` has them; ``middle`` lies between no and yes."""
        if self.exclusive:
            return np.asarray(output.argmax(axis=1))
        yes = (output > middle) & (len(self.labels) > 1)
        return (yes if self.multilabel else yes[:, 0]).astype(np.int64)

    def decode(self, output: Array, middle: float) -> Array:
        """The classes that outputs stand for."""
        codes = self.chosen(output, middle)
        return codes if self.multilabel else np.asarray(self.labels[codes])

    def probabilities(self, output: Array) -> Array:
        """The probability of each class, shape (rows, classes)."""
        if len(self.labels) == 1:
            return np.ones_like(output)
        if self.outputs > 1 or self.multilabel:
            return output
        return np.hstack([1 - output, output])


def _kind(y: Any) -> str:
    """What targets are, in scikit-learn's words."""
    kind = str(type_of_target(y, input_name="y", raise_unknown=True))
    if kind == "multiclass-multioutput":
        raise DataError(
            "y has several columns of classes: train an estimator for each, as "
            "sklearn.multioutput.MultiOutputClassifier does; columns of 0 and 1 are learnt together"
        )
    return kind


def _column(y: Any) -> Array:
    return np.asarray(column_or_1d(y, warn=True))


@dataclass(frozen=True)
class Numbers:
    """Numbers to predict, as (y - centre) / scale.

    Attributes:
        centre: of each output.
        scale: of each output.
        vector: whether targets came without an axis of outputs, as predictions will.
    """

    centre: Array
    scale: Array
    vector: bool

    @classmethod
    def learn(cls, y: Array, *, scaled: bool) -> Numbers:
        """Learn from training targets, shape (rows,) or (rows, outputs)."""
        columns = y.reshape(len(y), -1)
        if not scaled:
            return cls(np.zeros(columns.shape[1]), np.ones(columns.shape[1]), y.ndim == 1)
        learnt = [summary(column.astype(np.float64)) for column in columns.T]
        scale = np.array([s.scale if s.scale > 0 else 1.0 for s in learnt])
        return cls(np.array([s.mean for s in learnt]), scale, y.ndim == 1)

    def encode(self, y: Array) -> Array:
        """Targets as the network takes them, shape (rows, outputs)."""
        columns = y.reshape(len(y), -1)
        if columns.shape[1] != len(self.centre):
            raise DataError(f"y has {columns.shape[1]} outputs, but it had {len(self.centre)} in the first call to fit")
        return np.asarray((columns - self.centre) / self.scale)

    def decode(self, output: Array) -> Array:
        """Outputs in the targets' own unit, shape (rows, outputs)."""
        return np.asarray(output * self.scale + self.centre)
