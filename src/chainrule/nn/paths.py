"""Layers made of layers: paths that leave the main one, and meet again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from chainrule.errors import ShapeError, require
from chainrule.expression import Expression
from chainrule.nn.build import Build
from chainrule.nn.layer import Layer, as_layers
from chainrule.ops.arrays import concatenate
from chainrule.shapes import show_shape


@dataclass(frozen=True)
class Input(Layer):
    """Starts a branch from the input of that name, for networks with several inputs."""

    name: str

    def apply(self, x: Expression, build: Build) -> Expression:
        """The input."""
        return build.input(self.name)


@dataclass(frozen=True)
class Residual(Layer):
    """Adds its input to what its layers make of it: s = x + f(x). He, Zhang, Ren, Sun (2016)."""

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer) -> None:
        object.__setattr__(self, "layers", as_layers(layers))

    def apply(self, x: Expression, build: Build) -> Expression:
        """X + f(x)."""
        y = build.run(self.layers, x)
        if y.shape != x.shape:
            raise ShapeError(
                f"{build.place()} adds {show_shape(y.shape)} to {show_shape(x.shape)}: "
                f"its last layer must have {x.shape[-1]} units"
            )
        return (x + y).named(f"s{build.next('Residual')}")


@dataclass(frozen=True)
class Join(Layer):
    """Several paths from one input, or from inputs of their own (:class:`Input`), that meet.

    Args:
        branches: layers, or sequences of layers.
        how: ``"concatenate"`` puts the results side by side, ``"add"`` adds them, ``"average"`` takes their mean.
    """

    branches: tuple[tuple[Layer, ...], ...]
    how: Literal["concatenate", "add", "average"]

    def __init__(self, *branches: Any, how: Literal["concatenate", "add", "average"] = "concatenate") -> None:
        paths = tuple(as_layers(b if isinstance(b, list | tuple) else (b,)) for b in branches)
        require(len(paths) > 1, "Join needs at least two branches")
        known = ("concatenate", "add", "average")
        require(how in known, f"branches join by 'concatenate', 'add' or 'average', not {how!r}")
        object.__setattr__(self, "branches", paths)
        object.__setattr__(self, "how", how)

    def apply(self, x: Expression, build: Build) -> Expression:
        """The joined results."""
        results = []
        for number, branch in enumerate(self.branches, 1):
            build.where.append(f"branch {number}")
            results.append(build.run(branch, x))
            build.where.pop()
        name = f"j{build.next('Join')}"
        if self.how == "concatenate":
            return concatenate(*results, axis=-1).named(name)
        total = results[0]
        for result in results[1:]:
            if result.shape != total.shape:
                raise ShapeError(f"{build.place()} cannot add {show_shape(total.shape)} and {show_shape(result.shape)}")
            total = total + result
        return (total / len(results) if self.how == "average" else total).named(name)
