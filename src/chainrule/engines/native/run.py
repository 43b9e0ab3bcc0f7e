"""Training runs in machine code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.native.code import Code, generate
from chainrule.engines.native.control import PREDICTIONS, TICKS, Control
from chainrule.engines.native.cost import schedule_flops
from chainrule.engines.native.driver import ENTRY
from chainrule.engines.native.indices import RowNumbers, guarded
from chainrule.engines.native.memory import Arena
from chainrule.engines.native.regions import Region
from chainrule.engines.native.target import Target, cores, host
from chainrule.engines.native.team import borrow
from chainrule.engines.native.threads import Pace
from chainrule.engines.protocol import NonFiniteStep, Rows, batches, prediction_shape
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


@dataclass
class _Call:
    """What one call of ``advance`` was asked."""

    order: Rows
    batch_size: int
    first: int
    constants: Mapping[str, float]


class NativeRun:
    """A run of a step program in machine code; see :class:`chainrule.engines.protocol.Run`.

    Args:
        step, precision, data, state: see :class:`chainrule.engines.protocol.Steps`.
        batch_size: rows of a full batch.
        threads: how many to use; by default, as many as turn out to pay.
        target: the machine; this one, by default.
        fill: the byte that memory holds before it is first written.
        timed: whether to count the cycles of each phase, in ``ticks`` (threads, phases, and the wait before each).
    """

    def __init__(
        self,
        step: Program,
        precision: str,
        data: Mapping[str, NDArray[Any]],
        state: State,
        *,
        batch_size: int,
        threads: int | None = None,
        target: Target | None = None,
        fill: int = 0,
        timed: bool = False,
    ) -> None:
        self.program, self.precision = step, precision
        self.failed: dict[str, Any] | None = None
        """What the step that was not finite had read."""
        self.predictions: NDArray[Any] | None = None
        self._outputs = prediction_shape(step)
        self._gathers = any(v.name == "rows" for v in step.inputs)
        self._batch_size = batch_size
        known = [*data, "rows"]
        self._row_numbers = RowNumbers(step, known, precision)
        self._take(data)
        target = target or host()
        self.code: Code = generate(guarded(step, known), precision, target, rows=batch_size, user=known, timed=timed)
        self._entry = self.code.machine.address(ENTRY)
        flops = schedule_flops(self.code.schedule, batch_size)
        self._threads, self._pace = threads, Pace(cores(), flops)
        self._arena: Arena = self.code.memory.allocate(fill)
        counted = max(threads or 1, cores()) if timed else 0
        self.ticks = np.zeros((counted, len(self.code.schedule.phases), 2), np.int64)
        self._connect()
        self._names = list(state)
        self._shapes = {name: np.shape(a) for name, a in state.items()}
        self._write(state)
        self._done, self._interval = 0, ANCHOR_SECONDS
        self._anchor(dict(self.state))

    def _take(self, data: Mapping[str, NDArray[Any]]) -> None:
        """Look, once, at all row numbers that follow from the data, such as codes of an Embedding."""
        self._data = as_read(self.program, data, self.precision)
        self.rows = len(next(iter(data.values())))
        for start in range(0, self.rows, CHECKED_ROWS) if self._gathers else [0]:
            rows = np.arange(start, min(start + CHECKED_ROWS, self.rows))
            self._row_numbers.check(
                {**self._data, "rows": rows}, {"N": self.rows, "B": len(rows) if self._gathers else self.rows}
            )

    def _connect(self) -> None:
        """Tell the code where things lie."""
        self._control = Control(self.code.schedule, self._arena)
        self._control.read_from(self._data)
        self._control.numbers[TICKS] = self.ticks.ctypes.data

    @property
    def pace(self) -> Pace:
        """How the number of threads is chosen, where it is not given."""
        return self._pace

    @property
    def threads(self) -> int:
        """How many threads the next steps will use."""
        return self._threads or self._pace.threads

    def twin(self, state: State) -> NativeRun:
        """Another run of the same code on the same data, from a state of its own."""
        other = copy(self)
        vars(other).pop("_places", None)
        other._arena = self.code.memory.allocate()
        other._pace = copy(self._pace)
        other._connect()
        other._write(state)
        other._anchor(dict(other.state))
        return other

    # State

    @property
    def state(self) -> State:
        """What is carried from step to step; each array is made when it is read."""
        return _Carried(self)

    def restore(self, state: State) -> None:
        """Go back to a state that was read, or to a part of it."""
        self._write(state)
        self._anchor(dict(self.state))

    def _pieces(self, name: str) -> list[tuple[Region | None, NDArray[Any]]]:
        """The arrays of the arena that hold a carried value, with the part of it that each is."""
        inputs = self.code.schedule.inputs
        own = [r for r in self.code.regions if r.vector == name]
        if own:
            return [(r, self._arena.array(inputs[r.name])) for r in own if r.name in inputs]
        return [(None, self._arena.array(inputs[name]))]

    @cached_property
    def _places(self) -> dict[str, list[tuple[Region | None, NDArray[Any]]]]:
        return {name: self._pieces(name) for name in self._names}

    def read(self, name: str) -> NDArray[Any]:
        """A copy of one carried value."""
        pieces = self._places[name]
        result = np.empty(self._shapes[name], self.precision)
        for region, array in pieces:
            part = result if region is None else result[region.start : region.stop]
            part.reshape(array.shape)[...] = array
        return result

    def _write(self, state: State) -> None:
        for name, values in state.items():
            for region, array in self._places[name]:
                part = values if region is None else values[region.start : region.stop]
                array[...] = np.reshape(part, array.shape)

    def _finite(self) -> bool:
        return all(np.isfinite(array).all() for _, array in self._places["theta"])

    # Steps

    def load(self, data: Mapping[str, NDArray[Any]]) -> None:
        """Read other rows from now on; steps before can no longer be made again, so they are looked at first."""
        self.verify()
        self._take(data)
        self._control.read_from(self._data)
        self._anchor(dict(self.state))

    def advance(self, order: Rows, batch_size: int, first: int, constants: Mapping[str, float]) -> NDArray[np.float64]:
        """Make one step for each batch of ``order``; see :class:`chainrule.engines.protocol.Run`."""
        if self._gathers and len(order) and not (int(order.min()) >= 0 and int(order.max()) < self.rows):
            raise DataError(f"a row number is outside the table of {self.rows} rows")
        if batch_size > self._batch_size:
            raise ArgumentError(f"this run was compiled for batches of {self._batch_size} rows, not {batch_size}")
        call = _Call(np.ascontiguousarray(order, np.int64), batch_size, first, dict(constants))
        self._calls.append(call)
        losses = self._go(call)
        self._done = first + len(losses)
        if not np.isfinite(losses).all():
            self._fail(first)
        if perf_counter() - self._anchored > self._interval:
            self.verify()
        return losses

    def verify(self) -> None:
        """Raise NonFiniteStep if the parameters are not finite; keep a copy of the state from time to time."""
        if not self._finite():
            self._fail(self._done)
        if perf_counter() - self._anchored > self._interval:
            start = perf_counter()
            self._anchor(dict(self.state))
            self._interval = max(ANCHOR_SECONDS, ANCHOR_RATIO * (perf_counter() - start))

    def rate(self) -> float:
        """The learning rate of the last step."""
        return self._control.rate

    def _go(self, call: _Call) -> NDArray[np.float64]:
        steps = -(-len(call.order) // call.batch_size)
        losses = np.empty(steps)
        batch, rows = (call.batch_size, len(call.order)) if self._gathers else (self.rows, steps * self.rows)
        self._control.set_steps(call.order, losses, batch, rows, call.first)
        self._control.set_constants(call.constants)
        if self._outputs is not None:
            self.predictions = np.empty((rows, *self._outputs), self.precision)
            self._control.numbers[PREDICTIONS] = self.predictions.ctypes.data
        with borrow(self.threads) as crew:
            start = perf_counter()
            self._control.run(crew, self._entry)
            self._pace.took(crew.size, steps, perf_counter() - start)
        return losses

    # Steps that fail

    def _anchor(self, state: State) -> None:
        """Remember a state, from which the calls after it can be made again with the same bits."""
        self._kept, self._calls, self._anchored = state, list[_Call](), perf_counter()

    def _fail(self, now: int) -> None:
        """Find the first step that is not finite, go back to before it, and raise NonFiniteStep.

        All calls since the last copy of the state are made again, the one that fails step by step.
        """
        calls = self._calls
        state = dict(self._kept)
        for call in calls:
            self._write(state)
            if np.isfinite(self._go(call)).all() and self._finite():
                state = dict(self.state)
                continue
            self._step_by_step(state, call, now)
        raise AssertionError("a step that failed did not fail again")

    def _step_by_step(self, state: State, call: _Call, now: int) -> None:
        self._write(state)
        losses: list[float] = []
        for number, rows in enumerate(batches(call.order, call.batch_size), call.first):
            (loss,) = self._go(_Call(rows, call.batch_size, number, call.constants))
            if not np.isfinite(loss) or not self._finite():
                self._write(state)
                self.failed = self._inputs(rows, number, call.constants)
                self._anchor(state)
                earlier = losses if call.first == now else []
                raise NonFiniteStep(number - now, earlier, "an update" if np.isfinite(loss) else "a loss")
            state = dict(self.state)
            losses.append(float(loss))

    def _inputs(self, rows: Rows, number: int, constants: Mapping[str, float]) -> dict[str, Any]:
        """What the step of this number reads, by name of the program's inputs."""
        values = {**self._data, **self.state, **constants, "rows": rows, "t": number + 1.0, "step": number}
        return {v.name: values[v.name] for v in self.program.inputs}


def as_read(step: Program, data: Mapping[str, NDArray[Any]], precision: str) -> dict[str, NDArray[Any]]:
    """The arrays in the element types that machine code reads, without gaps; truth values are floats.

    Raises:
        ShapeError: if one does not have the shape that the program says, or as many rows as the others.
    """
    inputs, sizes = {v.name: v for v in step.inputs}, dict[str, int]()
    made: dict[str, NDArray[Any]] = {}
    for name, array in data.items():
        bind(name, inputs[name].shape, np.shape(array), sizes)
        made[name] = np.require(array, np.int64 if inputs[name].dtype == "int" else precision, ["C", "A"])
    return made


class _Carried(Mapping[str, NDArray[Any]]):
    """The state of a run, read where it is wanted."""

    def __init__(self, run: NativeRun) -> None:
        self._run = run

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._run.read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._run._names)

    def __len__(self) -> int:
        return len(self._run._names)
