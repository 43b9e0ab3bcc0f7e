"""What a program costs before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chainrule.program import Program, Var
from chainrule.shapes import Shape, count

ITEM_BYTES = {"int": 8, "bool": 1}


@dataclass(frozen=True)
class Cost:
    """Floating-point operations, and bytes of everything that a run computes."""

    flops: int
    bytes: int


def cost(program: Program, sizes: Mapping[str, int], precision: str = "float32") -> Cost:
    """The cost of one run for given values of the named sizes.

    A product of (m, k) and (k, n) counts 2 m k n operations; elementwise operations one for each element.
    """
    flops = total = 0
    for equation in program.equations:
        shapes: list[Shape] = [a.shape if isinstance(a, Var) else () for a in equation.arguments]
        flops += count(equation.operation.flops(equation.target.shape, *shapes), sizes)
        total += count(equation.target.shape, sizes) * item_bytes(equation.target.dtype, precision)
    return Cost(flops, total)


def item_bytes(dtype: str, precision: str) -> int:
    """Bytes of one element."""
    return ITEM_BYTES.get(dtype, 4 if precision == "float32" else 8)
