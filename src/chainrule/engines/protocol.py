"""What training asks of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class Run(Protocol):
    """A training run that advances in slices of steps.

    Between slices, its ``state`` (parameters, optimiser slots, running states, by name) may be read. Any way of
    cutting the steps into slices gives the same bits.
    """

    state: dict[str, NDArray[Any]]

    def advance(self, batches: Sequence[Rows], first: int, constants: Mapping[str, float]) -> list[float]:
        """Make one step for each batch of row numbers; the number of updates already made is ``first``.

        Returns:
            The loss of each step.

        Raises:
            NonFiniteStep: when a loss or the parameters after it are not finite; ``state`` is then that from
                before the step.
        """
        ...

    def rate(self) -> float:
        """The learning rate of the last step."""
        ...


@dataclass
class NonFiniteStep(Exception):  # noqa: N818 - fitting makes an error of it, with words
    """A step whose loss is infinite or undefined, or leads to such parameters."""

    position: int
    """Its place among the batches of the slice."""
    losses: list[float]
    """The losses of the steps before it."""
    what: str = "a loss"
    """What was not finite: ``a loss`` or ``an update``."""
