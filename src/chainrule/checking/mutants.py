"""Wrong operations, to test the tests: each rule broken in every way that is easily overlooked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from chainrule.checking.cases import cases
from chainrule.expression import REGISTRY, Expression, Operation, Spelling, lift, symbol
from chainrule.ops.arrays import broadcast_to
from chainrule.show import to_python
from chainrule.trace import trace

Change: TypeAlias = Callable[[Expression, Expression], Expression]

CHANGES: dict[str, Change] = {
    "sign": lambda adjoint, x: -adjoint,
    "times 1.001": lambda adjoint, x: 1.001 * adjoint,
    "an extra term": lambda adjoint, x: adjoint + 0.001 * x,
}
"""What is done to an adjoint, from it and its argument."""


def mutants(operation: Operation) -> Iterator[tuple[str, Operation]]:
    """Copies of an operation with a wrong rule, each with what is wrong.

    For each argument: the sign, a factor 1.001, an extra term, and each term or factor of the rule dropped.
    Where the rule follows from the expansion, an identity with a wrong slope stands before the argument.

    >>> import chainrule as cr
    >>> from chainrule.checking.mutants import mutants
    >>> for what, mutant in mutants(cr.operations["exp"]): print(what)
    x: sign
    x: times 1.001
    x: an extra term
    x: g * y without y
    x: g * y without g
    """
    case = next((c for c in cases(operation) if c.differentiable), None)
    if case is None:
        return
    for position, name in enumerate(case.names):
        if name not in case.differentiable:
            continue
        if operation.vjp is None:
            for what, change in CHANGES.items():
                yield f"{name}: {what}", _with_expansion(operation, position, change)
            yield f"{name}: dropped", _with_expansion(operation, position, lambda g, x: lift(0.0))
            continue
        g, y = symbol("g", case.result.shape), symbol("y", case.result.shape, facts=case.result.facts)
        rule = _adjoints(operation, g, y, *case.symbols, **case.settings)[position]
        assert rule is not None  # or the case would not be differentiable
        for what, change in CHANGES.items():
            # The sign and a multiple of zero are zero.
            if rule.literal != 0 or what == "an extra term":
                yield f"{name}: {what}", _with_rule(operation, position, change)
        for number, part in enumerate(_parts(rule, {id(e) for e in (g, y, *case.symbols)})):
            what = f"{_brief(part.whole)} without {_brief(part.dropped)}"
            yield f"{name}: {what}", _with_rule(operation, position, None, number)


def _adjoints(operation: Operation, *arguments: Expression, **attributes: Any) -> list[Expression | None]:
    """What the rule sends back, numbers as expressions."""
    assert operation.vjp is not None
    return [a if a is None else lift(a) for a in operation.vjp(*arguments, **attributes)]


def _with_rule(operation: Operation, position: int, change: Change | None, part: int = 0) -> Operation:
    """The operation with one adjoint changed, or with a part of it dropped."""

    def wrong(g: Expression, y: Expression, *arguments: Expression, **attributes: Any) -> list[Any]:
        adjoints = _adjoints(operation, g, y, *arguments, **attributes)
        adjoint = adjoints[position]
        assert adjoint is not None
        if change is not None:
            adjoints[position] = change(adjoint, arguments[position])
            return adjoints
        leaves = {id(e) for e in (g, y, *arguments)}
        found = list(_parts(adjoint, leaves))
        if part < len(found):  # other shapes may have rules with fewer parts
            adjoints[position] = _replaced(adjoint, found[part].whole, found[part].rest, leaves)
        return adjoints

    return replace(operation, vjp=wrong)


def _with_expansion(operation: Operation, position: int, change: Change) -> Operation:
    """The operation with an identity of a wrong slope before one argument of its expansion."""
    assert operation.expansion is not None
    expansion = operation.expansion
    identity = Operation(
        "identity", ("x",), lambda x: x, Spelling("{x}", 0), Spelling("{x}", 0), Spelling("{x}", 0),
        vjp=lambda g, y, x: (change(g, x),),
    )  # fmt: skip

    def wrong(*arguments: Expression, **attributes: Any) -> Expression:
        changed = [identity(a) if i == position else a for i, a in enumerate(arguments)]
        return expansion(*changed, **attributes)

    return replace(operation, expansion=wrong)


class _Part(NamedTuple):
    """A term or factor of a rule: where it stands, and what is left of that without it."""

    whole: Expression
    dropped: Expression
    rest: Expression


def _parts(node: Expression, leaves: set[int]) -> Iterator[_Part]:
    """Each term or factor of a rule that can be dropped with a difference, arguments first."""
    if id(node) in leaves or node.operation is None:
        return
    for argument in node.arguments:
        yield from _parts(argument, leaves)
    if node.operation.name not in ("add", "subtract", "multiply", "divide", "power"):
        return
    x, y = node.arguments
    # To drop a factor 1 or a term 0 changes nothing.
    neutral = 0 if node.operation.name in ("add", "subtract") else 1
    if _number(y) != neutral:
        yield _Part(node, y, x)
    if _number(x) != neutral:
        yield _Part(node, x, {"subtract": -y, "divide": 1.0 / y}.get(node.operation.name, y))


def _number(node: Expression) -> float | None:
    """The number that an expression is, if it is one, in whatever precision."""
    is_constant = node.operation is not None and node.operation.name == "constant"
    return node.arguments[0].literal if is_constant else node.literal


def _replaced(node: Expression, old: Expression, new: Expression, leaves: set[int]) -> Expression:
    """``node`` with ``new`` in the place of ``old``, stretched to its shape."""
    if node is old:
        new = REGISTRY["to_float"](new) if new.dtype != "float" else new
        return new if new.shape == old.shape else broadcast_to(new, shape=old.shape)
    if id(node) in leaves or node.operation is None:
        return node
    arguments = [_replaced(a, old, new, leaves) for a in node.arguments]
    if all(a is b for a, b in zip(arguments, node.arguments, strict=True)):
        return node
    return node.operation(*arguments, **node.attributes)


def _brief(node: Expression) -> str:
    """A rule or a part of it, in the words of the printed program."""
    program = trace({"it": node})
    last = to_python(program, comments=False).rstrip().split("\n")[-2]
    if node.operation is None:
        return str(node.name or node.literal)
    return last.partition(" = ")[2]
