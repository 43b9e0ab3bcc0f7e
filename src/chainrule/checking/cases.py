"""Arguments on which an operation is tried, drawn from what its record says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from chainrule.derivation import derive_program
from chainrule.errors import NotDifferentiableError
from chainrule.expression import Example, Expression, Operation, symbol
from chainrule.ops.reductions import sum as total
from chainrule.program import Program
from chainrule.shapes import DType, Shape, concrete, show_shape
from chainrule.trace import trace

Array: TypeAlias = NDArray[Any]

ELEMENTWISE_SHAPES: tuple[tuple[Shape, ...], ...] = (
    ((),),
    ((3,),),
    ((1,),),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((), (2, 1, 3)),
)
"""Shapes on which an operation without examples is tried; each row is repeated over the arguments."""

INTEGERS: Mapping[str, int | None] = {"indices": None, "key": 1000, "step": 1000}
"""Arguments of these names hold whole numbers below the bound; indices, below the number of rows."""

CONDITION = "condition"
"""Arguments of this name hold truth values."""

SIZES: Mapping[str, int] = {"B": 3}
"""Values of named sizes."""

SMALL = 1e-8


@dataclass(frozen=True, eq=False)
class Case:
    """An operation with values for its arguments, and for the gradient ``g`` that comes in."""

    operation: Operation
    arguments: tuple[Array, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    g_scale: float = 1.0

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name for each argument."""
        if self.operation.variadic:
            stem = self.operation.arguments[0].removeprefix("*")
            return tuple(f"{stem}_{i}" for i in range(1, len(self.arguments) + 1))
        return self.operation.arguments

    @cached_property
    def symbols(self) -> tuple[Expression, ...]:
        """The arguments as symbols; where there are none, data that carries the named size ``B``."""
        if not self.names:
            return (symbol("rows", ("B",)),)
        kinds: dict[str, DType] = {"f": "float", "i": "int", "b": "bool"}
        return tuple(
            symbol(name, value.shape, kinds[value.dtype.kind])
            for name, value in zip(self.names, self.arguments, strict=True)
        )

    @cached_property
    def result(self) -> Expression:
        """The operation applied to the symbols."""
        return self.operation(*(self.symbols if self.names else ()), **self.attributes)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All attributes, those of the record included."""
        return dict(self.operation.attributes) | dict(self.attributes)

    @cached_property
    def values(self) -> dict[str, Array]:
        """The arguments by name."""
        return dict(zip(self.names, self.arguments, strict=True)) if self.names else {"rows": np.ones(SIZES["B"])}

    @cached_property
    def program(self) -> Program:
        """The operation as a program."""
        return trace({"result": self.result}, name="value", inputs=self.symbols)

    @cached_property
    def g(self) -> Array:
        """A gradient to come in, neither 1 nor the same everywhere."""
        generator = np.random.default_rng(7)
        shape = concrete(self.result.shape, SIZES)
        signs = generator.choice([-1, 1], shape)
        return np.asarray(self.g_scale * signs * generator.uniform(0.5, 1.5, shape))

    @cached_property
    def pulled(self) -> Program:
        """The single number ``sum(g * result)``, whose derivatives are what the rule sends back."""
        g = symbol("g_in", self.result.shape)
        return trace({"value": total(g * self.result)}, name="value", inputs=[*self.symbols, g])

    @cached_property
    def differentiable(self) -> tuple[str, ...]:
        """The arguments by which the operation has a derivative."""
        if self.result.dtype != "float":
            return ()
        return tuple(name for name, a in zip(self.names, self.arguments, strict=True) if self._varies(name, a))

    def _varies(self, name: str, value: Array) -> bool:
        if value.dtype.kind != "f":
            return False
        try:
            derive_program(self.pulled, [name])
        except NotDifferentiableError:
            return False
        return True

    def __str__(self) -> str:
        pairs = zip(self.names, self.arguments, strict=True)
        shapes = ", ".join(f"{name} {show_shape(value.shape)}" for name, value in pairs)
        settings = "".join(f", {key}={value}" for key, value in self.attributes.items())
        return f"{self.operation.name}({shapes}{settings})"


def cases(operation: Operation) -> list[Case]:
    """Arguments inside the domain, for every example of the record, and some of size 1e-8."""
    generator = np.random.default_rng(crc32(operation.name.encode()))
    examples = operation.examples or _elementwise_examples(operation)
    drawn = [draw(operation, example, generator) for example in examples]
    largest = max(drawn, key=lambda case: max((a.size for a in case.arguments), default=0))
    return [*drawn, replace(largest, g_scale=SMALL), replace(largest, arguments=_shrunk(largest))]


def _elementwise_examples(operation: Operation) -> list[Example]:
    count = len(operation.arguments)
    repeated = [tuple(row[i % len(row)] for i in range(count)) for row in ELEMENTWISE_SHAPES]
    return [Example(shapes) for shapes in dict.fromkeys(repeated)]


def draw(operation: Operation, example: Example, generator: np.random.Generator) -> Case:
    """Arguments of the example's shapes; floats lie inside the domain and are exact in float32."""
    arguments: list[Array] = []
    for position, shape in enumerate(example.shapes):
        sizes = concrete(shape, SIZES)
        name = operation.arguments[0 if operation.variadic else position]
        if name == CONDITION:
            arguments.append(np.asarray(generator.random(sizes) > 0.5))
        elif name in INTEGERS:
            into = example.attributes.get("shape", example.shapes[0])
            arguments.append(np.asarray(generator.integers(0, INTEGERS[name] or into[0], sizes)))
        else:
            low, high = domain(operation, position)
            arguments.append(np.asarray(generator.uniform(low, high, sizes), np.float32).astype(np.float64))
    return Case(operation, tuple(arguments), example.attributes)


def domain(operation: Operation, position: int) -> tuple[float, float]:
    """The interval from which the argument in that position is drawn; the last one repeats."""
    return operation.domain[min(position, len(operation.domain) - 1)]


def tied(case: Case) -> Case:
    """The case with all elements of an argument equal, which is a kink of maxima."""
    arguments = []
    for position, a in enumerate(case.arguments):
        low, high = domain(case.operation, position)
        arguments.append(np.full(a.shape, 0.4 * low + 0.6 * high) if a.dtype.kind == "f" else a)
    return replace(case, arguments=tuple(arguments))


def _shrunk(case: Case) -> tuple[Array, ...]:
    """The arguments scaled to 1e-8, where their domain reaches there."""
    shrunk = []
    for position, a in enumerate(case.arguments):
        low, high = domain(case.operation, position)
        inside = a.dtype.kind == "f" and low <= 0 <= high
        shrunk.append((SMALL * a).astype(np.float32).astype(np.float64) if inside else a)
    return tuple(shrunk)
