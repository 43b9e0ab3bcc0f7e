"""Expressions as mathematics: with names, and with numbers put in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite

from chainrule.document import Formula
from chainrule.explain.writing.letters import plain
from chainrule.expression import Expression, Operation, Spelling
from chainrule.program import Equation, Var
from chainrule.shapes import Shape
from chainrule.show.latex import latex_number
from chainrule.show.layout import Written, spell
from chainrule.show.numbers import exact_text, number_latex, number_text

MOST_DIGITS = 10
"""Characters of a number up to which a formula shows all its digits."""

MOST_DIVISOR = 1000
"""Up to here, a number of many digits that is a quotient of whole numbers is written as one."""

Namer = Callable[[str], Formula]
"""How a named scalar is written."""


def content(node: Expression) -> object:
    """What makes two expressions the same: operation and arguments, down to names and numbers."""
    if node.literal is not None or node.name is not None:
        return node.literal if node.name is None else node.name
    assert node.operation is not None
    return (node.operation.name, *(content(a) for a in node.arguments))


@dataclass(frozen=True)
class Writer:
    """Writes scalar expressions in a notation.

    Names inside an expression stand for themselves: ``h1 (1 - h1)`` is written so even where the expression knows how
    ``h1`` is computed.

    Args:
        name: how a named scalar is written.
        sigma: how the logistic function is written in LaTeX.
        function: a letter for the function that an expression applies to one name; empty to write it by its own name.
    """

    name: Namer
    sigma: str = r"\sigma"
    function: str = ""

    def formula(self, expression: Expression) -> Formula:
        """The expression with names."""
        return self._both(expression, None)

    def numbers(self, expression: Expression, values: Mapping[str, float]) -> Formula:
        """The expression with the value of each name in its place."""
        return self._both(expression, values)

    def _both(self, root: Expression, values: Mapping[str, float] | None) -> Formula:
        latex, text = (
            str(self._written(root, leaf, inside=False)) for leaf in (self._latex(values), self._text(values))
        )
        return Formula(latex, text)

    def _written(self, node: Expression, leaf: _Leaves, *, inside: bool = True) -> Written:
        if node.literal is not None:
            return leaf.number(node.literal)
        if node.operation is not None and node.operation.name == "constant":
            return self._written(node.arguments[0], leaf)
        if node.name is not None and (inside or node.operation is None):
            return leaf.name(node.name, node.shape)
        operation = node.operation
        assert operation is not None
        operands = [self._written(a, leaf) for a in node.arguments]
        if operation.name == "negative" and str(self._written(_leading(node.arguments[0]), leaf)) == "0":
            return operands[0]
        equation = Equation(Var("it", node.shape, node.dtype), operation, (), tuple(node.attributes.items()))
        if self.function and not inside and applied(node) is not None:
            return Written(f"{leaf.letter(self.function)}({operands[0]})", shape=node.shape)
        return spell(leaf.spelling(operation), equation, operands)

    def _latex(self, values: Mapping[str, float] | None) -> _Leaves:
        def spelling(operation: Operation) -> Spelling:
            if operation.name == "sigmoid":
                return Spelling(rf"{self.sigma}({{x}})")
            if operation.name == "multiply":
                return Spelling(_times if values is not None else _beside, 20)
            return operation.latex

        def name(name: str, shape: Shape) -> Written:
            if values is None:
                return Written(self.name(name).latex, shape=shape)
            return _signed(number_latex(values[name]), values[name])

        return _Leaves(name, _literal_latex, spelling, str)

    def _text(self, values: Mapping[str, float] | None) -> _Leaves:
        def name(name: str, shape: Shape) -> Written:
            if values is None:
                text = self.name(name).text
                return Written(text, 20 if text.startswith("∂") else 100, shape=shape)
            return _signed(number_text(values[name]), values[name])

        return _Leaves(name, _literal_text, _terminal, plain)


@dataclass(frozen=True)
class _Leaves:
    """How a form writes names, numbers and operations."""

    name: Callable[[str, Shape], Written]
    number: Callable[[float | int], Written]
    spelling: Callable[[Operation], Spelling]
    letter: Callable[[str], str]


def applied(node: Expression) -> Operation | None:
    """The function that an expression applies to one name, if that is all it does."""
    one = len(node.arguments) == 1 and node.arguments[0].name is not None
    return node.operation if one and node.operation is not None and node.operation.name not in _ARITHMETIC else None


def _leading(node: Expression) -> Expression:
    """The first factor of a product or quotient."""
    while node.name is None and node.operation is not None and node.operation.name in ("multiply", "divide"):
        node = node.arguments[0]
    return node


def compares(node: Expression) -> bool:
    """Whether a truth value counts as 1 or 0 in a formula."""
    if node.operation is None or node.name is not None:
        return False
    rest = node.arguments[1:] if node.operation.name == "where" else node.arguments
    return node.operation.kind == "compare" or any(map(compares, rest))


_ARITHMETIC = frozenset({"negative", "constant", "to_float", "sum", "mean", "transpose", "reshape", "broadcast_to"})


def _literal_text(value: float) -> Written:
    """A number of a formula: 0.25, 1 / 30; one of many digits is rounded as results are."""
    fraction = _short_fraction(value)
    if fraction is not None:
        return Written(f"{fraction.numerator} / {fraction.denominator}", 20 if fraction > 0 else 10)
    exact = exact_text(value)
    return _signed(exact if len(exact) <= MOST_DIGITS else number_text(value), value)


def _literal_latex(value: float) -> Written:
    """The same in LaTeX."""
    fraction = _short_fraction(value)
    if fraction is not None:
        sign = "-" if fraction < 0 else ""
        return Written(rf"{sign}\frac{{{abs(fraction.numerator)}}}{{{fraction.denominator}}}", 10 if sign else 100)
    written = latex_number(value)
    return written if len(str(written)) <= MOST_DIGITS else _signed(number_latex(value), value)


def _short_fraction(value: float) -> Fraction | None:
    """The quotient of small numbers that a long decimal stands for."""
    near = Fraction(value).limit_denominator(MOST_DIVISOR) if isfinite(value) else Fraction(0)
    return near if float(near) == value and len(exact_text(value)) > MOST_DIGITS else None


def _signed(text: str, value: float) -> Written:
    """A number; a negative one needs parentheses within a product or a power."""
    return Written(text, 10 if value < 0 or text.startswith("-") else 30 if "e" in text or "cdot" in text else 100)


def _beside(x: Written, y: Written, attributes: object) -> str:
    r"""Factors beside each other: ``-2 (t - y) \, h``; arrays are multiplied element by element."""
    return rf"{x:20} \odot {y:21}" if x.shape and y.shape else rf"{x:20} \, {y:21}"


def _times(x: Written, y: Written, attributes: object) -> str:
    r"""Numbers with a sign of multiplication between them."""
    return rf"{x:20} \cdot {y:21}"


def _cases(condition: Written, x: Written, y: Written, attributes: object) -> str:
    """One value or the other; the condition needs no brackets here."""
    words = str(condition)
    return f"({x} if {words[1:-1] if words.startswith('[') else words} else {y})"


_TERMINAL = {
    "power": Spelling("{x:41}^{y:41}", 40),
    "maximum": Spelling("max({x}, {y})"),
    "minimum": Spelling("min({x}, {y})"),
    "relu": Spelling("max({x}, 0)"),
    "abs": Spelling("|{x}|"),
    "where": Spelling(_cases),
    "to_float": Spelling("{x:100}"),
    "sigmoid": Spelling("σ({x})"),
}
"""Operations that a terminal shows otherwise than a program does."""


def _terminal(operation: Operation) -> Spelling:
    if operation.name in _TERMINAL:
        return _TERMINAL[operation.name]
    python = operation.python
    if operation.kind == "compare":
        return Spelling(f"[{python.template}]")
    if python.helper:
        return Spelling(lambda *parts: f"{operation.name}({', '.join(map(str, parts[:-1]))})")
    if isinstance(python.template, str):
        return Spelling(python.template.replace("np.", ""), python.precedence)
    return python
