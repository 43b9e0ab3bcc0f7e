"""How good predicted numbers are on rows that the model never saw, beside what a trivial guess would reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Literal

import numpy as np

from chainrule.data.records import Fields
from chainrule.data.values import Floats
from chainrule.judging.inspection import Inspection
from chainrule.judging.intervals import Interval, bootstrap
from chainrule.judging.measures import Measure, read_intervals, remark
from chainrule.show.numbers import grouped_text
from chainrule.training.metrics import mae, r2, rmse

KEPT_ROWS: Final = 1000
"""Held-out rows of which actual and predicted numbers are kept, to be drawn."""

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The shares of residuals below the ones that are kept."""

_ROUNDING: Final = 1e-12
"""A variance that is smaller than this, beside what it is the difference of, is rounding."""


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
        intervals: 95 % intervals of ``rmse``, ``mae``, ``r2`` where there is one, and ``gain``: by how much the RMSE is
            below that of the guess.
        residuals: predicted minus actual, at the :data:`QUANTILES`.
        actual: the target of the first held-out rows (they are in random order), 1000 at most.
        predicted: what was predicted for them.
        inspection: what the model looks at; None where it was judged by arrays alone.
    """

    task: ClassVar[Literal["regression"]] = "regression"

    rows: int
    rmse: float
    mae: float
    r2: float | None
    baseline: float
    baseline_rmse: float
    baseline_mae: float
    intervals: Mapping[str, Interval]
    residuals: tuple[float, ...]
    actual: tuple[float, ...]
    predicted: tuple[float, ...]
    inspection: Inspection | None = None

    @classmethod
    def judge(
        cls, actual: Floats, predicted: Floats, baseline: float, inspection: Inspection | None = None
    ) -> NumberResults:
        """Compare predictions with what was there; numbers are in the target's own unit.

        Args:
            actual: shape ``(rows,)``; the rows in random order.
            predicted: of the same shape.
            baseline: the trivial guess.
            inspection: what the model looks at, where that is known.

        >>> found = NumberResults.judge(np.array([1.0, 3.0]), np.array([1.0, 2.0]), baseline=2.0)
        >>> found.mae, found.r2, found.baseline_rmse
        (0.5, 0.5, 1.0)
        """
        guess = np.full_like(actual, baseline)
        explained = r2(predicted, actual)
        defined = bool(np.isfinite(explained))
        return cls(
            len(actual),
            rmse(predicted, actual),
            mae(predicted, actual),
            explained if defined else None,
            baseline,
            rmse(guess, actual),
            mae(guess, actual),
            _intervals(actual, predicted, baseline, defined),
            tuple(np.quantile(predicted - actual, QUANTILES).tolist()),
            tuple(actual[:KEPT_ROWS].tolist()),
            tuple(predicted[:KEPT_ROWS].tolist()),
            inspection,
        )

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The model beside the trivial guess."""
        shown = {name: f"{grouped_text(low)} to {grouped_text(high)}" for name, (low, high) in self.intervals.items()}
        found = [
            Measure("RMSE", grouped_text(self.rmse), shown["rmse"], grouped_text(self.baseline_rmse)),
            Measure("mean absolute error", grouped_text(self.mae), shown["mae"], grouped_text(self.baseline_mae)),
        ]
        if self.r2 is not None:
            low, high = self.intervals["r2"]
            found.append(Measure("R²", f"{self.r2:.3f}", f"{low:.3f} to {high:.3f}", "about 0"))
        return tuple(found)

    @property
    def beats_baseline(self) -> bool:
        """Whether the error is smaller than that of the trivial guess."""
        return self.rmse < self.baseline_rmse

    @property
    def sentence(self) -> str:
        """The result beside the trivial guess, in words."""
        low, high = map(grouped_text, self.intervals["mae"])
        explained = "" if self.r2 is None else f", R² {self.r2:.3f}"
        return (
            f"On {self.rows} held-out rows, predictions miss by {grouped_text(self.mae)} on average "
            f"(95% interval {low} to {high}; RMSE {grouped_text(self.rmse)}{explained}); always guessing the mean, "
            f"{grouped_text(self.baseline)}, misses by {grouped_text(self.baseline_mae)} "
            f"(RMSE {grouped_text(self.baseline_rmse)})." + remark(self.beats_baseline, self.intervals["gain"])
        )

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON can hold them."""
        return {"task": self.task, **asdict(self), "sentence": self.sentence}

    @classmethod
    def from_fields(cls, fields: Fields) -> NumberResults:
        """The inverse of :meth:`to_json`."""
        actual, predicted = fields.numbers("actual"), fields.numbers("predicted")
        if len(actual) != len(predicted):
            fields.wrong("predicted", "as long as 'actual'")
        explained = None if fields.value("r2") is None else fields.number("r2")
        return cls(
            fields.count("rows"),
            fields.number("rmse"),
            fields.number("mae"),
            explained,
            fields.number("baseline"),
            fields.number("baseline_rmse"),
            fields.number("baseline_mae"),
            read_intervals(fields, ("rmse", "mae", "gain", *(() if explained is None else ("r2",)))),
            fields.numbers("residuals"),
            actual,
            predicted,
            Inspection.read(fields),
        )


def _intervals(actual: Floats, predicted: Floats, baseline: float, with_r2: bool) -> dict[str, Interval]:
    """Bootstrap intervals; errors are measured in the largest one, so that squares neither overflow nor vanish."""
    missed, guessed = predicted - actual, baseline - actual
    unit = max(float(np.abs(missed).max()), float(np.abs(guessed).max()), np.finfo(np.float64).tiny)
    missed, guessed = missed / unit, guessed / unit
    parts = np.column_stack([missed**2, np.abs(missed), guessed**2, guessed])
    found = {
        "rmse": bootstrap(parts, lambda m: np.sqrt(m[:, 0]) * unit),
        "mae": bootstrap(parts, lambda m: m[:, 1] * unit),
        "gain": bootstrap(parts, lambda m: (np.sqrt(m[:, 2]) - np.sqrt(m[:, 0])) * unit),
    }
    if with_r2:
        found["r2"] = bootstrap(parts, _explained)
    return found


def _explained(means: Floats) -> Floats:
    """R^2 from the means of squared error, squared distance from the guess, and distance from the guess.

    Undefined where the rows that were drawn are all equal.
    """
    variance = means[:, 2] - means[:, 3] ** 2
    defined = variance > _ROUNDING * means[:, 2]
    explained: Floats = 1 - np.divide(means[:, 0], variance, out=np.full(len(means), np.nan), where=defined)
    return explained
