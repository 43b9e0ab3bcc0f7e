"""Wrong versions of a formula that people write: another index, a sign, a lost term or function."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from chainrule.explain import Gate
from chainrule.expression import REGISTRY, Expression, lift, symbol


@dataclass(frozen=True, eq=False)
class Variation:
    """A wrong version of a formula: what kind of slip, in words, and the formula.

    ``group`` is the same for the same slip in formulas of the same form.
    """

    kind: str
    words: str
    formula: Expression
    group: str = ""


Show: TypeAlias = Callable[[str], str]
"""How a name is written."""


def renamed(node: Expression, names: Mapping[str, Expression]) -> Expression:
    """The formula with other expressions in the place of names."""
    if node.name is not None:
        return names.get(node.name, symbol(node.name))
    if node.operation is None:
        return node
    return node.operation(*(renamed(a, names) for a in node.arguments), **node.attributes)


def names_in(node: Expression) -> list[str]:
    """The names of a formula, in the order in which a reader meets them."""
    if node.name is not None:
        return [node.name]
    return list(dict.fromkeys(name for a in node.arguments for name in names_in(a)))


def indices(formula: Expression, siblings: Callable[[str], Iterable[str]], show: Show) -> Iterator[Variation]:
    """Another element where one belongs."""
    for name in names_in(formula):
        for other in siblings(name):
            words = f"{show(other)} stands where {show(name)} belongs"
            yield Variation("index", words, renamed(formula, {name: symbol(other)}))


def stages(formula: Expression, partners: Mapping[str, str], show: Show) -> Iterator[Variation]:
    """The argument of an activation where its value belongs, and the other way round."""
    for name in names_in(formula):
        if name in partners:
            words = f"{show(partners[name])} stands where {show(name)} belongs"
            yield Variation("activation", words, renamed(formula, {name: symbol(partners[name])}))


def exchanged(formula: Expression, pairs: Iterable[tuple[str, str]], show: Show) -> Iterator[Variation]:
    """Target and prediction in each other's place."""
    names = names_in(formula)
    for one, other in pairs:
        if one in names and other in names:
            swapped = renamed(formula, {one: symbol(other), other: symbol(one)})
            words = f"target and prediction, {show(one)} and {show(other)}, have changed places"
            yield Variation("target and prediction", words, swapped, "exchanged")


SCALES = (
    ("sign", "the sign is wrong", -1.0),
    ("factor 2", "it is twice as large as it should be: a factor 2 too many, or a 1/2 is missing", 2.0),
    ("factor 2", "it is half as large as it should be: a factor 2 is missing, or a 1/2 too many", 0.5),
)
"""Numbers by which a whole formula is multiplied: the kind of slip, words, the number."""


def parts(formula: Expression, show: Show) -> Iterator[Variation]:
    """Another function in every place, or one part of the formula lost or changed."""
    for name, (kind, words, change) in _EVERYWHERE.items():
        changed = _everywhere(formula, name.split()[0], change)
        if changed is not None:
            yield Variation(kind, words, changed, name)
    for place, found in _rewritten(formula, lambda node: _changed(node, show)):
        yield Variation(found.kind, found.words, place, found.group)


def _rewritten(
    node: Expression, change: Callable[[Expression], Iterable[Variation]]
) -> Iterator[tuple[Expression, Variation]]:
    """The formula with one of its nodes changed, in every way."""
    if node.name is not None or node.operation is None:
        return
    for found in change(node):
        yield found.formula, found
    for i, argument in enumerate(node.arguments):
        for inner, found in _rewritten(argument, change):
            arguments = [inner if j == i else a for j, a in enumerate(node.arguments)]
            yield node.operation(*arguments, **node.attributes), found


def _changed(node: Expression, show: Show) -> Iterator[Variation]:
    assert node.operation is not None
    name, arguments = node.operation.name, node.arguments
    if name in ("add", "subtract"):
        yield from _sum(name, arguments[0], arguments[1], show)
    elif name == "power":
        yield Variation("power", "the square is missing", arguments[0], "power")
    elif name == "negative":
        yield Variation("sign", "the minus sign is missing", arguments[0], "negative")
    elif name == "multiply":
        for kept, lost in (arguments, arguments[::-1]):
            shown = _shown(lost, show)
            yield Variation("missing part", f"the factor {shown} is missing", kept, "factor")
    elif name == "divide" and names_in(arguments[1]):
        yield Variation("missing part", f"the divisor {_shown(arguments[1], show)} is missing", arguments[0], "divisor")
    elif len(arguments) == 1 and node.operation.kind == "float":
        yield from _function(name, arguments[0], show)


def _sum(name: str, left: Expression, right: Expression, show: Show) -> Iterator[Variation]:
    bias = names_in(right)[:1]
    lost = "bias" if right.name is not None and bias[0].startswith("b") else "missing term"
    shown = _shown(right, show)
    yield Variation(lost, f"the {'bias' if lost == 'bias' else 'term'} {shown} is missing", left, f"{lost} right")
    yield Variation("missing term", f"the term {_shown(left, show)} is missing",
                    right if name == "add" else -right, "term left")  # fmt: skip
    other = REGISTRY["subtract" if name == "add" else "add"](left, right)
    yield Variation("sign", f"the sign of {shown} is wrong", other, "sign right")


