"""Runs that look at losses alone: a step that failed is found by making steps again from a copy of the state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.indices import RowNumbers
from chainrule.engines.protocol import WHOLE, NonFiniteStep, Rows, Share, batches
from chainrule.errors import ArgumentError, DataError
from chainrule.program import Program
from chainrule.shapes import bind

ANCHOR_SECONDS = 0.5
"""How long a run goes on, at least, before it keeps another copy of its state, to find a step that failed from."""

ANCHOR_RATIO = 50
"""How many times longer than a copy takes it goes on."""

CHECKED_ROWS = 1 << 16
"""Rows whose codes are looked at together before a run, so that this takes little memory."""

State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Call:
    """What one call of ``advance`` was asked."""

    order: Rows
    batch_size: int
    first: int
    constants: Mapping[str, float]


class ReplayingRun(ABC):
    """What such runs share; see :class:`chainrule.engines.protocol.Run`.

    Args:
        step, precision, data: see :class:`chainrule.engines.protocol.Steps`.
        batch_size: rows of a full batch.
        share: which of the rows ``data`` has.

    Attributes:
        rows: of the table, those of other processes too.
        data: the arrays that steps read, in the element types of the engine.
    """

    slice_factor = 1.0

    def __init__(self, step: Program, precision: str, data: State, batch_size: int, share: Share = WHOLE) -> None:
        self.program, self.precision = step, precision
        self.failed: dict[str, Any] | None = None
        """What the step that was not finite had read."""
        self.gathers = any(v.name == "rows" for v in step.inputs)
        self.batch_size, self.share = batch_size, share
        self._row_numbers = RowNumbers(step, [*data, "rows"], precision)
        self._done, self._interval = 0, ANCHOR_SECONDS
        self._take(data)

    def _take(self, data: State) -> None:
        """Look, once, at all row numbers that follow from the data, such as codes of an Embedding."""
        self.data = self.as_read(data)
        own = len(next(iter(data.values())))
        self.rows = self.share.rows(own)
        for start in range(0, own, CHECKED_ROWS) if self.gathers else [0]:
            rows = np.arange(start, min(start + CHECKED_ROWS, own))
            self._row_numbers.check({**self.data, "rows": rows}, {"N": own, "B": len(rows) if self.gathers else own})

    # What an engine does

    @property
    @abstractmethod
    def state(self) -> State:
        """What is carried from step to step."""

    @abstractmethod
    def as_read(self, data: State) -> dict[str, NDArray[Any]]:
        """The arrays of a table in the element types that the engine reads."""

    @abstractmethod
    def place(self) -> None:
        """Make the engine read :attr:`data` from now on."""

    @abstractmethod
    def write(self, state: State) -> None:
        """Take over a state, or a part of it."""

    @abstractmethod
    def finite(self) -> bool:
        """Whether all parameters are."""

    @abstractmethod
    def go(self, call: Call) -> NDArray[np.float64]:
        """Make the steps of a call, whatever comes out; their losses."""

    def table(self) -> State:
        """The rows of the table, those of other processes too."""
        return self.data

    # What follows from that

    def restore(self, state: State) -> None:
        """Go back to a state that was read, or to a part of it."""
        self.write(state)
        self.anchor()

    def load(self, data: State) -> None:
        """Read other rows from now on; steps before can no longer be made again, so they are looked at first."""
        self.verify()
        self._take(data)
        self.place()
        self.anchor()

    def advance(self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]) -> NDArray[np.float64]:
        """Make one step for each batch of ``order``; see :class:`chainrule.engines.protocol.Run`."""
        if self.gathers and len(order) and not (int(order.min()) >= 0 and int(order.max()) < self.rows):
            raise DataError(f"a row number is outside the table of {self.rows} rows")
        if batch_size > self.batch_size:
            raise ArgumentError(f"this run was compiled for batches of {self.batch_size} rows, not {batch_size}")
        call = Call(np.ascontiguousarray(order, np.int64), batch_size, first, dict(constants))
        self._calls.append(call)
        losses = self.go(call)
        self._done = first + len(losses)
        if not np.isfinite(losses).all():
            losses = self._again(first)
        if self.due():
            self._look(keep=True)
        return losses

    def verify(self) -> None:
        """Raise NonFiniteStep if the parameters are not finite; keep a copy of the state from time to time."""
        self._look(keep=self.due())

    def _look(self, *, keep: bool) -> None:
        """Look at the parameters, and keep a copy of the state if it is time for one."""
        if not self.finite():
            self._again(self._done)
        if keep:
            start = perf_counter()
            self.anchor()
            self._interval = max(ANCHOR_SECONDS, ANCHOR_RATIO * (perf_counter() - start))

    # Steps that fail

    def due(self) -> bool:
        """Whether it is time for another copy of the state."""
        return perf_counter() - self._anchored > self._interval

    def anchor(self) -> None:
        """Remember the state, from which the calls after it can be made again."""
        self._kept, self._calls, self._anchored = dict(self.state), list[Call](), perf_counter()

    def _again(self, now: int) -> NDArray[np.float64]:
        """Find the first step that is not finite, go back to before it, and raise NonFiniteStep.

        All calls since the last copy of the state are made again, the one that fails step by step.

        Returns:
            The losses of the last call, where every step is finite this time: on a device that adds in no fixed order.
        """
        losses = np.empty(0)
        self.write(self._kept)
        for call in self._calls:
            before = dict(self.state)
            losses = self.go(call)
            if not np.isfinite(losses).all() or not self.finite():
                self.write(before)
                losses = self._step_by_step(call, now)
        return losses

    def _step_by_step(self, call: Call, now: int) -> NDArray[np.float64]:
        losses: list[float] = []
        for number, rows in enumerate(batches(call.order, call.batch_size), call.first):
            before = dict(self.state)
            (loss,) = self.go(Call(rows, call.batch_size, number, call.constants))
            if not np.isfinite(loss) or not self.finite():
                self.restore(before)
                self.failed = self._inputs(rows, number, call.constants)
                earlier = losses if call.first == now else []
                raise NonFiniteStep(number - now, earlier, "an update" if np.isfinite(loss) else "a loss")
            losses.append(float(loss))
        return np.array(losses)

    def _inputs(self, rows: Rows, number: int, constants: Mapping[str, float]) -> dict[str, Any]:
        """What the step of this number reads, by name of the program's inputs."""
        values = {**self.table(), **self.state, **constants, "rows": rows, "t": number + 1.0, "step": number}
        return {v.name: values[v.name] for v in self.program.inputs}


def converted(step: Program, data: State, dtypes: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The arrays without gaps, in the element types that ``dtypes`` has for ``float``, ``int`` and ``bool``.

    Raises:
        ShapeError: if one does not have the shape that the program says, or as many rows as the others.
    """
    inputs, sizes = {v.name: v for v in step.inputs}, dict[str, int]()
    made: dict[str, NDArray[Any]] = {}
    for name, array in data.items():
        bind(name, inputs[name].shape, np.shape(array), sizes)
        made[name] = np.require(array, dtypes[inputs[name].dtype], ["C", "A"])
    return made


class Carried(Mapping[str, NDArray[Any]]):
    """The state of a run, each array read where it is wanted."""

    def __init__(self, names: list[str], read: Callable[[str], NDArray[Any]]) -> None:
        self._names, self._read = names, read

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
