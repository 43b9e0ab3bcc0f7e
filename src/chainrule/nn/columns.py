"""Layers about the columns of their input: which ones, of what kind, in which shape."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Any

from chainrule.errors import ShapeError, require, whole_number
from chainrule.expression import Expression
from chainrule.init import Normal, Uniform, initialiser
from chainrule.nn.build import Build
from chainrule.nn.layer import Layer
from chainrule.ops.arithmetic import to_int
from chainrule.ops.arrays import concatenate, take
from chainrule.ops.elementary import cos
from chainrule.shapes import show_shape


@dataclass(frozen=True)
class Embedding(Layer):
    """Replaces each category code 0, 1, ... by a row of a learnt table, shape (categories, size).

    An input of shape (B, k) becomes (B, k size): the rows side by side.
    """

    categories: int
    size: int
    weights: Any = None

    def __post_init__(self) -> None:
        require(self.categories > 0 and self.size > 0, "an Embedding needs at least one category and one column")
        object.__setattr__(self, "weights", initialiser(self.weights) if self.weights is not None else Uniform())

    def apply(self, x: Expression, build: Build) -> Expression:
        """The rows of the table that the codes name."""
        number, columns = build.next("Embedding"), build.width(x)
        table = build.parameter(f"E{number}", (self.categories, self.size), self.weights)
        rows = take(table, x if x.dtype == "int" else to_int(x))
        return rows.reshape(*x.shape[:-1], columns * self.size).named(f"e{number}")


@dataclass(frozen=True)
class Periodic(Layer):
    """Puts waves of its first columns beside the input: [x, cos(x F + P)], each column at several frequencies.

    With them the first Dense layer can follow what bends sharply within a column. F starts at random, normal with
    standard deviation 2 pi ``scale``; P starts uniform over a whole turn. Gorishniy, Rubachev, Babenko (2022), with the
    input itself kept as in Holzmüller, Grinsztajn, Steinwart (2024).

    Args:
        columns: how many columns, from the first, are numbers to make waves of.
        frequencies: waves of each.
        scale: of the starting frequencies, in turns for each unit of x.
    """

    columns: int
    frequencies: int = 4
    scale: float = 0.1

    def __post_init__(self) -> None:
        for name in ("columns", "frequencies"):
            object.__setattr__(self, name, whole_number(f"{name} of Periodic", getattr(self, name), 1))
        require(self.scale > 0, f"the scale of Periodic must be above 0, not {self.scale!r}")

    def apply(self, x: Expression, build: Build) -> Expression:
        """X and its waves, side by side."""
        number, width = build.next("Periodic"), build.width(x)
        if width < self.columns:
            raise ShapeError(f"{build.place()} makes waves of {self.columns} columns, but its input has {width}")
        rows = (slice(None),) * (x.rank - 1)
        numbers = x if width == self.columns else x[(*rows, slice(0, self.columns))]
        waves = self.columns * self.frequencies
        frequency = build.parameter(f"F{number}", (waves,), Normal(2 * pi * self.scale), penalised=False)
        phase = build.parameter(f"P{number}", (waves,), Uniform(-pi, pi), penalised=False)
        repeated = concatenate(*[numbers] * self.frequencies, axis=-1) if self.frequencies > 1 else numbers
        return concatenate(x, cos(repeated * frequency + phase), axis=-1).named(f"p{number}")


@dataclass(frozen=True)
class Columns(Layer):
    """Picks columns of its input, by their numbers."""

    numbers: tuple[int, ...]

    def __init__(self, *numbers: int) -> None:
        object.__setattr__(self, "numbers", numbers)
        require(len(numbers) > 0, "Columns needs at least one column number")

    def apply(self, x: Expression, build: Build) -> Expression:
        """The columns, in the order given."""
        width, rows = build.width(x), (slice(None),) * (x.rank - 1)
        if not all(0 <= n < width for n in self.numbers):
            raise ShapeError(f"{build.place()}: the input has columns 0 to {width - 1}, not all of {self.numbers}")
        first, last = self.numbers[0], self.numbers[-1]
        if self.numbers == tuple(range(first, last + 1)):
            return x[(*rows, slice(first, last + 1))]
        return concatenate(*(x[(*rows, slice(n, n + 1))] for n in self.numbers), axis=-1)


@dataclass(frozen=True)
class Flatten(Layer):
    """Puts all axes but the first into one."""

    def apply(self, x: Expression, build: Build) -> Expression:
        """Rows of all the elements."""
        width = 1
        for size in x.shape[1:]:
            if not isinstance(size, int):
                raise ShapeError(f"{build.place()} needs known sizes, not {show_shape(x.shape)}")
            width *= size
        return x.reshape(x.shape[0], width)
