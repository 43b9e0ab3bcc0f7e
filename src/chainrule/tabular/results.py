"""How good a model is on rows that it never saw, beside what a trivial guess would reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from chainrule.data.records import Fields
from chainrule.data.values import Floats
from chainrule.training.metrics import mae, r2, rmse

KEPT_ROWS: Final = 1000
"""Held-out rows of which actual and predicted numbers are kept, to be drawn."""

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The shares of residuals below the ones that are kept."""

_SMALLEST_PROBABILITY: Final = float(np.finfo(np.float32).eps)
"""float32 cannot tell 1 from 1 minus less than this, so no probability counts as nearer to 0."""

Codes = NDArray[np.int64]


class Measure(NamedTuple):
    """One measure of the result: the model's beside that of the trivial guess, as people read them."""

    name: str
    model: str
    guess: str


@dataclass(frozen=True)
class ClassResults:
    """Results of a classification on the held-out rows.

    Attributes:
        rows: the number of held-out rows.
        classes: the classes as text, in the order of their codes.
        confusion: how many rows of each class (first index) were taken for each class (second index).
        log_loss: the mean of -log p, p the probability given to the actual class (at least 1.2e-7).
        baseline_class: the most frequent class among the training rows: the trivial guess.
        baseline_accuracy: the share of held-out rows for which this guess is right.
        baseline_log_loss: the log loss when each class gets its share of the training rows.
    """

    task: ClassVar[Literal["classification"]] = "classification"

    rows: int
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    log_loss: float
    baseline_class: str
    baseline_accuracy: float
    baseline_log_loss: float

    @classmethod
    def judge(cls, classes: Sequence[str], actual: Codes, probabilities: Floats, training: Codes) -> ClassResults:
        """Compare predictions with what was there.

        Args:
            classes: the classes as text.
            actual: the class of each held-out row, shape ``(rows,)``.
            probabilities: shape ``(rows, classes)``.
            training: the class of each training row.

        >>> half = np.array([[0.9, 0.1], [0.5, 0.5]])
        >>> found = ClassResults.judge(["no", "yes"], np.array([0, 1]), half, np.array([0, 0, 1]))
        >>> found.accuracy, found.confusion, found.recall
        (0.5, ((1, 0), (1, 0)), (1.0, 0.0))
        """
        count = len(classes)
        confusion = np.zeros((count, count), np.int64)
        np.add.at(confusion, (actual, probabilities.argmax(axis=1)), 1)
        shares = np.bincount(training, minlength=count) / len(training)
        most = int(shares.argmax())
        return cls(
            len(actual),
            tuple(classes),
            tuple(tuple(map(int, row)) for row in confusion),
            _log_loss(probabilities, actual),
            classes[most],
            float(np.mean(actual == most)),
            _log_loss(np.tile(shares, (len(actual), 1)), actual),
        )

    @property
    def correct(self) -> int:
        """The number of held-out rows whose class is right."""
        return sum(self.confusion[code][code] for code in range(len(self.classes)))

    @property
    def accuracy(self) -> float:
        """The share of held-out rows whose class is right."""
        return self.correct / self.rows

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The model beside the trivial guess."""
        return (
            Measure("accuracy", f"{self.accuracy:.1%}", f"{self.baseline_accuracy:.1%}"),
            Measure("log loss", f"{self.log_loss:.2g}", f"{self.baseline_log_loss:.2g}"),
        )

    @property
    def recall(self) -> tuple[float | None, ...]:
        """For each class the share of its rows that were found; None for a class without held-out rows."""
        return tuple(row[code] / sum(row) if any(row) else None for code, row in enumerate(self.confusion))

    @property
    def beats_baseline(self) -> bool:
        """Whether more rows are right than by the trivial guess."""
        return self.accuracy > self.baseline_accuracy

    @property
    def sentence(self) -> str:
        """The result beside the trivial guess, in words."""
        return (
            f"Of {self.rows} held-out rows, {self.correct} ({self.accuracy:.1%}) are classified correctly; "
            f"always guessing {self.baseline_class!r} is right for {self.baseline_accuracy:.1%}."
            + ("" if self.beats_baseline else _NO_BETTER)
        )

    def to_json(self) -> dict[str, Any]:
        """All fields, and what follows from them, as JSON can hold it."""
        derived = {"accuracy": self.accuracy, "recall": dict(zip(self.classes, self.recall, strict=True))}
        return {"task": self.task, **asdict(self), **derived, "sentence": self.sentence}

    @classmethod
    def from_fields(cls, fields: Fields) -> ClassResults:
        """The inverse of :meth:`to_json`."""
        classes = fields.items("classes")
        confusion = fields.items("confusion")
        if not _is_square(confusion, len(classes)):
            fields.wrong("confusion", "a row of counts for each class")
        rows = fields.count("rows")
        if rows == 0:
            fields.wrong("rows", "above 0")
        return cls(
            rows,
            tuple(map(str, classes)),
            tuple(map(tuple, cast("list[list[int]]", confusion))),
            fields.number("log_loss"),
            fields.text("baseline_class"),
            fields.number("baseline_accuracy"),
            fields.number("baseline_log_loss"),
        )


@dataclass(frozen=True)
class NumberResults:
    """Results of a regression on the held-out rows, in the target's own unit.

    Attributes:
        rows: the number of held-out rows.
        rmse: the root of the mean squared error.
        mae: the mean absolute error.
        r2: 1 - (squared error) / (squared error of the held-out rows' mean); None where all are equal.
        baseline: the mean of the training rows: the trivial guess.
        baseline_rmse: root of the mean squared error of this guess.
        baseline_mae: its mean absolute error.
        residuals: predicted minus actual, at the :data:`QUANTILES`.
        actual: the target of the first held-out rows (they are in random order), 1000 at most.
        predicted: what was predicted for them.
    """

    task: ClassVar[Literal["regression"]] = "regression"

    rows: int
    rmse: float
    mae: float
    r2: float | None
    baseline: float
    baseline_rmse: float
    baseline_mae: float
    residuals: tuple[float, ...]
    actual: tuple[float, ...]
    predicted: tuple[float, ...]

    @classmethod
    def judge(cls, actual: Floats, predicted: Floats, baseline: float) -> NumberResults:
        """Compare predictions with what was there; all arguments are in the target's own unit.

        >>> found = NumberResults.judge(np.array([1.0, 3.0]), np.array([1.0, 2.0]), baseline=2.0)
        >>> found.mae, found.r2, found.baseline_rmse
        (0.5, 0.5, 1.0)
        """
        guess = np.full_like(actual, baseline)
        explained = r2(predicted, actual)
        return cls(
            len(actual),
            rmse(predicted, actual),
            mae(predicted, actual),
            explained if np.isfinite(explained) else None,
            baseline,
            rmse(guess, actual),
            mae(guess, actual),
            tuple(np.quantile(predicted - actual, QUANTILES).tolist()),
            tuple(actual[:KEPT_ROWS].tolist()),
            tuple(predicted[:KEPT_ROWS].tolist()),
        )

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The model beside the trivial guess."""
        return (
            Measure("RMSE", f"{self.rmse:.4g}", f"{self.baseline_rmse:.4g}"),
            Measure("MAE", f"{self.mae:.4g}", f"{self.baseline_mae:.4g}"),
            Measure("R²", "undefined" if self.r2 is None else f"{self.r2:.3f}", "about 0"),
        )

    @property
    def beats_baseline(self) -> bool:
        """Whether the error is smaller than that of the trivial guess."""
        return self.rmse < self.baseline_rmse

    @property
    def sentence(self) -> str:
        """The result beside the trivial guess, in words."""
        explained = "" if self.r2 is None else f", R² {self.r2:.3f}"
        return (
            f"On {self.rows} held-out rows, predictions miss by {self.mae:.4g} on average "
            f"(RMSE {self.rmse:.4g}{explained}); always guessing the mean, {self.baseline:.4g}, "
            f"misses by {self.baseline_mae:.4g} (RMSE {self.baseline_rmse:.4g})."
            + ("" if self.beats_baseline else _NO_BETTER)
        )

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON can hold them."""
        return {"task": self.task, **asdict(self), "sentence": self.sentence}

    @classmethod
    def from_fields(cls, fields: Fields) -> NumberResults:
        """The inverse of :meth:`to_json`."""
        lists = {key: fields.items(key) for key in ("residuals", "actual", "predicted")}
        for key, numbers in lists.items():
            if not all(isinstance(number, float) for number in numbers):
                fields.wrong(key, "a list of numbers")
        if len(lists["actual"]) != len(lists["predicted"]):
            fields.wrong("predicted", "as long as 'actual'")
        return cls(
            fields.count("rows"),
            fields.number("rmse"),
            fields.number("mae"),
            None if fields.value("r2") is None else fields.number("r2"),
            fields.number("baseline"),
            fields.number("baseline_rmse"),
            fields.number("baseline_mae"),
            *(tuple(cast("list[float]", numbers)) for numbers in lists.values()),
        )


Results: TypeAlias = ClassResults | NumberResults

_NO_BETTER: Final = " The model is no better than this guess: it needs more rows, or columns that tell more."


def results_from_json(record: object) -> Results:
    """The inverse of ``to_json`` of both kinds of results.

    Raises:
        ModelFileError: where the record is not one that ``to_json`` makes.
    """
    fields = Fields(record, "results")
    if fields.text("task", (ClassResults.task, NumberResults.task)) == ClassResults.task:
        return ClassResults.from_fields(fields)
    return NumberResults.from_fields(fields)


def _log_loss(probabilities: Floats, actual: Codes) -> float:
    given = probabilities[np.arange(len(actual)), actual]
    return float(-np.log(np.clip(given, _SMALLEST_PROBABILITY, 1.0)).mean())


def _is_square(rows: list[object], size: int) -> bool:
    if len(rows) != size:
        return False
    return all(
        isinstance(row, list) and len(row) == size and all(isinstance(count, int) for count in row) for row in rows
    )
