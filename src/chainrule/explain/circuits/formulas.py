"""Circuits and paths of formulas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chainrule.errors import ArgumentError, require
from chainrule.explain.circuits.circuit import Circuit
from chainrule.explain.circuits.gates import circuit_of
from chainrule.explain.circuits.paths import Paths
from chainrule.explain.scalars import scalars_of
from chainrule.expression import Expression
from chainrule.passes.cleanup import drop_unused
from chainrule.program import Program
from chainrule.trace import trace


def circuit(f: Expression | Program, **values: Any) -> Circuit:
    """A formula as a circuit: gates and wires, with the value and the gradient on each wire.

    Args:
        f: an expression for a single number, or a program whose first output is one.
        values: a number or an array for every symbol; without any, the circuit has no numbers.

    Returns:
        A :class:`Circuit`: ``print`` draws it with letters, ``.svg`` is the drawing, a notebook shows it.

    >>> import chainrule as cr
    >>> x, y = cr.symbols("x y")
    >>> drawn = cr.circuit(x * y + x, x=2.0, y=3.0)
    >>> drawn.gradients["x"], drawn.gradients["y"]
    (4.0, 2.0)
    """
    require(isinstance(f, Expression | Program), f"a circuit is made of an expression or a program, not of {f!r}")
    program = trace({"f": f}, name="f") if isinstance(f, Expression) else f
    program = drop_unused(replace(program, outputs=program.outputs[:1]))
    label, atom = program.outputs[0]
    shape = getattr(atom, "shape", ())
    if shape != ():
        raise ArgumentError(
            f"a circuit computes one number, but {label} has shape {shape}: take a sum or an element of it"
        )
    if not values:
        return circuit_of(scalars_of(program, {}))
    from chainrule.engines.numpy import prepare

    given = prepare(program, values, "float64")
    sizes = {size: given[name].shape[axis] for size, (name, axis) in program.sizes.items()}
    scalars = scalars_of(program, sizes)
    return circuit_of(scalars, scalars.values(given))


def paths(f: Expression | Program, name: str, **values: Any) -> Paths:
    """Every path from a formula to one of its symbols, each with its factors; their sum is the derivative.

    Args:
        f: an expression for a single number, or a program whose first output is one.
        name: a symbol, or an element of one (``"W[0,1]"``).
        values: a number or an array for every symbol, to see numbers too.

    >>> import chainrule as cr
    >>> x3, x4, x5, w3, w4 = cr.symbols("x3 x4 x5 w3 w4")
    >>> ways = cr.paths((x3 + x5) - cr.sigmoid(w3 * x3 + w4 * x4), "x3", x3=1, x4=2, x5=0.5, w3=-1, w4=0.5)
    >>> [way.value for way in ways.paths], ways.value
    ([1.0, 0.25], 1.25)
    """
    made = circuit(f, **values)
    return Paths(made, made.check_name(name))
