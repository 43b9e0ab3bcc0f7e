"""How good a classification is on rows that the model never saw, beside what a trivial guess would reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.data.records import Fields
from chainrule.data.values import Floats
from chainrule.judging.calibration import Calibration, brier
from chainrule.judging.inspection import Inspection
from chainrule.judging.intervals import Interval, auc_interval, bootstrap, wilson
from chainrule.judging.measures import Measure, read_intervals, remark
from chainrule.training.metrics import roc_auc

_SMALLEST_PROBABILITY: Final = float(np.finfo(np.float32).eps)
"""float32 cannot tell 1 from 1 minus less than this, so no probability counts as nearer to 0."""

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class ClassResults:
    """Results of a classification on the held-out rows.

    Attributes:
        rows: the number of held-out rows.
        classes: the classes as text, in the order of their codes.
        confusion: how many rows of each class (first index) were taken for each class (second index).
        log_loss: the mean of -log p, p the probability given to the actual class (at least 1.2e-7).
        brier: the Brier score of the probabilities.
        roc_auc: the area under the ROC curve of two classes; None for more, and where the rows have one class only.
        baseline_class: the most frequent class among the training rows: the trivial guess.
        baseline_accuracy: the share of held-out rows for which this guess is right.
        baseline_log_loss: the log loss when each class gets its share of the training rows.
        intervals: 95 % intervals of ``accuracy``, ``log_loss``, ``roc_auc`` of two classes, and ``gain``: the
            accuracy minus that of the guess.
        calibration: of the probability of the second of two classes, or of the predicted one of several.
        inspection: what the model looks at; None where it was judged by arrays alone.
    """

    task: ClassVar[Literal["classification"]] = "classification"

    rows: int
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    log_loss: float
    brier: float
    roc_auc: float | None
    baseline_class: str
    baseline_accuracy: float
    baseline_log_loss: float
    intervals: Mapping[str, Interval]
    calibration: Calibration
    inspection: Inspection | None = None

    @classmethod
    def judge(
        cls,
        classes: Sequence[str],
        actual: Codes,
        probabilities: Floats,
        training: Codes,
        inspection: Inspection | None = None,
    ) -> ClassResults:
        """Compare predictions with what was there.

        Args:
            classes: the classes as text.
            actual: the class of each held-out row, shape ``(rows,)``; the rows in random order.
            probabilities: shape ``(rows, classes)``.
            training: the class of each training row.
            inspection: what the model looks at, where that is known.

        >>> half = np.array([[0.9, 0.1], [0.5, 0.5]])
        >>> found = ClassResults.judge(["no", "yes"], np.array([0, 1]), half, np.array([0, 0, 1]))
        >>> found.accuracy, found.confusion, found.recall
        (0.5, ((1, 0), (1, 0)), (1.0, 0.0))
        """
        rows, count = len(actual), len(classes)
        predicted = probabilities.argmax(axis=1)
        confusion = np.zeros((count, count), np.int64)
        np.add.at(confusion, (actual, predicted), 1)
        shares = np.bincount(training, minlength=count) / len(training)
        most = int(shares.argmax())
        hit, guessed = predicted == actual, actual == most
        losses = row_log_losses(probabilities, actual)
        intervals = {
            "accuracy": wilson(int(hit.sum()), rows),
            "log_loss": bootstrap(losses[:, None], _first),
            "gain": bootstrap((hit.astype(np.float64) - guessed)[:, None], _first),
        }
        positives = int((actual == 1).sum())
        auc = None
        if count == 2 and 0 < positives < rows:
            auc = roc_auc(probabilities[:, 1:], (actual == 1)[:, None])
            intervals["roc_auc"] = auc_interval(auc, positives, rows - positives)
        judged = (probabilities[:, 1], actual == 1) if count == 2 else (probabilities.max(axis=1), hit)
        return cls(
            rows,
            tuple(classes),
            _rows(confusion),
            float(losses.mean()),
            brier(probabilities, actual),
            auc,
            classes[most],
            float(np.mean(guessed)),
            float(row_log_losses(np.tile(shares, (rows, 1)), actual).mean()),
            intervals,
            Calibration.of(*judged),
            inspection,
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
        low, high = self.intervals["accuracy"]
        loss_low, loss_high = self.intervals["log_loss"]
        found = [
            Measure("accuracy", f"{self.accuracy:.1%}", f"{low:.1%} to {high:.1%}", f"{self.baseline_accuracy:.1%}"),
            Measure(
                "log loss",
                f"{self.log_loss:.2g}",
                f"{loss_low:.2g} to {loss_high:.2g}",
                f"{self.baseline_log_loss:.2g}",
            ),
        ]
        if self.roc_auc is not None:
            low, high = self.intervals["roc_auc"]
            found.append(Measure("area under ROC", f"{self.roc_auc:.3f}", f"{low:.3f} to {high:.3f}", "0.5"))
        return tuple(found)

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
        low, high = self.intervals["accuracy"]
        return (
            f"Of {self.rows} held-out rows, {self.correct} ({self.accuracy:.1%}, 95% interval {low:.1%} to "
            f"{high:.1%}) are classified correctly; always guessing {self.baseline_class!r} is right for "
            f"{self.baseline_accuracy:.1%}." + remark(self.beats_baseline, self.intervals["gain"])
        )

    def to_json(self) -> dict[str, Any]:
        """All fields, and what follows from them, as JSON can hold it.

        Of the confusion it holds the counts above 0, each after the places of the actual and the predicted class.
        """
        counts = np.asarray(self.confusion)
        pairs = np.argwhere(counts)
        confusion = np.column_stack([pairs, counts[tuple(pairs.T)]]).tolist()
        derived = {"accuracy": self.accuracy, "recall": dict(zip(self.classes, self.recall, strict=True))}
        return {"task": self.task, **asdict(self), "confusion": confusion, **derived, "sentence": self.sentence}

    @classmethod
    def from_fields(cls, fields: Fields) -> ClassResults:
        """The inverse of :meth:`to_json`."""
        classes = fields.texts("classes")
        confusion = np.zeros((len(classes), len(classes)), np.int64)
        for actual, predicted, count in fields.tables("confusion", 3):
            if not (0 <= actual < len(classes) and 0 <= predicted < len(classes) and count > 0):
                fields.wrong("confusion", "counts above 0, each after the places of two classes")
            confusion[int(actual), int(predicted)] = count
        rows = fields.count("rows")
        if rows == 0:
            fields.wrong("rows", "above 0")
        auc = None if fields.value("roc_auc") is None else fields.number("roc_auc")
        return cls(
            rows,
            classes,
            _rows(confusion),
            fields.number("log_loss"),
            fields.number("brier"),
            auc,
            fields.text("baseline_class"),
            fields.number("baseline_accuracy"),
            fields.number("baseline_log_loss"),
            read_intervals(fields, ("accuracy", "log_loss", "gain", *(() if auc is None else ("roc_auc",)))),
            Calibration.from_fields(fields.record("calibration")),
            Inspection.read(fields),
        )


def row_log_losses(probabilities: Floats, actual: Codes) -> Floats:
    """The log loss of each row: -log p, p the probability of its actual class."""
    given = probabilities[np.arange(len(actual)), actual]
    losses: Floats = -np.log(np.clip(given, _SMALLEST_PROBABILITY, 1.0))
    return losses


def _first(means: Floats) -> Floats:
    return means[:, 0]


def _rows(counts: Codes) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, counts.tolist()))