def _function(name: str, argument: Expression, show: Show) -> Iterator[Variation]:
    inside = _shown(argument, show)
    kind = "activation" if name in _ACTIVATIONS else "missing function"
    yield Variation(kind, f"{name}({inside}) is needed, not {inside} itself", argument, f"without {name}")
    if name in _ACTIVATIONS:
        for other in _ACTIVATIONS:
            if other != name:
                words = f"{other} was taken where {name} belongs"
                yield Variation("other function", words, REGISTRY[other](argument), f"{other} for {name}")


def _everywhere(node: Expression, name: str, change: Callable[[Expression], Expression]) -> Expression | None:
    """The formula with a function changed wherever it occurs; nothing where it does not."""
    if node.name is not None or node.operation is None:
        return None
    changed = [_everywhere(a, name, change) for a in node.arguments]
    mine = node.operation.name == name
    if not mine and all(c is None for c in changed):
        return None
    arguments = [a if c is None else c for a, c in zip(node.arguments, changed, strict=True)]
    return change(arguments[0]) if mine else node.operation(*arguments, **node.attributes)


def _of_degrees(name: str, angle: Expression) -> Expression:
    return REGISTRY[name](angle * (math.pi / 180))


_EVERYWHERE: dict[str, tuple[str, str, Callable[[Expression], Expression]]] = {
    "log 10": (
        "logarithm",
        "the logarithm to base 10 was taken where the natural one belongs",
        lambda x: REGISTRY["log"](x) / math.log(10),
    ),
    "log 2": (
        "logarithm",
        "the logarithm to base 2 was taken where the natural one belongs",
        lambda x: REGISTRY["log"](x) / math.log(2),
    ),
    "sin in degrees": ("degrees", "angles were taken in degrees where radians belong", lambda x: _of_degrees("sin", x)),
    "cos in degrees": ("degrees", "angles were taken in degrees where radians belong", lambda x: _of_degrees("cos", x)),
}
"""Functions that are taken for others throughout: the name, then kind, words and what was taken."""

_ACTIVATIONS = ("sigmoid", "tanh", "relu")


def _shown(node: Expression, show: Show) -> str:
    """A part of a formula in words: as it is where it is short."""
    if node.literal is not None:
        return f"{node.literal:g}"
    names = [show(name) for name in names_in(node)]
    if node.name is not None:
        return names[0]
    return f"with {' and '.join(names)}" if len(names) <= 2 else f"with {names[0]}, {names[1]}, ..."


def slopes(partial: Expression, value: str, by: str, formula: Expression, show: Show) -> Iterator[Variation]:
    """Wrong versions of the derivative of an activation ``value = f(by)``."""
    one = len(formula.arguments) == 1 and formula.arguments[0].name == by
    if not one or formula.operation is None or formula.operation.name in ("negative", "exp", "log", "sqrt"):
        return
    name = formula.operation.name
    words = f"the derivative of the activation, {name}'({show(by)}), is missing"
    yield Variation("activation derivative", words, lift(1.0), "slope missing")
    at_value = renamed(partial, {by: symbol(value), value: formula.operation(symbol(value))})
    words = f"the derivative of {name} was taken at {show(value)} where {show(by)} belongs"
    yield Variation("place of derivative", words, at_value, "slope at value")
    if value in names_in(partial):
        words = f"{show(by)} stands where {show(value)} = {name}({show(by)}) belongs"
        yield Variation("place of derivative", words, renamed(partial, {value: symbol(by)}), "slope of argument")
    words = f"{name}({show(by)}) itself was taken where its derivative belongs"
    yield Variation("activation derivative", words, symbol(value), "value for slope")
    for other in _ACTIVATIONS:
        if other != name:
            words = f"the derivative of {other} was taken where that of {name} belongs"
            for formula in _slopes_of(other, by, value):
                yield Variation(
                    "other function", words, formula, f"slope of {other} from {names_in(formula)[:1] != [by]}"
                )


def _slopes_of(name: str, by: str, value: str) -> list[Expression]:
    """The derivative of an activation, worked out from the value that is there, and from the argument."""
    partial = Gate(value, (by,), REGISTRY[name](symbol(by))).partials[by]
    return [renamed(partial, {}), renamed(partial, {value: REGISTRY[name](symbol(by))})]


def factors(partial: Expression, show: Show) -> Iterator[Variation]:
    """The whole factor lost, taken twice, or upside down."""
    shown = _shown(partial, show)
    if not names_in(partial):
        return
    yield Variation("missing factor", f"the factor {shown} is missing", lift(1.0), "factor missing")
    yield Variation("factor twice", f"the factor {shown} was taken twice", partial * partial, "factor twice")
    yield Variation("upside down", f"it was divided by {shown} where it has to be multiplied", 1 / partial, "inverse")
