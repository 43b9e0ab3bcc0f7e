"""Programs as plain Python for one row: arrays are flat lists, arrays of one element numbers."""

from __future__ import annotations

import builtins
import keyword
from collections import Counter
from math import prod
from typing import Final

from chainrule.engines.native.expand import expand
from chainrule.errors import ArgumentError
from chainrule.export.python import cells, lists
from chainrule.export.python.elements import ELEMENTS
from chainrule.export.python.moves import WHOLE, flat, stretched
from chainrule.export.python.texts import names_in
from chainrule.expression import Spelling
from chainrule.program import Atom, Equation, Literal, Program, Var
from chainrule.show.layout import Written, spell

RESERVED: Final = frozenset([*dir(builtins), *keyword.kwlist, *names_in(cells, lists), *"uvwxyz", "COLUMNS", "CLASSES"])
"""Names that the exported file uses itself."""

WIDTH: Final = 100
"""Longest text of one element; what would make it longer gets a line of its own."""


def function(program: Program) -> str:
    """The text of a function for one row; parameters are read from names outside it."""
    known = frozenset([*ELEMENTS, *WHOLE])
    return Writer(expand(program, lambda operation: operation.primitive or operation.name in known)).text()


def spelled(name: str) -> str:
    """A variable's name where it hides no function."""
    return f"{name}_" if name in RESERVED else name


class Writer:
    """The state of one walk: the lines so far, and equations that wait to be part of another one's text."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines: list[str] = []
        self.names = {v.name: spelled(v.name) for v in program.variables.values()}
        self.waiting: dict[str, Equation] = {}
        self.uses = Counter(a.name for e in program.equations for a in e.arguments if isinstance(a, Var))
        self.uses.update(2 * [a.name for _, a in program.outputs if isinstance(a, Var)])
        self.user = {a.name: e for e in program.equations for a in e.arguments if isinstance(a, Var)}

    def text(self) -> str:
        """The function."""
        for equation in self.program.equations:
            if self._waits(equation):
                self.waiting[equation.target.name] = equation
                continue
            name, value = equation.target.name, self.value(equation)
            if equation.target.anonymous and value.isidentifier():
                self.names[name] = value  # what only has another shape is the same list
            else:
                self.lines.append(f"    {self.names[name]} = {value}")
        results = ", ".join(self.atom(atom) for _, atom in self.program.outputs)
        arguments = ", ".join(self.names[v.name] for v in self.program.inputs if v.role == "input")
        return "\n".join([f"def {self.program.name}({arguments}):", *self.lines, f"    return {results}", ""])

    def _waits(self, equation: Equation) -> bool:
        """Whether the one equation that needs it can hold its text: both are of single elements, of one shape."""
        target = equation.target
        if not target.anonymous or self.uses[target.name] != 1 or equation.operation.name not in ELEMENTS:
            return False
        user = self.user[target.name]
        fits = prod(flat(user.target.shape)) == prod(flat(target.shape)) or prod(flat(target.shape)) == 1
        return fits and user.operation.name in ELEMENTS and len(self.element(equation, {}).text) < WIDTH

    def value(self, equation: Equation) -> str:
        """The right-hand side of a line."""
        operation, count = equation.operation.name, prod(flat(equation.target.shape))
        if operation in WHOLE:
            return WHOLE[operation](self, equation)
        if operation not in ELEMENTS:
            raise ArgumentError(f"{operation} has no form in plain Python: a prediction must not draw random numbers")
        letters: dict[str, str] = {}
        text = self.element(equation, letters).text
        if count == 1:
            return text
        names, lists = ", ".join(letters.values()), ", ".join(letters)
        return f"[{text} for {names} in {f'zip({lists})' if len(letters) > 1 else lists}]"

    def element(self, equation: Equation, letters: dict[str, str]) -> Written:
        """The text of one element; ``letters`` gets a name for the element of each list that it reads."""
        shape = flat(equation.target.shape)
        operands = [self._operand(a, shape, letters) for a in equation.arguments]
        plain = ELEMENTS[equation.operation.name]
        divisor = equation.arguments[-1]
        if equation.operation.name == "divide" and isinstance(divisor, Literal) and divisor.value:
            plain = Spelling("{x:20} / {y:21}", 20)
        return spell(plain, equation, operands)

    def _operand(self, atom: Atom, shape: tuple[int, ...], letters: dict[str, str]) -> Written:
        if isinstance(atom, Literal):
            return Written(self.atom(atom), 30 if atom.value < 0 else 100)
        if atom.name in self.waiting:
            return self.element(self.waiting[atom.name], letters)
        own = flat(atom.shape)
        if prod(own) == 1:
            return Written(self.names[atom.name])
        text = self.names[atom.name] if prod(own) == prod(shape) else self._repeated(atom, shape)
        return Written(letters.setdefault(text, "uvwxyz"[len(letters)] if len(letters) < 6 else f"u{len(letters)}"))

    def _repeated(self, var: Var, shape: tuple[int, ...]) -> str:
        """A list repeated along the axes where it has one element or none."""
        return f"view({self.names[var.name]}, {shape}, {stretched(flat(var.shape), len(shape))})"

    def atom(self, atom: Atom) -> str:
        """An argument as it is: a number or a name."""
        return repr(atom.value) if isinstance(atom, Literal) else self.names[atom.name]

    def list(self, atom: Atom) -> str:
        """An argument as a list, even of one element."""
        count = prod(flat(atom.shape)) if isinstance(atom, Var) else 1
        return f"[{self.atom(atom)}]" if count == 1 else self.atom(atom)
