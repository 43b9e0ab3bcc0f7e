"""The page of a simplification: functions, partial derivatives, the sum over paths, each step, the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.document import (
    Block,
    Code,
    Details,
    Document,
    Equations,
    Formula,
    Heading,
    Inline,
    Line,
    Paragraph,
    Remark,
    Table,
)
from chainrule.explain.circuits.paths import Path
from chainrule.explain.circuits.wording import Wording, added, bracketed, number, times
from chainrule.explain.objective import sentence
from chainrule.explain.simplifying.rules import Step
from chainrule.explain.simplifying.simplification import POINTS, Derived, Simplification
from chainrule.explain.writing.algebra import Sum
from chainrule.show.numbers import number_text

WIDTH = 84
"""Longest formula on one line; a longer sum has a line for each term."""

LONGEST_TITLE = 40
"""Longest formula in a title."""

MOST_SHOWN = 4
"""Outputs up to which each one's steps are shown; of more, those of the first."""


def simplification_page(shown: Simplification) -> Document:
    """The whole page."""
    return _Page(shown).document()


class _Page:
    """Writes the blocks of one page."""

    def __init__(self, shown: Simplification) -> None:
        self.shown, self.circuit = shown, shown.circuit
        self.wording = Wording(shown.circuit, shown.notation)
        self.loss = shown.name(shown.circuit.output)

    def document(self) -> Document:
        """The page."""
        first, *others = self.shown.nets
        end = self._formula(self.shown.derivatives[first].end)
        more: list[Block] = []
        if len(self.shown.nets) <= MOST_SHOWN:
            more = [
                Details(f"The same for {self.shown.name(net).text}", self._derivation(net, 3)[1:]) for net in others
            ]
        blocks = (
            Remark(*sentence(self.shown.loss)),
            Heading("Forward"),
            Equations(*(line for gate in self.circuit.gates for line in self._forward(gate.name))),
            *self._derivation(first, 2),
            *self._stop(),
            *more,
            Heading("With numbers"),
            *self._numbers(),
            Heading("What a program computes"),
            *self._program(),
        )
        goal = f": from the chain rule to {end.text}" if len(end.text) <= LONGEST_TITLE else ", simplified"
        loss = self.shown.loss.name.replace("_", " ")
        return Document(f"{self.shown.output} with {loss}{goal}", blocks)

    def _forward(self, gate: str) -> list[Line]:
        forms = (self.wording.definition(gate), self.wording.worked(gate), number(self.circuit.values[gate]))
        return [Line(None if n else self.shown.name(gate), form) for n, form in enumerate(forms)]

    # One derivative

    def _derivation(self, net: str, level: int) -> list[Block]:
        """The derivative by one scalar: its parts, their sum, the steps."""
        paths, derived, by = self.shown.paths(net), self.shown.derivatives[net], self.shown.name(net)
        links = dict.fromkeys((f.gate, f.by) for path in paths for f in path.factors)
        if len(links) == 1:
            partial = self.shown.partials[links.popitem()[0]]
            return [Heading(f"The derivative by {by.text}", level), *self._partial(partial)]
        left = self._left(derived)
        put_in = [self._put_in(path) for path in paths]
        changed = added(put_in).text.replace("·", "*") != self._formula(derived.start).text
        start = self._lines(left, derived.start)
        tidied: list[Block] = [Paragraph("Each product as one fraction, signs and numbers first:"), Equations(*start)]
        return [
            Heading(f"The sum over paths, from {self.loss.text} to {by.text}", level),
            Paragraph(*self._ways(by, paths)),
            Equations(
                *self._broken(left, [times(self.wording.partial(f.gate, f.by) for f in p.factors) for p in paths])
            ),
            Heading("Each partial derivative", level),
            *(block for link in links for block in self._partial(self.shown.partials[link])),
            Heading("Step by step", level),
            Paragraph("The partial derivatives, put in:"),
            Equations(*self._broken(left, put_in)),
            *(tidied if changed else []),
            *(block for n, step in enumerate(derived.steps, 1) for block in self._step(n, step, left)),
        ]

    def _ways(self, by: Formula, paths: Sequence[Path]) -> list[Inline]:
        through = _listed([self.shown.name(path.factors[-1].gate) for path in paths])
        if len(paths) == 1:
            return [by, " reaches ", self.loss, " through ", *through, ", link by link:"]
        ways = f" on {len(paths)} paths, through "
        return [by, " reaches ", self.loss, ways, *through, "; the products along them are added:"]

    def _partial(self, derived: Derived) -> list[Block]:
        """One partial derivative, and how it becomes shorter."""
        forms = [self._formula(line) for line in derived.lines]
        notes = ["", *(step.rule.name for step in derived.steps)]
        lefts = [self._left(derived), *(None for _ in derived.steps)]
        return [Equations(*(Line(*parts) for parts in zip(lefts, forms, notes, strict=True)))]

    def _put_in(self, path: Path) -> Formula:
        """The product of the partial derivatives on a path, each in brackets where it needs them."""
        forms = [self.shown.partials[f.gate, f.by].end for f in path.factors]
        written = [(self._formula(form), len(form.terms) > 1) for form in forms]
        return times(bracketed(f) if several or f.text.startswith("-") else f for f, several in written)

    def _step(self, place: int, step: Step, left: Formula) -> list[Block]:
        conditions = step.rule.conditions([self.shown.formula(s) for s in step.subjects])
        where: list[Inline] = [" (where ", *_listed(conditions), ")"] if conditions else []
        return [
            Paragraph(f"{place}. {step.rule.name.capitalize()}", *where, ":"),
            Equations(*self._lines(left, step.result)),
        ]

    def _lines(self, left: Formula, form: Sum) -> list[Line]:
        """A form on one line, or with a line for each term where it is long."""
        whole = self._formula(form)
        if len(left.text) + len(whole.text) <= WIDTH:
            return [Line(left, whole)]
        first, *others = form.terms
        more = [_continued("-" if t.number < 0 else "+", self.shown.formula(t.magnitude)) for t in others]
        return [Line(left, self._formula(Sum((first,)))), *more]

    def _broken(self, left: Formula, terms: Sequence[Formula]) -> list[Line]:
        """A sum on one line, or with a line for each term."""
        whole = added(terms)
        if len(left.text) + len(whole.text) <= WIDTH:
            return [Line(left, whole)]
        return [Line(left, terms[0]), *(_continued("+", term) for term in terms[1:])]

    def _stop(self) -> list[Block]:
        """Why there is no shorter form, where a condition is missing."""
        if self.shown.unmet is None:
            return []
        targets, further = self.shown.unmet
        value = self.circuit.number(targets.expression)
        reason = f" is {number_text(value)} here" if value != 1 else " = 1 is not declared"
        return [
            Remark(
                "Here it ends, since ", self._formula(targets), reason, ". Where it is known to be 1, as for targets "
                "that are probabilities, one more step leads to ", self._formula(further), ".",
            )
        ]  # fmt: skip

    # Numbers

    def _numbers(self) -> list[Block]:
        rows: list[tuple[Inline, ...]] = []
        for net, derived in self.shown.derivatives.items():
            first, last = (self.circuit.number(form.expression) for form in (derived.start, derived.end))
            computed = self.shown.computed[self.shown.name(net).text]
            rows.append((self._left(derived), self._formula(derived.end), *map(number_text, (first, last, computed))))
        blocks: list[Block] = [Table(("derivative", "is", "first line", "last line", "program"), rows)]
        if any("nan" in row for row in rows):
            words = "Where exponentials overflow, a line has no number; the program does without such exponentials."
            blocks.append(Paragraph(words))
        if self.shown.difference:
            checked = (
                f"At {POINTS} random points, each line above has the value of the line before, but for rounding: they "
                f"differ by {number_text(self.shown.difference, 2)} at most."
            )
            blocks.append(Paragraph(checked))
        return blocks

    def _program(self) -> list[Block]:
        words = (
            "A program is rewritten before it is derived, so that nothing overflows on the way, and comes to the same:"
        )
        return [
            Paragraph(words),
            Code(str(self.shown.program)),
            Details("Its rewrites", [Paragraph(", ".join(self.shown.rewrites), ".")]),
        ]

    def _formula(self, form: Sum) -> Formula:
        return self.shown.formula(form.expression)

    def _left(self, derived: Derived) -> Formula:
        return self.wording.partial(derived.of, derived.by)


def _continued(sign: str, formula: Formula) -> Line:
    return Line(None, Formula(f"{{}} {sign} {formula.latex}", f"{sign} {formula.text}"), continues=True)


def _listed(formulas: Sequence[Formula]) -> list[Inline]:
    """Formulas in a sentence: a, b and c."""
    parts: list[Inline] = [formulas[0]]
    for n, formula in enumerate(formulas[1:], 2):
        parts += [" and " if n == len(formulas) else ", ", formula]
    return parts
