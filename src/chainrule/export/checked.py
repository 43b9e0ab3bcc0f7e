"""What an exported file computes, beside what the model itself predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ChainruleError

TOLERANCE: Final = 1e-5
"""The largest difference of an exported model: of probabilities, and of numbers relative to their size."""

Outputs = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Check:
    """That an exported file was run, and what came of it.

    Attributes:
        rows: on how many rows.
        largest_difference: the largest difference to the model's own predictions: of probabilities, and of numbers
            relative to their size or to the target's standard deviation, whichever is larger.
        of: which rows these were.
        program: what ran the file.
    """

    rows: int
    largest_difference: float
    of: str
    program: str

    @property
    def sentence(self) -> str:
        """The result in words."""
        return (
            f"Compared with the model itself on {self.rows} rows {self.of}, run by {self.program}: "
            f"the largest difference is {self.largest_difference:.2g}."
        )

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


def largest_difference(found: Outputs, expected: Outputs, scale: float) -> float:
    """The largest difference between outputs, as :class:`Check` counts it.

    Args:
        found: of the exported file, by label.
        expected: of the model, by label.
        scale: of numbers, such as the target's standard deviation.

    Raises:
        ChainruleError: for another shape, for NaN, and for another class where two are not equally probable.

    >>> largest_difference({"prediction": np.array([1.0, 200.2])}, {"prediction": np.array([1.0, 200.0])}, scale=4.0)
    0.0009999999999999432
    """
    largest = 0.0
    for label, values in expected.items():
        have = np.asarray(found[label])
        if have.shape != values.shape:
            raise ChainruleError(f"{label} has the shape {have.shape}, not {values.shape}")
        if label == "prediction" and "probabilities" in expected:
            _same_classes(have, expected)
            continue
        sizes = 1.0 if label == "probabilities" else np.maximum(np.abs(values), scale)
        difference = float(np.max(np.abs(have - values) / sizes))
        if not np.isfinite(difference):
            raise ChainruleError(f"{label} is not finite")
        largest = max(largest, difference)
    return largest


def _same_classes(found: NDArray[Any], expected: Outputs) -> None:
    ordered = np.sort(expected["probabilities"], axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 2 * TOLERANCE
    wrong = clear & (found.astype(object) != expected["prediction"].astype(object))
    if wrong.any():
        row = int(wrong.argmax())
        raise ChainruleError(f"row {row + 1} is {str(found[row])!r}, not {str(expected['prediction'][row])!r}")
