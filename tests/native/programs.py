"""Random programs: formulas over arrays of any shapes, and networks with their training steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.checking.cases import cases, domain
from chainrule.derivation import derive_program
from chainrule.expression import REGISTRY, Expression, Operation, lift, symbol
from chainrule.ops.arrays import add_rows, pad, reshape, take, transpose
from chainrule.ops.random import uniform
from chainrule.passes import simplify
from chainrule.program import Program
from chainrule.shapes import broadcast, concrete, reduce_axes
from chainrule.trace import atom_expression, substitute, trace

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


def programs_of(operation: Operation) -> Iterator[tuple[Program, dict[str, Any]]]:
    """The value, and the derivatives, of every example of an operation."""
    for case in cases(operation):
        yield case.program, case.values
        if case.differentiable:
            yield derive_program(case.pulled, case.differentiable), case.values | {"g_in": case.g}


def together(operations: Iterable[Operation]) -> tuple[Program, dict[str, Any]]:
    """All these programs as one, since compiling takes the time; each keeps its inputs under names of its own."""
    outputs, values, inputs = {}, {}, []
    for number, (program, own) in enumerate(p for operation in operations for p in programs_of(operation)):
        symbols = {v.name: cr.symbols(f"{v.name}_{number}", shape=v.shape, dtype=v.dtype) for v in program.inputs}
        inputs += symbols.values()
        known = substitute(program, symbols, label=False)
        outputs |= {f"{label}_{number}": atom_expression(atom, known) for label, atom in program.outputs}
        values |= {f"{name}_{number}": value for name, value in own.items()}
    return trace(outputs, name="together", inputs=inputs), values


def poisoned(trial: Trial, seed: int) -> Trial:
    """The same program with NaN, infinities and zeros below 0 among its inputs."""
    rng = np.random.default_rng(seed)
    for name, value in trial.values.items():
        value = np.array(value)
        if value.dtype.kind == "f" and value.size and rng.random() < 0.6:
            value.flat[rng.integers(value.size)] = rng.choice([np.nan, np.inf, -np.inf, -0.0])
        trial.values[name] = value[()]
    return trial


def random_formula(seed: int, steps: int = 12) -> Trial:
    """A program of several outputs, or of a number and its derivatives."""
    formula = Formula(seed)
    formula.make(steps)
    rng, pool = formula.rng, formula.pool
    if rng.random() < 0.5:
        total = sum((cr.mean(cr.sin(e)) for e in pool[-4:]), cr.mean(pool[0]))
        program = trace({"value": total}, name="value")
        floats = [v.name for v in program.inputs if v.dtype == "float"]
        program = derive_program(program, floats)
        program = program if rng.random() < 0.3 else simplify(program)
    else:
        chosen = {f"out{i}": e for i, e in enumerate(pool[-5:])} | {f"whole{i}": e for i, e in enumerate(formula.whole)}
        if rng.random() < 0.3:
            chosen["flag"] = pool[-1] > pool[-1].max()
        program = trace(chosen, name="formula")
    values = {v.name: formula.values[v.name] for v in program.inputs}
    return Trial(program, values, formula.rows)


# Networks


@dataclass(frozen=True)
class Training:
    """A network with its step, its data and the state from which it starts."""

    network: cr.Network
    optimizer: cr.Optimizer
    data: dict[str, Any]
    state: dict[str, Any]
    batch_size: int
    gather: bool
    order: Any
    constants: dict[str, float]
    precision: str

    @property
    def step(self) -> Program:
        weighted = not {"w", "all_w"}.isdisjoint(self.data)
        return self.network.model.step_program(self.optimizer, gather=self.gather, weighted=weighted)


WIDTHS = (1, 2, 3, 5, 8, 15, 16, 17, 33)
WIDE = (100, 257, 1024)
SMOOTH = ("linear", "tanh", "sigmoid", "softplus", "gelu", "gelu_tanh", "silu", "mish", "softsign", "sin", "softmax",
          "log_softmax", "elu", "selu", "relu", "leaky_relu", "hard_tanh", "exp")  # fmt: skip


def _asymmetric(p: Expression, y: Expression) -> Expression:
    """A loss of one's own."""
    return cr.where(p > y, 2.0, 1.0) * (p - y) ** 2 + 0.1 * cr.abs(p) ** 1.5


def _on_average(p: Expression, y: Expression) -> Expression:
    """One that is a number at once."""
    return cr.mean(cr.softplus(p - y)) + 0.01 * cr.sum(p**2)


