"""The machine code of an unrolled step, and how it is called."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.native.code import KEPT, MAKING
from chainrule.engines.native.jit import compile_text
from chainrule.engines.native.target import Target
from chainrule.engines.native.unrolled.loop import FIXED, NAME, Step, live_nodes, write_steps
from chainrule.engines.native.unrolled.lower import unroll
from chainrule.engines.native.unrolled.powers import Powers
from chainrule.program import Program

_RATE = FIXED.index("rate")


def step_text(program: Program, rows: int, precision: str, target: Target) -> str:
    """LLVM's text of a step of one network, for batches of so many rows."""
    unrolled = unroll(program, rows)
    return write_steps(Step(unrolled, precision, 1, 1, live_nodes(unrolled), target.triple)).titled()


@lru_cache(KEPT)
def _compiled(
    program: Program, rows: int, precision: str, lanes: int, groups: int, target: Target
) -> tuple[Callable[..., None], Step]:
    """The function of a step; runs of equal steps share it."""
    unrolled = unroll(program, rows)
    step = Step(unrolled, precision, lanes, groups, live_nodes(unrolled), target.triple)
    return compile_text(write_steps(step).text, target).function(NAME, ctypes.c_void_p), step


class Code:
    """The machine code of a step for batches of a number of rows, with the table that it reads.

    Args:
        program: a step program.
        rows: rows of a batch.
        precision: of its floats.
        lanes: networks in a register.
        groups: registers of networks.
        target: the machine.
        data: the rows of the table, by name of the input.
    """

    def __init__(
        self,
        program: Program,
        rows: int,
        precision: str,
        lanes: int,
        groups: int,
        target: Target,
        data: Mapping[str, NDArray[Any]],
    ) -> None:
        with MAKING:
            self._function, step = _compiled(program, rows, precision, lanes, groups, target)
        slots = step.slots
        self._table = np.zeros(len(slots), np.int64)
        reals = self._table.view(np.float64)
        self._constants = [
            (slots[var.name], reals if var.dtype == "float" else self._table, var.name)
            for var in program.inputs
            if var.role == "constant" and var.name in slots
        ]
        self._powers = [(slots[base], Powers(float.fromhex(base))) for base in step.bases]
        self._data = [(slots[name], name) for name in step.unrolled.data]
        self.read_from(data)

    def read_from(self, data: Mapping[str, NDArray[Any]]) -> None:
        """Say where the rows of the table lie, which must stay there."""
        for place, name in self._data:
            self._table[place] = data[name].ctypes.data

    def prepare(self, steps: int, first: int, constants: Mapping[str, float]) -> None:
        """Say what is the same for all networks: how many steps to make, after how many others."""
        self._table[:2] = steps, first
        for place, table, name in self._constants:
            table[place] = constants[name]
        for place, powers in self._powers:
            self._table[place] = powers.address(first + 1, steps)

    def run(self, rows: int, losses: int, predictions: int, apart: int, stride: int, state: int) -> float:
        """Make the steps for one group of networks; several threads may do so at a time.

        Args:
            rows: the address of the row numbers.
            losses: where losses go.
            predictions: where predictions go.
            apart: bytes from the losses of one network to those of the next.
            stride: bytes from one element of a prediction to the next.
            state: the address of the state.

        Returns:
            The learning rate of the last step.
        """
        table = self._table.copy()
        table[2:8] = rows, losses, predictions, apart, stride, state
        self._function(table.ctypes.data)
        return float(table.view(np.float64)[_RATE])
