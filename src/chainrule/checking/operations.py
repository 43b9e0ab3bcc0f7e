"""An operation on everything that its record says it is to be tried on, as one program."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from chainrule.checking.cases import Array, Case, cases, tied
from chainrule.derivation import derive_program
from chainrule.errors import NotDifferentiableError
from chainrule.expression import REGISTRY, Expression, Operation, symbol
from chainrule.ops.reductions import sum as total
from chainrule.program import Program
from chainrule.trace import trace


def program_of(operation: Operation) -> tuple[Program, dict[str, Array]]:
    """A single number that depends on each case of an operation, derived by the arguments of all, and their values.

    The cases are arguments inside the domain, for each example of the record; some of size 1e-8; the kinks; and ties.
    Arguments carry the number of their case: ``x_1``, ``x_2``, ...

    Raises:
        NotDifferentiableError: if it has no derivative by any of its arguments.
    """
    terms: list[Expression] = []
    inputs: list[Expression] = []
    values: dict[str, Any] = {}
    wrt: list[str] = []
    for number, case in enumerate(filter(lambda case: case.differentiable, _all_cases(operation)), start=1):
        names = [f"{name}_{number}" for name in case.names]
        symbols = [symbol(n, s.shape, s.dtype) for n, s in zip(names, case.symbols, strict=True)]
        result = operation(*symbols, **case.attributes)
        g = symbol(f"g_{number}", result.shape)
        terms.append(total(g * result))
        inputs += [*symbols, g]
        values |= dict(zip(names, case.arguments, strict=True)) | {f"g_{number}": case.g}
        wrt += [f"{name}_{number}" for name in case.differentiable]
    if not terms:
        raise NotDifferentiableError(f"{operation.name} has no derivative by any of its arguments: nothing to check")
    value = reduce(REGISTRY["add"], terms)
    return derive_program(trace({"value": value}, name=operation.name, inputs=inputs), wrt), values


def _all_cases(operation: Operation) -> list[Case]:
    drawn = cases(operation)
    kinks = [Case(operation, tuple(np.asarray(p, np.float64) for p in kink.point)) for kink in operation.kinks]
    ties = [] if operation.analytic else [tied(drawn[0])]
    return [*drawn, *kinks, *ties]
