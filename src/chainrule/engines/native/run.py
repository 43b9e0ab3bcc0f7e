"""Training runs in machine code."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.indices import guarded
from chainrule.engines.native.code import Code, generate
from chainrule.engines.native.control import PREDICTIONS, TICKS, Control
from chainrule.engines.native.cost import schedule_flops
from chainrule.engines.native.driver import ENTRY
from chainrule.engines.native.memory import Arena
from chainrule.engines.native.target import Target, cores, host
from chainrule.engines.native.team import borrow
from chainrule.engines.native.threads import Pace
from chainrule.engines.protocol import prediction_shape
from chainrule.engines.regions import Region
from chainrule.engines.replaying import Call, Carried, ReplayingRun, State, converted
from chainrule.program import Program


class NativeRun(ReplayingRun):
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
        super().__init__(step, precision, data, batch_size)
        self.predictions: NDArray[Any] | None = None
        self._outputs = prediction_shape(step)
        known = [*data, "rows"]
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
        self.restore(state)

    def as_read(self, data: State) -> dict[str, NDArray[Any]]:
        """The arrays as machine code reads them: truth values are floats."""
        return converted(self.program, data, {"float": self.precision, "int": np.int64, "bool": self.precision})

    def place(self) -> None:
        """Read :attr:`data` where it is."""
        self._control.read_from(self.data)

    def _connect(self) -> None:
        """Tell the code where things lie."""
        self._control = Control(self.code.schedule, self._arena)
        self.place()
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
        other.restore(state)
        return other

    # State

    @property
    def state(self) -> State:
        """What is carried from step to step; each array is made when it is read."""
        return Carried(self._names, self.read)

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

    def write(self, state: State) -> None:
        """Take over a state, or a part of it."""
        for name, values in state.items():
            for region, array in self._places[name]:
                part = values if region is None else values[region.start : region.stop]
                array[...] = np.reshape(part, array.shape)

    def finite(self) -> bool:
        """Whether all parameters are."""
        return all(np.isfinite(array).all() for _, array in self._places["theta"])

    # Steps

    def rate(self) -> float:
        """The learning rate of the last step."""
        return self._control.rate

    def go(self, call: Call) -> NDArray[np.float64]:
        """Make the steps of a call; their losses."""
        steps = -(-len(call.order) // call.batch_size)
        losses = np.empty(steps)
        batch, rows = (call.batch_size, len(call.order)) if self.gathers else (self.rows, steps * self.rows)
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
