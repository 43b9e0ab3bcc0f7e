"""Phases executed in NumPy, one after another: where these results are right, an error lies in the machine code.

Nothing here is fast, and no training runs on it. It reads and writes the same memory as machine code does, element for
element, so it also shows what lies in each buffer after each phase.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.native.memory import Arena
from chainrule.engines.native.phases import (
    Loop,
    Move,
    Operand,
    Phase,
    Product,
    Reduction,
    Scatter,
    Schedule,
    Statement,
    View,
)
from chainrule.engines.numpy import FLOAT_TYPES
from chainrule.engines.threefry import uniform
from chainrule.shapes import concrete

Array = NDArray[Any]

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "negative": np.negative,
    "abs": np.abs, "sign": np.sign, "floor": np.floor, "maximum": np.maximum, "minimum": np.minimum,
    "where": np.where, "less": np.less, "less_equal": np.less_equal, "greater": np.greater,
    "greater_equal": np.greater_equal, "equal": np.equal, "not_equal": np.not_equal, "exp": np.exp,
    "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "sqrt": np.sqrt,
    "power": np.power, "tanh": np.tanh, "constant": np.asarray, "to_float": np.asarray, "to_int": np.asarray,
    "stop_gradient": np.asarray, "broadcast_to": np.asarray,
}  # fmt: skip
"""What each elementwise operation computes; the result takes on the statement's element type."""


class Oracle:
    """A schedule, executed on memory.

    Args:
        schedule: phases in order.
        arena: the memory.
        user: arrays that lie outside of it, by name.
    """

    def __init__(self, schedule: Schedule, arena: Arena, user: Mapping[str, Array] | None = None) -> None:
        self.schedule, self.arena, self.user = schedule, arena, dict(user or {})
        self.float = FLOAT_TYPES[arena.memory.form.precision]
        self.numbers: dict[str, Any] = {}
        self.sizes: dict[str, int] = {}
        self.base = 0
        """The row of the batch at which a piece begins."""

    def step(self, rows: int, constants: Mapping[str, float]) -> dict[str, Any]:
        """Execute all phases for a batch of so many rows; the outputs by label."""
        self.sizes = {"B": rows}
        self.numbers = {name: constants[name] for name, _ in self.schedule.constants}
        with np.errstate(all="ignore"):
            for scalar in self.schedule.scalars:
                kind = np.float64 if scalar.double else self.float
                self.numbers[scalar.statement.target] = self._value(scalar.statement, self.numbers, (), kind)
            self._phases(rows)
        return {label: self._output(output) for label, output in self.schedule.outputs.items()}

    def _phases(self, rows: int) -> None:
        """All phases; those of pieces for one piece after another, with the caller's rows of that piece."""
        phases, user = self.schedule.phases, self.user
        first, stop = self.schedule.pieces or (len(phases), len(phases))
        for phase in phases[:first]:
            self._phase(phase)
        step = self.schedule.rows or rows
        for self.base in range(0, rows, step) if first < stop else ():
            self.sizes = {"B": min(step, rows - self.base)}
            self.user = {name: a[self.base :] if self._by_rows(name) else a for name, a in user.items()}
            for phase in phases[first:stop]:
                self._phase(phase)
        self.sizes, self.user, self.base = {"B": rows}, user, 0
        for phase in phases[stop:]:
            self._phase(phase)

    def _by_rows(self, name: str) -> bool:
        buffer = self.arena.memory.buffers.get(name)
        return buffer is not None and buffer.shape[:1] == ("B",)

    def _output(self, output: View | Operand) -> Any:
        if isinstance(output, View):
            return self.load(output)
        return self.numbers[output] if isinstance(output, str) else output

    # Memory

    def _memory(self, view: View) -> Array:
        """All elements of a buffer, one after another."""
        if view.buffer.user:
            return self.user[view.buffer.name].reshape(-1)
        memory = self.arena.memory
        kind = np.dtype(np.int64 if view.buffer.dtype == "int" else self.float)
        start = memory.offsets[view.buffer.name]
        return self.arena.bytes[start : start + memory.layout.elements(view.buffer) * kind.itemsize].view(kind)

    def _places(self, view: View) -> NDArray[np.int64]:
        """Where the elements of a view lie in its buffer."""
        shape = concrete(view.shape, self.sizes)
        places = np.full(shape, view.offset, np.int64)
        for axis, (size, stride) in enumerate(zip(shape, view.strides, strict=True)):
            places += np.expand_dims(np.arange(size) * stride, tuple(a for a in range(len(shape)) if a != axis))
        return places if view.index is None else places + self.load(view.index) * view.row

    def load(self, view: View) -> Array:
        """The elements of a view."""
        elements = self._memory(view)[self._places(view)]
        return elements != 0 if view.buffer.dtype == "bool" else elements

    # Phases

    def _phase(self, phase: Phase) -> None:
        space = concrete(phase.body.space, self.sizes)
        known: dict[str, Any] = {}
        inner = phase.inner
        if isinstance(inner, Product):
            known[inner.target] = (self.load(inner.left) @ self.load(inner.right)).reshape(space)
        elif isinstance(inner, Reduction):
            values, whole = self._loop(inner.loop, {}), concrete(inner.loop.space, self.sizes)
            for target, how, operand in inner.results:
                value = np.broadcast_to(_operand(operand, values), whole)
                known[target] = np.sum(value, inner.axes) if how == "sum" else np.max(value, inner.axes)
        elif isinstance(inner, Scatter):
            total = np.zeros(concrete(inner.target.shape, self.sizes), self.load(inner.source).dtype)
            np.add.at(total, self.load(inner.index), self.load(inner.source))
            self._memory(inner.target)[self._places(inner.target)] = total
        elif isinstance(inner, Move):
            moved = self.load(inner.source).reshape(concrete(inner.target.shape, self.sizes))
            self._memory(inner.target)[self._places(inner.target)] = moved
        self._loop(phase.body, known)

    def _loop(self, loop: Loop, known: Mapping[str, Any]) -> dict[str, Any]:
        """Loads, statements and stores for all elements at once; the values by name."""
        values = {**self.numbers, **known, **{load.target: self.load(load.view) for load in loop.loads}}
        space = concrete(loop.space, self.sizes)
        for statement in loop.statements:
            values[statement.target] = self._value(statement, values, space, self.float)
        for store in loop.stores:
            self._memory(store.view)[self._places(store.view)] = _operand(store.value, values)
        return values

    def _value(self, statement: Statement, values: Mapping[str, Any], space: tuple[int, ...], kind: Any) -> Array:
        operands = [_operand(o, values) for o in statement.operands]
        if statement.operation == "uniform":
            stream = dict(statement.attributes)["stream"]
            key, step = (next(np.asarray(o).flat, 0) for o in operands)  # the same for all elements
            shape = (self.base + space[0], *space[1:]) if space else ()  # with the rows of earlier pieces
            numbers: Array = uniform(key, step, stream=stream, shape=shape, dtype=kind)
            return numbers[self.base :] if space else numbers
        if statement.operation == "size":
            return np.asarray(self.sizes[dict(statement.attributes)["of"]], kind)
        wanted = {"float": kind, "int": np.int64, "bool": np.bool_}[statement.dtype]
        return np.asarray(FUNCTIONS[statement.operation](*operands)).astype(wanted)


def _operand(operand: Operand, values: Mapping[str, Any]) -> Any:
    return values[operand] if isinstance(operand, str) else operand
