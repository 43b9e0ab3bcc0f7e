"""Which equations become lines, and which are folded into the line that uses them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from chainrule.expression import ATOM, Spelling
from chainrule.program import Atom, Equation, Literal, Program, Var
from chainrule.shapes import Shape

WIDTH = 76
"""Longest right-hand side of a line; what would make it longer gets a line of its own."""


CHEAP = frozenset({"add", "subtract", "multiply", "divide", "negative"})
"""Operations that, of values that have names, are as easily read twice (and computed) as a name for their result."""


class Written:
    """A written value: its text, its precedence, its shape. Templates put it in parentheses where needed.

    ``leads_with_number`` is off where its text begins with a truth value, as ``(z > 0) * g`` does.
    """

    def __init__(self, text: str, precedence: int = ATOM, shape: Shape = (), *, leads_with_number: bool = True) -> None:
        self.text, self.precedence, self.shape = text, precedence, shape
        self.leads_with_number = leads_with_number

    def __str__(self) -> str:
        return self.text

    def __format__(self, spec: str) -> str:
        if not spec or self.precedence >= int(spec):
            return self.text
        # Around a fraction of LaTeX, parentheses grow.
        return rf"\left({self.text}\right)" if r"\frac" in self.text else f"({self.text})"


@dataclass(frozen=True)
class Line:
    """One line of a printed program: ``name = text``, of the equation that it ends with."""

    name: str
    text: str
    equation: Equation


@dataclass(frozen=True)
class Layout:
    """The lines of a program, and how its outputs are written."""

    lines: tuple[Line, ...]
    outputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Language:
    """How a notation writes names, numbers and operations."""

    name: Callable[[str, Var], str]
    number: Callable[[float | int], Written]
    spelling: Callable[[Any], Spelling]


def spell(spelling: Spelling, equation: Equation, operands: list[Written]) -> Written:
    """The right-hand side of an equation."""
    attributes: Mapping[str, Any] = dict(equation.attributes)
    if callable(spelling.template):
        text = spelling.template(*operands, attributes)
    else:
        text = spelling.template.format(**dict(zip(equation.operation.arguments, operands, strict=True)), **attributes)
    precedence = spelling.precedence
    level = precedence(*operands, attributes) if callable(precedence) else precedence
    leads = operands[0].leads_with_number if operands and level == 20 else equation.target.dtype != "bool"
    return Written(text, level, equation.target.shape, leads_with_number=leads)


def lay_out(program: Program, language: Language, *, fold: bool = True) -> Layout:
    """Fold unnamed values into the lines that use them, as long as these stay short.

    Folded are values that are used once, and arithmetic on two named values that is used twice.
    """
    return _Printer(program, language, fold).run()


class _Printer:
    """The state of one walk: what is written so far, and what waits to be folded."""

    def __init__(self, program: Program, language: Language, fold: bool) -> None:
        self.program, self.language, self.fold = program, language, fold
        self.lines: list[Line] = []
        self.written: dict[str, Written] = {v.name: self._name(v.name, v) for v in program.inputs}
        self.waiting: dict[str, Equation] = {}
        self.sizes = {e.target.name for e in program.equations if e.operation.name == "size"}
        self.uses = Counter(a.name for e in program.equations for a in e.arguments if isinstance(a, Var))
        self.uses.update(3 * [a.name for _, a in program.outputs if isinstance(a, Var)])
        named = {v.name for v in program.variables.values() if not v.anonymous}
        self.numbers = (name for name in (f"t{i}" for i in count(1)) if name not in named)

    def run(self) -> Layout:
        for equation in self.program.equations:
            self._visit(equation)
        outputs = tuple((label, self._atom(atom).text) for label, atom in self.program.outputs)
        return Layout(tuple(self.lines), outputs)

    def _visit(self, equation: Equation) -> None:
        target = equation.target
        text = self._text(equation)
        if target.name in self.sizes or (target.anonymous and self.fold and self._folds(equation)):
            self.written[target.name] = text
            self.waiting[target.name] = equation
        else:
            self._emit(equation, text)

    def _folds(self, equation: Equation) -> bool:
        uses = self.uses[equation.target.name]
        if uses == 1 or equation.operation.name not in CHEAP:
            return uses == 1
        if all(isinstance(a, Literal) or a.name in self.sizes for a in equation.arguments):
            return True
        return uses == 2 and all(isinstance(a, Literal) or not a.anonymous for a in equation.arguments)

    def _text(self, equation: Equation) -> Written:
        """The right-hand side; if it is too long, waiting arguments get lines of their own, longest first."""
        while True:
            operands = [self._atom(a) for a in equation.arguments]
            text = spell(self.language.spelling(equation.operation), equation, operands)
            folded = {a.name for a in equation.arguments if isinstance(a, Var) and a.name in self.waiting}
            folded -= self.sizes
            if len(text.text) <= WIDTH or not folded:
                return text
            longest = max(sorted(folded), key=lambda name: len(self.written[name].text))
            self._emit(self.waiting[longest], self.written[longest])

    def _emit(self, equation: Equation, text: Written) -> None:
        target = equation.target
        self.waiting.pop(target.name, None)
        shown = next(self.numbers) if target.anonymous and self.fold else target.name
        name = self._name(shown, target)
        self.lines.append(Line(name.text, text.text, equation))
        self.written[target.name] = name

    def _name(self, shown: str, var: Var) -> Written:
        return Written(self.language.name(shown, var), shape=var.shape, leads_with_number=var.dtype != "bool")

    def _atom(self, atom: Atom) -> Written:
        return self.language.number(atom.value) if isinstance(atom, Literal) else self.written[atom.name]
