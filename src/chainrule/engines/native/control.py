"""The control block: numbers and addresses that generated code is given, and where each stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.native.memory import Arena
from chainrule.engines.native.phases import Schedule
from chainrule.engines.native.team import Crew

# Places, in numbers of eight bytes. The counter of the barrier has a line of its own.
ARENA, THREADS, STEPS, ORDER, BATCH, ROWS, FIRST, LOSSES, RATE, USER, TICKS, PREDICTIONS = range(12)
COUNTER = 64
CONSTANTS = 80
LEAST = 512


class Control:
    """The control block of a run, or of calls of a program.

    Args:
        schedule: whose constants it holds.
        arena: the memory that the code works in.
    """

    def __init__(self, schedule: Schedule, arena: Arena) -> None:
        self._constants = schedule.constants
        self._user = {name: place for place, name in enumerate(arena.memory.user)}
        self._tables = np.zeros(max(1, len(self._user)), np.int64)
        self.numbers = np.zeros(max(LEAST, CONSTANTS + len(self._constants)), np.int64)
        self._doubles = self.numbers.view(np.float64)
        self.numbers[ARENA], self.numbers[USER] = arena.address, self._tables.ctypes.data
        self.address = int(self.numbers.ctypes.data)
        """Taken once, since asking costs time."""

    def read_from(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Say where the user's arrays lie, which must stay there; others than the program's are left out."""
        for name, array in arrays.items():
            if name in self._user:
                self._tables[self._user[name]] = array.ctypes.data

    def set_steps(
        self, order: NDArray[np.int64], losses: NDArray[np.float64], batch: int, rows: int, first: int
    ) -> None:
        """Say which steps come next.

        Args:
            order: row numbers of their batches.
            losses: where the loss of each goes.
            batch: rows of a step.
            rows: of all steps together.
            first: the number of steps before them.
        """
        numbers = self.numbers
        numbers[STEPS], numbers[BATCH], numbers[ROWS], numbers[FIRST] = len(losses), batch, rows, first
        numbers[ORDER], numbers[LOSSES] = order.ctypes.data, losses.ctypes.data
        numbers[COUNTER] = 0

    def set_constants(self, values: Mapping[str, Any]) -> None:
        """Say what the program's constants are; those that are counted step by step are left out."""
        for place, (name, dtype) in enumerate(self._constants, CONSTANTS):
            if name in values:
                where = self._doubles if dtype == "float" else self.numbers
                where[place] = np.asarray(values[name]).astype(where.dtype)

    def run(self, crew: Crew, entry: int) -> None:
        """Have the code at an address make the steps on every thread of a crew."""
        self.numbers[THREADS] = crew.size
        crew.run(entry, self.address)

    @property
    def rate(self) -> float:
        """The learning rate of the last step."""
        return float(self._doubles[RATE])
