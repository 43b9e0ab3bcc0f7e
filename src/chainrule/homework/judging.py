"""How sure a count of right answers is, and whether two classifiers differ."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Z: Final = 1.959963984540054
"""The normal distribution lies within so many standard deviations for 95 %."""
SIGNIFICANT: Final = 0.05


@dataclass(frozen=True)
class Score:
    """How many of some rows were classified correctly."""

    right: int
    rows: int

    @property
    def share(self) -> float:
        """The accuracy."""
        return self.right / self.rows

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95 % for the accuracy on further rows.

        Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
        American Statistical Association 22 (1927).

        >>> [round(end, 4) for end in Score(81, 263).interval]  # an often quoted example: 0.2553 to 0.3662
        [0.2553, 0.3662]
        """
        n, p = self.rows, self.share
        middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        return middle - half, middle + half

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.right} of {self.rows} ({self.share:.1%}; 95% interval {low:.1%} to {high:.1%})"


def score(right: NDArray[Any]) -> Score:
    """Count the rows that are right."""
    return Score(int(np.sum(right)), len(right))


@dataclass(frozen=True)
class Comparison:
    """Two classifiers on the same rows: how many only the first, and only the second, gets right."""

    first_only: int
    second_only: int

    @property
    def p_value(self) -> float:
        """How probable a split as uneven as this one is if both are equally good: the exact sign test, two-sided.

        Source: Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
        percentages", Psychometrika 12 (1947), in its exact form.

        >>> Comparison(1, 9).p_value
        0.021484375
        """
        n, fewer = self.first_only + self.second_only, min(self.first_only, self.second_only)
        ways: int = 2 * sum(comb(n, k) for k in range(fewer + 1))
        return min(1.0, ways / (1 << n))

    @property
    def differ(self) -> bool:
        """Whether the rows are enough to tell the two apart, at the level of 5 %."""
        return self.p_value < SIGNIFICANT


def compare(first: NDArray[Any], second: NDArray[Any]) -> Comparison:
    """Compare two classifiers by which rows each gets right."""
    return Comparison(int((first & ~second).sum()), int((~first & second).sum()))
