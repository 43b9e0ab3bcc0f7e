"""How the parts of a circuit are written: values, partial derivatives, formulas, formulas with numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from chainrule.document import Formula, Line
from chainrule.explain.circuits.circuit import Circuit
from chainrule.explain.writing.algebra import multiplied
from chainrule.explain.writing.letters import plain
from chainrule.explain.writing.notation import Notation, namer
from chainrule.explain.writing.recognise import Recogniser
from chainrule.explain.writing.writer import Writer, applied, content
from chainrule.expression import Expression
from chainrule.show.numbers import number_latex, number_text


class Wording:
    """Writes the formulas of a circuit in a notation.

    Args:
        circuit: what is written about; its gates are the values that have names.
        notation: how names are written.
    """

    def __init__(self, circuit: Circuit, notation: Notation) -> None:
        self.circuit, self.notation = circuit, notation
        self.name = namer(notation, circuit.elements)
        self._writer = Writer(self.name, notation.sigma, notation.function)

    @cached_property
    def _recognise(self) -> Recogniser:
        return Recogniser({content(gate.formula): gate.name for gate in self.circuit.gates}, self.circuit.ones)

    def partial(self, of: str, by: str) -> Formula:
        """The partial derivative of one scalar by another."""
        return partial_of(self.name(of), self.name(by))

    def formula(self, expression: Expression) -> Formula:
        """A derived formula, with values that have names under their names."""
        return self._writer.formula(self._recognise(expression))

    def numbers(self, expression: Expression) -> Formula:
        """The same with numbers put in."""
        return self._writer.numbers(self._recognise(expression), self.circuit.values)

    def product(self, factors: Iterable[Expression]) -> Expression:
        """A product of derived formulas as one fraction, signs and numbers first, without needless brackets."""
        return multiplied(map(self._recognise, factors))

    def slope(self, gate: str, by: str) -> Formula | None:
        r"""The derivative of an activation function with the notation's letter for it, as in :math:`\varphi'(t)`."""
        letter = self.notation.function
        if not letter or applied(self.circuit.gate[gate].formula) is None or gate == self.circuit.output:
            return None
        return Formula(rf"{letter}'({self.name(by).latex})", f"{plain(letter)}'({self.name(by).text})")

    def definition(self, gate: str) -> Formula:
        """What a gate computes."""
        return self._writer.formula(Recogniser()(self.circuit.gate[gate].formula))

    def worked(self, gate: str) -> Formula:
        """The same with numbers put in, and with functions under their own names."""
        writer = replace(self._writer, function="")
        return writer.numbers(Recogniser()(self.circuit.gate[gate].formula), self.circuit.values)


def number(value: float) -> Formula:
    """A number as mathematics."""
    return Formula(number_latex(value), number_text(value))


def signed(formula: Formula) -> Formula:
    """A number within a product or a sum."""
    return Formula(f"({formula.latex})", f"({formula.text})") if formula.text.startswith("-") else formula


def bracketed(formula: Formula) -> Formula:
    """A formula within a product."""
    sums = any(sign in formula.text for sign in (" + ", " - ")) or formula.text.startswith("-")
    return Formula(rf"\left({formula.latex}\right)", f"({formula.text})") if sums else formula


def partial_of(value: Formula, by: Formula) -> Formula:
    """The partial derivative of one name by another."""
    return Formula(rf"\frac{{\partial {value.latex}}}{{\partial {by.latex}}}", f"∂{value.text}/∂{by.text}")


def times(factors: Iterable[Formula]) -> Formula:
    """A product, written out."""
    listed = list(factors)
    return Formula(r" \cdot ".join(f.latex for f in listed), " · ".join(f.text for f in listed))


def added(terms: Iterable[Formula]) -> Formula:
    """A sum, written out."""
    listed = list(terms)
    return Formula(" + ".join(t.latex for t in listed), " + ".join(t.text for t in listed))


def rate_of(notation: Notation, lr: float) -> Formula:
    """The learning rate with its letter."""
    letter, value = _rate(notation), number(lr)
    return Formula(f"{letter.latex} = {value.latex}", f"{letter.text} = {value.text}")


def rule(w: Formula, gradient: Formula, notation: Notation) -> Line:
    """Gradient descent for one parameter: the new value is the old one less the rate times the derivative."""
    return update(w, times([_rate(notation), gradient]))


def update(w: Formula, change: Formula) -> Line:
    """The new value of a parameter is the old one less a change."""
    return Line(Formula(rf"{{{w.latex}}}_{{\text{{new}}}}", f"{w.text} new"), _less(w, change))


def descent(w: Formula, gradient: Formula, notation: Notation, before: float, lr: float, slope: float) -> list[Line]:
    """The same with the numbers put in, and the result."""
    put = _less(number(before), times([number(lr), signed(number(slope))]))
    return [rule(w, gradient, notation), Line(None, put), Line(None, number(before - lr * slope))]


def _rate(notation: Notation) -> Formula:
    return Formula(notation.rate, plain(notation.rate))


def _less(value: Formula, change: Formula) -> Formula:
    return Formula(f"{value.latex} - {change.latex}", f"{value.text} - {change.text}")