bump = cr.elementwise("bump", "x", expansion=lambda x: cr.exp(-x * x) * x, analytic=True, source="a test")
del REGISTRY["bump"]  # it need not be known by name, and other tests look at every operation there is
"""An operation of one's own."""


class Choices:
    """Random networks, optimisers and data from one seed."""

    def __init__(self, seed: int) -> None:
        self.seed, self.rng = seed, np.random.default_rng(seed)

    def pick(self, things: Any) -> Any:
        return things[int(self.rng.integers(len(things)))]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def width(self) -> int:
        return self.pick(WIDE) if self.chance(0.04) else self.pick(WIDTHS)

    def activation(self) -> Any:
        return bump if self.chance(0.05) else self.pick(SMOOTH)

    def layers(self, width: int, depth: int) -> list[cr.Layer]:
        """Layers that keep or change the number of columns."""
        made: list[cr.Layer] = []
        for _ in range(depth):
            kind = self.pick(["dense"] * 5 + ["dropout", "batch", "layer", "residual", "join", "activation", "columns"])
            if kind == "dense":
                width = self.width()
                made.append(cr.Dense(width, self.activation(), bias=self.chance(0.8)))
            elif kind == "dropout":
                made.append(cr.Dropout(self.pick([0.1, 0.5, 0.9])))
            elif kind == "batch":
                made.append(cr.BatchNorm(momentum=self.pick([0.0, 0.9])))
            elif kind == "layer":
                made.append(cr.LayerNorm())
            elif kind == "residual":
                made.append(cr.Residual(cr.Dense(self.width(), self.activation()), cr.Dense(width, "tanh")))
            elif kind == "join" and self.chance(0.5):
                one, two = self.width(), self.width()
                made.append(cr.Join(cr.Dense(one, "tanh"), [cr.Dense(two, "relu"), cr.Dropout(0.2)]))
                width = one + two
            elif kind == "join":
                width = self.width()
                made.append(cr.Join(cr.Dense(width), cr.Dense(width, "sigmoid"), how="add"))
            elif kind == "columns":
                numbers = [int(n) for n in self.rng.integers(0, width, self.pick([1, 2, 5]))]
                made.append(cr.Columns(*numbers))
                width = len(numbers)
            else:
                made.append(cr.Activation(self.activation()))
        return made

    def loss(self, outputs: int) -> Any:
        reduction = self.pick(["mean", "sum"])
        losses = [
            cr.losses.squared_error(reduction), cr.losses.half_squared_error(reduction),
            cr.losses.mean_squared_error(reduction), cr.losses.absolute_error(reduction),
            cr.losses.huber(self.pick([1.0, 0.3]), reduction), cr.losses.hinge(reduction),
            cr.losses.poisson(reduction), cr.losses.quantile(0.3, reduction),
            cr.losses.binary_cross_entropy(reduction, self.pick([0.0, 0.1])), _asymmetric, _on_average,
        ]  # fmt: skip
        if outputs > 1:
            losses += [cr.losses.cross_entropy(reduction, self.pick([0.0, 0.1]))] * 2
        return self.pick(losses)

    def targets(self, kind: str, rows: int, outputs: int) -> Any:
        if kind == "classes":
            return self.rng.integers(0, outputs, rows)
        draws = {
            "numbers": lambda: self.rng.normal(size=(rows, outputs)),
            "binary": lambda: self.rng.integers(0, 2, (rows, outputs)).astype(float),
            "signs": lambda: self.rng.choice([-1.0, 1.0], (rows, outputs)),
            "counts": lambda: self.rng.poisson(1.5, (rows, outputs)).astype(float),
        }
        return draws[kind]()

    def schedule(self, lr: float) -> Any:
        s = cr.schedules
        return self.pick(
            [lr, lr, s.Step(lr, 0.5, 0.3), s.Exponential(lr, 0.9), s.InverseTime(lr, 2.0), s.Cosine(lr, lr / 9),
             s.OneCycle(lr), s.Warmup(lr, 0.5), s.Warmup(lr, 2.0, s.Cosine(lr)), s.ReduceOnPlateau(lr)]
        )  # fmt: skip

    def optimizer(self, kinds: Any = ("SGD", "SGD", "Adam", "AdamW", "RMSProp", "Adagrad")) -> cr.Optimizer:
        kind, common = self.pick(kinds), {}
        lr = self.schedule({"SGD": 0.02}.get(kind, 0.003))
        if self.chance(0.3):
            common["weight_decay"] = self.pick([0.01, 0.3])
        if self.chance(0.3):
            common["clip_norm"] = self.pick([0.1, 5.0])
        if self.chance(0.3):
            common["clip_value"] = self.pick([0.01, 1.0])
        if kind == "SGD":
            momentum = self.pick([0.0, 0.0, 0.9])
            return cr.SGD(lr, momentum=momentum, nesterov=bool(momentum) and self.chance(0.5), **common)
        return getattr(cr, kind)(lr, **common)


