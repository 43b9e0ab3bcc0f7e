"""Any program, called with values, in machine code."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.indices import RowNumbers, guarded
from chainrule.engines.native.code import PIECES_FROM, generate_call
from chainrule.engines.native.control import Control
from chainrule.engines.native.cost import schedule_flops
from chainrule.engines.native.driver import ENTRY
from chainrule.engines.native.forks import FreshLock
from chainrule.engines.native.phases import View
from chainrule.engines.native.sizes import bind_sizes
from chainrule.engines.native.target import Target, host
from chainrule.engines.native.team import borrow
from chainrule.engines.native.threads import Pace
from chainrule.engines.numpy import FLOAT_TYPES, prepare, sizes_of
from chainrule.errors import ArgumentError, unknown_name
from chainrule.program import Atom, Literal, Program
from chainrule.shapes import bind, concrete


class NativeCall:
    """A program in machine code.

    Args:
        program: any program.
        precision: of its floats.
        sizes: what its named sizes stand for: ``B`` for at most so many rows, others for exactly that number.
        threads: how many may work on a call; fewer do where that turns out to be faster.
        target: the machine; this one, by default.
        fill: the byte that memory holds before it is first written.

    Raises:
        ArgumentError: if a size is missing.
        EngineError: if the program cannot be compiled.
    """

    def __init__(
        self,
        program: Program,
        precision: str = "float64",
        sizes: Mapping[str, int] | None = None,
        *,
        threads: int = 1,
        target: Target | None = None,
        fill: int = 0,
    ) -> None:
        if precision not in FLOAT_TYPES:
            raise unknown_name("dtype", precision, FLOAT_TYPES)
        sizes = dict(sizes or {})
        missing = [s for s in program.sizes if s not in sizes]
        if missing:
            raise ArgumentError(f"{program.name} needs a number for its sizes {', '.join(missing)}")
        self.precision = precision
        self.rows = sizes.pop("B") if "B" in program.sizes else None
        """The most rows that a call may have."""
        self.program = bind_sizes(program, {s: n for s, n in sizes.items() if s != "B"})
        names = [v.name for v in self.program.inputs]
        self._row_numbers = RowNumbers(self.program, names, precision)
        target = target or host()
        large = self.rows is not None and self.rows >= PIECES_FROM
        user = [v.name for v in self.program.inputs if large and v.shape[:1] == ("B",) and v.dtype == "float"]
        self.code = generate_call(guarded(self.program, names), precision, target, rows=self.rows, user=user)
        self._entry = self.code.machine.address(ENTRY)
        self.arena = self.code.memory.allocate(fill)
        schedule, array = self.code.schedule, self.arena.array
        self._places = {name: array(view) for name, view in schedule.inputs.items() if not view.buffer.user}
        self._results = {label: array(view) for label, view in schedule.outputs.items() if isinstance(view, View)}
        self._control = Control(schedule, self.arena)
        self._pace = Pace(threads, schedule_flops(self.code.schedule, self.rows or 1))
        self._order, self._losses = np.zeros(1, np.int64), np.zeros(1)
        self._lock = FreshLock()

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs by label, for a value of each input.

        Raises:
            ArgumentError: for a missing or an unknown input, or more rows than there is memory for.
            ShapeError: for a shape that does not fit.
            DataError: for a row number that is not in its table.
        """
        prepared = prepare(self.program, values, self.precision)
        sizes = sizes_of(self.program, prepared)
        rows = sizes.get("B", 1)
        if self.rows is not None and rows > self.rows:
            raise ArgumentError(f"{self.program.name} was compiled for at most {self.rows} rows, not {rows}")
        self._row_numbers.check(prepared, sizes)
        with self._lock:
            self._write(prepared)
            self._go(rows)
            return {label: self._output(label, atom, sizes) for label, atom in self.program.outputs}

    def _write(self, prepared: dict[str, Any]) -> None:
        """Put values into memory; large tables are read where they are."""
        for name in self.code.memory.user:
            prepared[name] = np.ascontiguousarray(prepared[name])
        self._control.read_from(prepared)
        self._control.set_constants(prepared)
        for name, place in self._places.items():
            _part(place, np.shape(prepared[name]))[...] = prepared[name]

    def _go(self, rows: int) -> None:
        self._control.set_steps(self._order, self._losses, rows, rows, 0)
        with borrow(self._pace.threads) as crew:
            start = perf_counter()
            self._control.run(crew, self._entry)
            self._pace.took(crew.size, 1, perf_counter() - start)

    def _output(self, label: str, atom: Atom, sizes: Mapping[str, int]) -> Any:
        if isinstance(atom, Literal):
            return FLOAT_TYPES[self.precision](atom.value)
        array = _part(self._results[label], concrete(atom.shape, sizes))
        return array.astype(bool if atom.dtype == "bool" else array.dtype)[()]


def _part(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The first rows, where there are fewer than memory for them."""
    return array[tuple(slice(0, size) for size in shape) or ...]


def run(
    program: Program, values: Mapping[str, Any], precision: str = "float64", *, target: Target | None = None
) -> dict[str, Any]:
    """The outputs of the program by label, compiled for the sizes of these values."""
    sizes: dict[str, int] = {}
    for var in program.inputs:
        if var.name in values:
            bind(var.name, var.shape, np.shape(values[var.name]), sizes)
    return NativeCall(program, precision, sizes, target=target).run(values)
