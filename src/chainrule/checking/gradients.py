"""``cr.check``: gradients held against slopes that are measured without the chain rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from chainrule.certificates.certificate import Certificate, Finding
from chainrule.certificates.judge import judge
from chainrule.checking.describe import describe
from chainrule.checking.findings import first_wrong_line
from chainrule.checking.functions import check_functions
from chainrule.checking.operations import program_of
from chainrule.checking.sampling import ELEMENTS
from chainrule.errors import ArgumentError, require
from chainrule.expression import Expression, Operation
from chainrule.program import Program
from chainrule.runnable import derive


def check(
    subject: Program | Expression | Operation | Callable[..., Any],
    backward: Callable[..., Any] | None = None,
    /,
    *arrays: Any,
    elements: int | Literal["all"] = ELEMENTS,
    **values: Any,
) -> Certificate:
    """Check derivatives at a point, without the chain rule.

    ``cr.check(program, x=2.0)`` runs a derived program and holds each derivative against the slope of its value.
    ``cr.check(operation)`` does so for an operation's rule, on everything that its record says it is to be tried on.
    ``cr.check(forward, backward, x, w)`` takes two functions of yours: the first returns a number (or an array), the
    second its derivative by each argument, in order or by name (for an array: of its sum under weights, which it gets
    as a last argument, ``g``).

    The slope is measured by a complex step, ``Im f(x + i h) / h``, and by a ladder of central differences where that
    cannot be. A derivative holds where it is no further from the slope than ``64 eps T``: ``T`` is the size of the
    numbers that were added up to make the derivative, found by following the rounding error of every operation to the
    result. Where the slopes on the two sides differ, it must lie between them and be the one that the operations'
    records choose. Everything is computed in float64; random masks and whole numbers are held fixed.

    Args:
        subject: what to check: a derived program, an expression, an operation, or a function.
        backward: the second function.
        arrays: arguments of the two functions, in order.
        elements: how many derivatives to check at most, taken evenly from all inputs; ``"all"`` for every one.
        values: of the program's inputs, or arguments of the two functions by name.

    Returns:
        The certificate: true if all hold; ``print`` it to read it.

    Raises:
        ArgumentError: for something that has no derivatives.
        DataError: where the value is not finite.

    >>> import chainrule as cr
    >>> x, w, b = cr.symbols("x w b")
    >>> certificate = cr.check(cr.derive(cr.sigmoid(w * x + b)), x=2.0, w=-1.0, b=0.5)
    >>> bool(certificate), certificate.max_error < 1e-15
    (True, True)
    >>> wrong = cr.check(lambda x: x**2, lambda x: x, 3.0)
    >>> wrong.finding.cause
    'a factor 2 is missing'
    """
    if isinstance(subject, Program | Expression | Operation):
        given = backward is None and not arrays
        require(given, "give values by name, as in cr.check(program, x=2.0)")
    if isinstance(subject, Operation):
        require(not values, "an operation is checked on the cases of its record: it takes no values")
        program, cases = program_of(subject)
        return check_program(program, cases, f"the operation {subject.name}", "all")
    if isinstance(subject, Program | Expression):
        program = derive(subject) if isinstance(subject, Expression) else subject
        return check_program(program, values, program.name, elements)
    if not callable(subject) or not callable(backward):
        raise ArgumentError(
            f"check takes a derived program, an operation, or two functions (forward and backward), not {subject!r:.60}"
        )
    return check_functions(subject, backward, arrays, values, elements)


def check_program(program: Program, values: Mapping[str, Any], subject: str, elements: int | str) -> Certificate:
    """The certificate of a derived program at one point."""
    statement = describe(program, values, elements)
    comparisons = judge(statement)
    finding: Finding | None = None
    if not all(c.holds.all() for c in comparisons):
        finding = first_wrong_line(program, values, comparisons)
    return Certificate(subject, statement.forward().value, comparisons, finding, statement)
