"""Random programs: formulas over arrays of any shapes, and networks with their training steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.check.cases import domain
from chainrule.derivation import derive_program
from chainrule.expression import Expression, lift, symbol
from chainrule.ops.arrays import add_rows, pad, reshape, take, transpose
from chainrule.ops.random import uniform
from chainrule.program import Program
from chainrule.shapes import broadcast, concrete, reduce_axes
from chainrule.trace import trace

SIZES = (1, 1, 2, 3, 4, 5, 8, 16, 17, 33)
LARGEST = 6000
"""Elements of one value of a formula, at most."""

JUMPS = {"sign", "floor", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
"""Elementwise operations where a rounding error can change the value much: they get arguments of their own."""


@dataclass(frozen=True)
class Trial:
    """A program with values for its inputs."""

    program: Program
    values: dict[str, Any]
    rows: int


class Formula:
    """A random formula, put together value by value; every value stays moderate.

    Args:
        seed: of all choices.
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows = int(self.rng.choice([1, 2, 3, 7, 16, 17, 33]))
        self.values: dict[str, Any] = {}
        self.pool: list[Expression] = []
        self.whole: list[Expression] = []
        for _ in range(int(self.rng.integers(2, 5))):
            self.pool.append(self.fresh(self.shape()))
        self.key = self.input("key", (), "int", np.int64(self.rng.integers(0, 2**31)))

    def pick(self, things: Any) -> Any:
        return things[int(self.rng.integers(len(things)))]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def numbers(self, shape: Any) -> tuple[int, ...]:
        return concrete(shape, {"B": self.rows})

    def small(self, shape: Any) -> bool:
        return prod(self.numbers(shape)) <= LARGEST

    def shape(self, rank: int | None = None) -> tuple[Any, ...]:
        rank = int(self.rng.integers(0, 5)) if rank is None else rank
        while True:
            shape = tuple(self.pick(SIZES) for _ in range(rank))
            if rank and self.chance(0.5):
                place = 0 if self.chance(0.8) else int(self.rng.integers(rank))
                shape = (*shape[:place], "B", *shape[place + 1 :])
            if self.small(shape):
                return shape

    def input(self, name: str, shape: Any, dtype: Any, value: Any) -> Expression:
        self.values[name] = value
        role = "constant" if shape == () and self.chance(0.3) else "input"
        return symbol(name, shape, dtype, role=role)

    def fresh(self, shape: Any) -> Expression:
        return self.input(f"x{len(self.values)}", shape, "float", self.rng.normal(size=self.numbers(shape)))

    def integers(self, shape: Any, limit: int) -> Expression:
        value = self.rng.integers(0, limit, self.numbers(shape))
        return self.input(f"i{len(self.values)}", shape, "int", value)

    def mask(self, shape: Any) -> Expression:
        return self.input(f"m{len(self.values)}", shape, "bool", self.rng.random(self.numbers(shape)) > 0.5)

    # Values that fit others

    def fitting(self, e: Expression) -> Expression:
        """A value that broadcasts with ``e``: one that is there, or a new one of part of its shape."""
        found = [o for o in self.pool if _broadcasts(e, o) and self.small(broadcast(e.shape, o.shape))]
        if found and self.chance(0.6):
            return self.pick(found)
        shape = tuple(1 if self.chance(0.3) else s for s in e.shape)
        shape = shape[int(self.rng.integers(len(shape) + 1)) :] if self.chance(0.5) else shape
        return lift(float(self.rng.normal())) if self.chance(0.1) else self.fresh(shape)

    def inside(self, e: Expression, low: float, high: float) -> Expression:
        return low + (high - low) * (0.5 + 0.5 * cr.sin(e))

    # Moves: each makes a new value of ``e``, or gives it back

    def elementwise(self, e: Expression) -> Expression:
        operation = self.pick(ELEMENTWISE)
        arguments: list[Any] = []
        reached = e
        for place, name in enumerate(operation.arguments):
            low, high = domain(operation, place)
            argument = e if place == int(name == "condition") else self.fitting(reached)
            reached = argument + reached
            if name == "condition":
                arguments.append(self.mask(argument.shape) if self.chance(0.5) else argument > 0.3)
            elif operation.name in JUMPS:
                arguments.append(self.inside(self.fresh(argument.shape), low, high))
            else:
                arguments.append(self.inside(argument, low, high))
        value = operation(*arguments)
        return 1.0 * value if value.dtype == "bool" else value

    def arithmetic(self, e: Expression) -> Expression:
        o = self.fitting(e)
        return self.pick(
            [
                lambda: cr.tanh(e + o),
                lambda: cr.tanh(o - e),
                lambda: cr.tanh(e) * cr.sin(o),
                lambda: e / (2 + cr.sin(o)),
                lambda: cr.maximum(e, o),
                lambda: cr.minimum(o, e),
                lambda: -e,
                lambda: cr.tanh(e) ** 2,
                lambda: cr.where(self.fresh(e.shape) > 0.1, e, o),
                lambda: e * self.mask(e.shape),
                lambda: cr.tanh(e * 3.0 + o * o),
                lambda: cr.stop_gradient(e) + 0.5 * o,
            ]
        )()

    def reduction(self, e: Expression) -> Expression:
        axes = tuple(int(a) for a in range(e.rank) if self.chance(0.5))
        axis = self.pick([None, axes, axes[0] if axes else None, -1 if e.rank else None])
        keepdims = self.chance(0.5)
        count = prod(self.numbers(e.shape)) / max(1, prod(self.numbers(reduce_axes(e.shape, axis, keepdims))))
        how = self.pick([lambda: cr.sum(e, axis, keepdims) / count**0.5, lambda: cr.mean(e, axis, keepdims)] * 2
                        + [lambda: cr.max(e, axis, keepdims)])  # fmt: skip
        return how()

    def along_an_axis(self, e: Expression) -> Expression:
        if not e.rank:
            return e
        axis = int(self.rng.integers(-e.rank, e.rank))
        return self.pick([cr.softmax, cr.log_softmax, cr.logsumexp])(e, axis=axis)

    def product(self, e: Expression) -> Expression:
        if e.rank < 2:
            e = e.reshape(1, *e.shape) if e.rank else e.reshape(1, 1)
            e = transpose(e) if self.chance(0.5) else e
        columns = self.pick(SIZES)
        lead = e.shape[:-2] if self.chance(0.5) else ()
        if e.rank == 2 and self.chance(0.2):
            lead = (self.pick((2, 3)),)
        if self.chance(0.7):
            o, left = self.fresh((*lead, e.shape[-1], columns)), True
        else:
            o, left = self.fresh((*lead, columns, e.shape[-2])), False
        if not self.small(o.shape) or not self.small((*lead, *e.shape, columns)):
            return e
        inner = self.numbers(e.shape)[-1 if left else -2]
        return (e @ o if left else o @ e) / max(1, inner) ** 0.5

    def transposed(self, e: Expression) -> Expression:
        order = tuple(int(a) for a in self.rng.permutation(e.rank))
        return transpose(e, axes=order) if e.rank and self.chance(0.7) else transpose(e)

    def reshaped(self, e: Expression) -> Expression:
        named = [s for s in e.shape if isinstance(s, str)]
        factors = [f for s in e.shape if isinstance(s, int) for f in _factors(s)]
        self.rng.shuffle(factors)
        shape: list[Any] = []
        while factors:
            take_now = int(self.rng.integers(1, len(factors) + 1))
            shape.append(prod(factors[:take_now]))
            factors = factors[take_now:]
        for s in named:
            shape.insert(0 if self.chance(0.8) else int(self.rng.integers(len(shape) + 1)), s)
        while len(shape) < 4 and self.chance(0.3):
            shape.insert(int(self.rng.integers(len(shape) + 1)), 1)
        return reshape(e, shape=tuple(shape))

    def part(self, e: Expression) -> Expression:
        key: list[Any] = []
        for size in e.shape:
            if isinstance(size, str) or self.chance(0.4):
                key.append(slice(None))
            elif self.chance(0.3):
                key.append(int(self.rng.integers(size)))
            else:
                start = int(self.rng.integers(size))
                key.append(slice(start, int(self.rng.integers(start, size)) + 1))
        return e[tuple(key)] if key else e

    def joined(self, e: Expression) -> Expression:
        axes = [a for a, s in enumerate(e.shape) if isinstance(s, int)]
        if not axes:
            return e
        axis = self.pick(axes)
        other = self.fresh((*e.shape[:axis], self.pick(SIZES), *e.shape[axis + 1 :]))
        parts = [e, cr.tanh(other), e] if self.chance(0.3) else [other, e]
        return cr.concatenate(*parts, axis=axis)

    def padded(self, e: Expression) -> Expression:
        if not e.rank:
            return e
        widths = tuple(
            (0, 0) if isinstance(s, str) or self.chance(0.5) else tuple(map(int, self.rng.integers(0, 3, 2)))
            for s in e.shape
        )
        return pad(e, widths=widths)

    def rows_taken(self, e: Expression) -> Expression:
        if not e.rank:
            return e
        limit = self.rows if e.shape[0] == "B" else e.shape[0]
        shape = self.pick([(), (3,), ("B",), (2, 2), ("B", 2), (17,)])
        if limit == 0 or not self.small((*shape, *e.shape[1:])):
            return e
        index = self.integers(shape, limit)
        return take(e, index if self.chance(0.7) else cr.operations["to_int"](1.0 * index + 0.25))

    def rows_added(self, e: Expression) -> Expression:
        if not e.rank:
            return e
        first = int(self.rng.integers(1, min(e.rank, 2) + 1))
        table = self.pick([3, 1, 17])
        return add_rows(e, self.integers(e.shape[:first], table), shape=(table, *e.shape[first:]))

    def stretched(self, e: Expression) -> Expression:
        shape = tuple(self.pick(SIZES) if s == 1 and self.chance(0.6) else s for s in e.shape)
        shape = (self.pick(SIZES), *shape) if len(shape) < 4 and self.chance(0.3) else shape
        return cr.operations["broadcast_to"](e, shape=shape) if self.small(shape) else e

    def whole_numbers(self, e: Expression) -> Expression:
        """Arithmetic of whole numbers, back to floats at its end."""
        i = self.integers(tuple(1 if self.chance(0.2) else s for s in e.shape), 7)
        j = self.integers(e.shape, 5) if self.chance(0.5) else i
        k = self.pick([i + j, i * j, i - j, -i, cr.abs(i - j), cr.maximum(i, j), cr.minimum(i, 3), 2 * i + 1,
                       cr.where(i < j, i, j), i.sum(), j.sum(axis=0) if j.rank else j, j.max(),
                       j.max(axis=-1, keepdims=True) if j.rank else j, transpose(j), transpose(j).sum(axis=-1)
                       if j.rank else j, cr.where(e > 0.2, i, 1)])  # fmt: skip
        self.whole.append(k)
        same = 1.0 * cr.equal(k, 2) if self.chance(0.3) else 0.125 * k
        return same + 0.5 * e if _broadcasts(same, e) and self.small(broadcast(same.shape, e.shape)) else same

    def random(self, e: Expression) -> Expression:
        shape = tuple(e.shape)
        drawn = uniform(self.key, 3 if self.chance(0.5) else self.key, stream=self.pick([0, 5]), shape=shape)
        return e * (drawn >= 0.3) if self.chance(0.5) else drawn - e

    def make(self, steps: int) -> None:
        moves: list[Callable[[Expression], Expression]] = [
            self.elementwise, self.elementwise, self.arithmetic, self.arithmetic, self.arithmetic, self.reduction,
            self.along_an_axis, self.product, self.product, self.transposed, self.reshaped, self.part, self.joined,
            self.padded, self.rows_taken, self.rows_added, self.stretched, self.whole_numbers, self.random,
        ]  # fmt: skip
        for number in range(steps):
            e = self.pick(self.pool[-6:]) if self.chance(0.7) else self.pick(self.pool)
            made = self.pick(moves)(e)
            if self.small(made.shape) and made.rank <= 5:
                self.pool.append(made.named(f"u{number}") if made.operation and self.chance(0.3) else made)


