"""The derivative by one parameter, as a person derives it: the chain, each factor, the numbers, the update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chainrule.document import (
    Block,
    Document,
    Equations,
    Formula,
    Heading,
    Inline,
    Line,
    Paragraph,
    Remark,
    Shown,
    Table,
)
from chainrule.explain.circuits.circuit import Circuit
from chainrule.explain.circuits.paths import Factor, Path, count_paths, paths_of
from chainrule.explain.circuits.wording import Wording, added, descent, number, rate_of, signed, times
from chainrule.explain.writing.notation import Notation, conventions
from chainrule.explain.writing.writer import compares
from chainrule.show.numbers import number_text

MOST_PATHS = 4
"""Paths up to which each is written as a product."""

BRACKETS = "A condition in brackets is 1 where it holds, and 0 where it does not."


@dataclass(frozen=True)
class Setting:
    """What a page states: the notation, a sentence on the loss, how rows combine, the learning rate."""

    notation: Notation
    loss: tuple[Inline, ...]
    total: bool
    lr: float


@dataclass(frozen=True, eq=False)
class Derivation(Shown):
    """The derivative of the loss by one parameter, for each row and for all.

    Args:
        textbook: for each row the circuit of the loss as textbooks write it.
        merged: the same after the rewrites, in which the loss and the output's activation function are one.
        parameter: the scalar by which to derive, as the circuits name it.
        setting: notation, loss and learning rate.
    """

    textbook: Sequence[Circuit]
    merged: Sequence[Circuit]
    parameter: str
    setting: Setting

    @cached_property
    def rows(self) -> list[float]:
        """The derivative of each row's loss."""
        return [circuit.gradients[self.parameter] for circuit in self.merged]

    @cached_property
    def value(self) -> float:
        """The derivative of the loss of all rows."""
        return sum(self.rows) / (1 if self.setting.total else len(self.rows))

    @cached_property
    def updated(self) -> float:
        """The parameter after one step of gradient descent."""
        return self.textbook[0].values[self.parameter] - self.setting.lr * self.value

    def to_json(self) -> dict[str, Any]:
        """The numbers, for programs."""
        return {
            "notation": self.setting.notation.name,
            "parameter": str(self.textbook[0].elements[self.parameter]),
            "gradient": self.value,
            "rows": self.rows,
            "lr": self.setting.lr,
            "before": self.textbook[0].values[self.parameter],
            "updated": self.updated,
        }

    @cached_property
    def document(self) -> Document:
        """The page."""
        own = str(self.textbook[0].elements[self.parameter])
        shown = self._wording.name(self.parameter).text
        title = f"The derivative of {self._loss.text} by {shown}" + (f", which is {own}" if shown != own else "")
        several = len(self.rows) > 1
        blocks: list[Block] = [
            Remark(f"{conventions(self.setting.notation)} ", *self.setting.loss),
            Heading("Forward" + (", for the first row" if several else "")),
            Equations(*self._forward()),
        ]
        blocks += self._by_paths()
        if several:
            blocks += self._all_rows()
        return Document(title, (*blocks, *self._update()))

    @property
    def paths(self) -> int:
        """How many paths lead from the parameter to the loss."""
        return count_paths(self._chain, self.parameter)

    @property
    def _loss(self) -> Formula:
        return self._wording.name(self.textbook[0].output)

    @cached_property
    def _wording(self) -> Wording:
        return Wording(self.textbook[0], self.setting.notation)

    @cached_property
    def _chain(self) -> Circuit:
        """The circuit whose links the page follows: the textbook's, if its paths are few and its numbers finite."""
        textbook, merged = self.textbook[0], self.merged[0]
        usable = all(abs(g) < float("inf") for g in textbook.gradients.values())
        return textbook if usable and count_paths(textbook, self.parameter) <= MOST_PATHS else merged

    @property
    def _gradient(self) -> Formula:
        return self._wording.partial(self.textbook[0].output, self.parameter)

    def _forward(self) -> list[Line]:
        lines = []
        for gate in self.textbook[0].gates:
            value = number(self.textbook[0].values[gate.name])
            lines.append(Line(self._wording.name(gate.name), self._wording.definition(gate.name)))
            lines += [Line(None, shown) for shown in dict.fromkeys((self._wording.worked(gate.name), value))]
        return lines

    # Few paths: a product for each

    def _by_paths(self) -> list[Block]:
        paths = paths_of(self._chain, self.parameter)
        products = [times(self._wording.partial(f.gate, f.by) for f in path.factors) for path in paths]
        loss, parameter = self._loss, self._wording.name(self.parameter)
        words = Paragraph(parameter, " reaches ", loss, " on one path, link by link:")
        if len(paths) > 1:
            words = Paragraph(f"{len(paths)} paths lead from ", parameter, " to ", loss, "; their products are added:")
        factors = {(f.gate, f.by): f for path in paths for f in path.factors}
        return [
            Heading("The chain"),
            words,
            Equations(*self._sum(products)),
            Heading("Each factor"),
            Equations(*(line for factor in factors.values() for line in self._factor(factor))),
            *([Paragraph(BRACKETS)] if any(compares(f.partial) for f in factors.values()) else []),
            *self._merger(),
            Heading("Put together"),
            *self._together(),
        ]

    def _sum(self, terms: Sequence[Formula]) -> list[Line]:
        """``gradient = term + term``, one term a line."""
        first, *others = terms
        more = [Line(None, Formula(f"{{}} + {t.latex}", f"+ {t.text}")) for t in others]
        return [Line(self._gradient, first), *_continued(more)]

    def _factor(self, factor: Factor) -> list[Line]:
        formula, numbers = self._wording.formula(factor.partial), self._wording.numbers(factor.partial)
        value = number(self._chain.partial(factor.gate, factor.by))
        slope = self._wording.slope(factor.gate, factor.by)
        shown = [f for f in dict.fromkeys((slope, formula, numbers, value)) if f is not None]
        unlike = {f.text: f for f in reversed(shown)}
        first, *others = (f for f in shown if unlike[f.text] is f)
        return [Line(self._wording.partial(factor.gate, factor.by), first), *(Line(None, f) for f in others)]

    def _merger(self) -> list[Block]:
        """What the loss and the output's activation function make when they are derived in one piece."""
        merged, output = self.merged[0], self.textbook[0].output
        if self._chain is merged:
            return [
                Paragraph(
                    f"Here the loss and the output's activation function were derived in one piece{self._condition}."
                )
            ]
        inputs = [name for name in merged.gate[output].inputs if name not in self.textbook[0].gate[output].inputs]
        on_path = {f.by for path in self._merged_paths for f in path.factors}
        lines = [
            Line(self._wording.partial(output, name), self._wording.formula(merged.gate[output].partials[name]))
            for name in inputs
            if name in on_path
        ]
        if not lines:
            return []
        words = f"Derived in one piece{self._condition}, the loss and the output's activation function give:"
        return [Paragraph(words), Equations(*lines)]

    @property
    def _condition(self) -> str:
        """Under which condition the loss and the output's activation function are derived in one piece."""
        return ", since the targets of a row add up to 1" if self.textbook[0].ones else ""

    @cached_property
    def _merged_paths(self) -> list[Path]:
        return paths_of(self.merged[0], self.parameter)

    def _together(self) -> list[Block]:
        closed = [self._wording.product(f.partial for f in path.factors) for path in self._merged_paths]
        names = self._sum([self._wording.formula(c) for c in closed])
        numbers = added(
            signed(self._wording.numbers(c)) if n else self._wording.numbers(c) for n, c in enumerate(closed)
        )
        return [Equations(*names, Line(None, numbers), Line(None, number(self.rows[0])))]

    # All rows, and the step

    def _all_rows(self) -> list[Block]:
        circuit = self.textbook[0]
        data = [name for name in circuit.leaves if circuit.elements[name].rows]
        body = [
            (str(n + self.setting.notation.first), *(number_text(c.values[name]) for name in data), number_text(slope))
            for n, (c, slope) in enumerate(zip(self.merged, self.rows, strict=True))
        ]
        what = "sum" if self.setting.total else "mean"
        return [
            Heading("All rows"),
            Table(
                ("row", *map(self._wording.name, data), self._gradient), body, "The derivative of each row's own loss"
            ),
            Paragraph(f"The loss is the {what} over the rows, and so is its derivative: ", number(self.value), "."),
        ]

    def _update(self) -> list[Block]:
        notation, lr = self.setting.notation, self.setting.lr
        w, before = self._wording.name(self.parameter), self.textbook[0].values[self.parameter]
        return [
            Heading("Update"),
            Paragraph("One step of gradient descent with the learning rate ", rate_of(notation, lr), ":"),
            Equations(*descent(w, self._gradient, notation, before, lr, self.value)),
        ]


def _continued(lines: list[Line]) -> list[Line]:
    """Lines that go on with the sum of the line before, without an equals sign of their own."""
    return [Line(None, line.right, line.note, continues=True) for line in lines]
