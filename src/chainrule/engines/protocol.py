"""What training asks of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from chainrule.program import Program, Var

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """Which rows of a table a process has, where devices have equal parts of it; all rows, if nothing is said.

    Attributes:
        first: the number of its first part.
        last: the number after that of its last one.
        parts: how many there are.

    >>> half = Share(1, 2, 2)
    >>> half.own(9), half.rows(5)
    (slice(5, 10, None), 10)
    """

    first: int = 0
    last: int = 1
    parts: int = 1

    def own(self, rows: int) -> slice:
        """Its rows, of a table of so many, or of the few more that make the parts equal."""
        part = -(-rows // self.parts)
        return slice(self.first * part, self.last * part)

    def rows(self, own: int) -> int:
        """Rows of all processes, where this one has so many."""
        return own // (self.last - self.first) * self.parts


WHOLE = Share()
"""All rows."""


@dataclass(frozen=True)
class Steps:
    """Training steps, and all that they read besides constants.

    Attributes:
        program: of one step, as :meth:`chainrule.nn.model.Model.step_program` makes it.
        precision: of its floats.
        data: what does not change, by name of the input: the rows of the table.
        state: what is carried from step to step, by name: ``new_v`` of one step is ``v`` of the next.
        batch_size: rows of a full batch.
        share: which of the rows ``data`` has.
    """

    program: Program
    precision: str
    data: Mapping[str, NDArray[Any]]
    state: Mapping[str, NDArray[Any]]
    batch_size: int
    share: Share = WHOLE

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return self.share.rows(len(next(iter(self.data.values()))))


class Run(Protocol):
    """A training run that advances in slices of steps. Any way of cutting the steps into slices gives the same bits.

    Runs are made from a step's program, its precision, data and state, all as in :class:`Steps`.
    """

    program: Program
    """What a step computes."""
    precision: str
    """Of its floats."""
    slice_factor: float
    """How many times as long its slices should be as those of an engine whose calls cost nothing."""
    failed: dict[str, Any] | None
    """What a step that was not finite had read, by name of the program's inputs, where that is known."""

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """What is carried from step to step (parameters, optimiser slots, running states), by name.

        It may be read between slices; an array that was read does not change later.
        """
        ...

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a state that was read, or to a part of it."""
        ...

    def load(self, data: Mapping[str, NDArray[Any]]) -> None:
        """Read other rows from now on: the same columns, and at most as many rows as the run was made for."""
        ...

    def advance(self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]) -> NDArray[np.float64]:
        """Make one step for each ``batch_size`` of the row numbers in ``order``; the last batch may be short.

        Args:
            order: row numbers of one or more batches.
            batch_size: rows in a step.
            first: the number of steps already made.
            constants: what steps read besides data and state (``S`` and ``T`` of a schedule, ``key``, ...).

        Returns:
            The loss of each step.

        Raises:
            NonFiniteStep: when a loss or the parameters after it are not finite; ``state`` is then that from
                before the step.
        """
        ...

    def verify(self) -> None:
        """Raise NonFiniteStep if the parameters are not finite; training asks after each epoch.

        ``advance`` may leave looking at the parameters to this, since they are many.
        """
        ...

    def rate(self) -> float:
        """The learning rate of the last step."""
        ...


class PredictingRun(Run, Protocol):
    """A run of steps whose program gives the ``prediction`` of their rows."""

    @property
    def predictions(self) -> NDArray[Any] | None:
        """For each row of the last slice what was predicted before its step; ``None`` before the first."""
        ...


def prediction_shape(program: Program) -> tuple[int, ...] | None:
    """The shape of a row of the ``prediction`` that a step gives; ``None`` where it gives none."""
    found = dict(program.outputs).get("prediction")
    return tuple(int(s) for s in found.shape[1:]) if isinstance(found, Var) else None


def batches(order: Rows, batch_size: int) -> list[Rows]:
    """The row numbers of each step."""
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


@dataclass
class NonFiniteStep(Exception):  # noqa: N818 - fitting makes an error of it, with words
    """A step whose loss is infinite or undefined, or leads to such parameters."""

    position: int
    """Its place among the steps of the slice; negative for one of an earlier slice, found late."""
    losses: Sequence[float] = ()
    """The losses of the steps of the slice before it."""
    what: str = "a loss"
    """What was not finite: ``a loss`` or ``an update``."""