def random_weights(seed: int, loss: Any, rows: int) -> Any:
    """Weights of rows for one network in three, some of them 0."""
    rng = np.random.default_rng([seed, 1])
    if loss is _on_average or rng.random() > 0.35:
        return None
    weights = rng.choice([0.0, 0.5, 1.0, 3.7], rows, p=[0.2, 0.3, 0.3, 0.2])
    return weights if weights.any() else None


def random_training(
    seed: int,
    steps: int,
    precision: str = "float64",
    *,
    tame: bool = False,
    batches: Sequence[int] = (1, 3, 16, 17, 32),
) -> Training:
    """A random network with data, and the rows of so many steps; ``tame``: only what does not amplify rounding."""
    c = Choices(seed)
    batch_size = c.pick(batches)
    rows = batch_size if c.chance(0.2) else int(c.rng.integers(batch_size, batch_size * 3 + 2))
    width, outputs = c.width(), c.pick([1, 1, 2, 3, 10, 17])
    inputs: Any = width
    X: Any = c.rng.normal(size=(rows, width))
    first: list[cr.Layer] = []
    special = c.rng.random()
    if special < 0.12:
        other = c.pick(WIDTHS)
        inputs, X = {"X": width, "Z": other}, {"X": X, "Z": c.rng.normal(size=(rows, other))}
        first = [cr.Join(cr.Dense(5, "tanh"), [cr.Input("Z"), cr.Dense(3, "relu")])]
    elif special < 0.3:
        inputs, size, columns = None, c.pick(WIDTHS), c.pick([1, 2, 3])
        X = c.rng.integers(0, 7, (rows, columns)).astype(float)
        first = [cr.Embedding(7, size)]
        if c.chance(0.5):
            X = np.concatenate([X, c.rng.normal(size=(rows, 2))], axis=1)
            first = [cr.Join([cr.Columns(*range(columns)), cr.Embedding(7, size)], cr.Columns(columns, columns + 1))]
        inputs = X.shape[1]
    elif special < 0.4:
        inputs, X = (3, 4), c.rng.normal(size=(rows, 3, 4))
        first = [c.pick([cr.Flatten(), cr.Dense(5, "tanh")]), cr.LayerNorm(), cr.Flatten()]
    loss = c.loss(outputs)
    if first:
        width = c.pick(WIDTHS)
        first.append(cr.Dense(width, c.activation()))
    layers = [*first, *c.layers(width, int(c.rng.integers(0, 4)))]
    if tame:
        layers = [*first, cr.Dense(c.width(), c.pick(["tanh", "sigmoid", "relu"])), cr.Dropout(0.2)]
    network = cr.Network(*layers, cr.Dense(outputs), loss=loss, inputs=inputs, seed=seed % 1000, dtype=precision,
                         l1=c.pick([0.0, 0.0, 0.01]), l2=c.pick([0.0, 0.0, 0.01]))  # fmt: skip
    data = network.prepare(X, c.targets(network.loss_function.target, rows, outputs), random_weights(seed, loss, rows))
    gather = c.chance(0.8)
    if not gather:
        batch_size = rows
    order = _order(c.rng, rows, batch_size, steps) if gather else np.tile(np.arange(rows), steps)
    optimizer = c.optimizer(("SGD",) if tame else ("SGD", "SGD", "Adam", "AdamW", "RMSProp", "Adagrad"))
    theta = network.parameters.theta
    state = {"theta": theta.copy(), **{name: np.zeros_like(theta) for name in optimizer.slots}}
    state |= {name: value.copy() for name, value in network.states.items()}
    named = {f"all_{name}": value for name, value in data.items()} if gather else data
    constants = {"S": max(1.0, rows // batch_size), "T": float(steps), "key": seed, "plateau_factor": 0.7}
    return Training(network, optimizer, named, state, batch_size, gather, order, constants, precision)


def _order(rng: np.random.Generator, rows: int, batch_size: int, steps: int) -> Any:
    """Row numbers of so many steps; the last batch may be short."""
    epochs = -(-steps * batch_size // rows)
    order = np.concatenate([rng.permutation(rows) for _ in range(epochs)])[: steps * batch_size]
    return order[: len(order) - int(rng.integers(0, batch_size))] if rng.random() < 0.4 else order