ELEMENTWISE = [
    o
    for o in cr.operations.values()
    if o.shape is broadcast and o.name not in ("constant", "to_float", "to_int", "stop_gradient")
]


def _broadcasts(x: Expression, y: Expression) -> bool:
    try:
        broadcast(x.shape, y.shape)
    except cr.ShapeError:
        return False
    return True


def _factors(number: int) -> list[int]:
    for factor in range(2, number):
        if number % factor == 0:
            return [factor, *_factors(number // factor)]
    return [number] if number > 1 else []


def random_formula(seed: int, steps: int = 12) -> Trial:
    """A program of several outputs, or of a number and its derivatives."""
    formula = Formula(seed)
    formula.make(steps)
    rng, pool = formula.rng, formula.pool
    if rng.random() < 0.5:
        total = sum((cr.mean(cr.sin(e)) for e in pool[-4:]), cr.mean(pool[0]))
        program = trace({"value": total}, name="value")
        floats = [v.name for v in program.inputs if v.dtype == "float"]
        try:
            program = derive_program(program, floats)
        except cr.NotDifferentiableError:
            pass
        program = program if rng.random() < 0.3 else cr.passes.simplify(program) if hasattr(cr, "passes") else program
    else:
        chosen = {f"out{i}": e for i, e in enumerate(pool[-5:])} | {f"whole{i}": e for i, e in enumerate(formula.whole)}
        if rng.random() < 0.3:
            chosen["flag"] = pool[-1] > pool[-1].max()
        program = trace(chosen, name="formula")
    values = {v.name: formula.values[v.name] for v in program.inputs}
    return Trial(program, values, formula.rows)
