"""A loss and an activation function, derived in one piece: from the sum over paths to its shortest form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np

from chainrule.document import Document, Formula, Shown
from chainrule.explain.circuits.circuit import Circuit
from chainrule.explain.circuits.paths import Path, paths_of
from chainrule.explain.simplifying.rules import Facts, Step, steps
from chainrule.explain.writing.algebra import Sum, as_sum, fraction, total
from chainrule.explain.writing.notation import Notation, namer
from chainrule.explain.writing.writer import Writer
from chainrule.expression import Expression, symbol
from chainrule.losses import Loss
from chainrule.runnable import Runnable
from chainrule.trace import trace

POINTS = 20
"""Random points at which each line is compared with the line before."""


@dataclass(frozen=True)
class Derived:
    """A derivative and the steps from how the chain rule gives it to its shortest form."""

    of: str
    by: str
    start: Sum
    steps: tuple[Step, ...]

    @property
    def lines(self) -> list[Sum]:
        """The forms of the derivative, one below the other."""
        return [self.start, *(step.result for step in self.steps)]

    @property
    def end(self) -> Sum:
        """The shortest form."""
        return self.lines[-1]


@dataclass(frozen=True, eq=False)
class Simplification(Shown):
    """The derivative of a loss by what enters the output's activation function, simplified step by step.

    Args:
        circuit: the loss of one row as textbooks write it, with numbers.
        program: the loss and its derivatives as programs compute them.
        rewrites: the rewrites that led to the program.
        output: the name of the activation function.
        loss: what is minimised.
        notation: how names are written.
        nets: the scalars by which is derived.
        row: a value for each input of the program.
    """

    circuit: Circuit
    program: Runnable
    rewrites: tuple[str, ...]
    output: str
    loss: Loss
    notation: Notation
    nets: tuple[str, ...]
    row: Mapping[str, Any]

    @cached_property
    def partials(self) -> dict[tuple[str, str], Derived]:
        """The partial derivatives of outputs and loss, each simplified by itself."""
        found = {}
        for gate in self.circuit.gates:
            for by, partial in gate.unsimplified.items():
                start = as_sum(partial)
                found[gate.name, by] = Derived(gate.name, by, start, tuple(steps(start, self._facts)))
        return found

    @cached_property
    def derivatives(self) -> dict[str, Derived]:
        """The derivative of the loss by each scalar that enters the activation function."""
        return {net: self._derived(net, self._facts) for net in self.nets}

    @cached_property
    def results(self) -> dict[str, Formula]:
        """The shortest form of each derivative, by how the scalar is written."""
        return {self.name(net).text: self.formula(d.end.expression) for net, d in self.derivatives.items()}

    @cached_property
    def values(self) -> dict[str, float]:
        """The number that each shortest form is."""
        return {self.name(n).text: self.circuit.number(d.end.expression) for n, d in self.derivatives.items()}

    @cached_property
    def computed(self) -> dict[str, float]:
        """The number that the program computes for each derivative."""
        made = self.program(**self.row)
        numbers = np.ravel(list(made.values())[-1])
        return {self.name(n).text: float(x) for n, x in zip(self.nets, numbers, strict=True)}

    @cached_property
    def difference(self) -> float:
        """By how much a line differs from the line before at most, at random points."""
        chains = (*self.partials.values(), *self.derivatives.values())
        pairs = [pair for chain in chains for pair in pairwise(chain.lines)]
        gaps = {f"gap{n}": before.expression - after.expression for n, (before, after) in enumerate(pairs)}
        names = [symbol(name) for name in (*self.circuit.leaves, *self.circuit.gate)]
        compare = Runnable.of(trace(gaps, name="compare", inputs=names))
        largest = 0.0
        for seed in range(POINTS if pairs else 0):
            point: Mapping[str, Any] = replace(self.circuit, inputs=_random_point(self.circuit, seed)).values
            largest = max(largest, *(abs(float(gap)) for gap in compare(**point).values()))
        return largest

    @cached_property
    def unmet(self) -> tuple[Sum, Sum] | None:
        """A sum that is not known to be 1 here, and the form to which it would lead; ``None`` if there is none."""
        targets = [name for name in self.circuit.leaves if name not in self.nets]
        if self.circuit.ones:
            return None
        further = self._derived(self.nets[0], replace(self._facts, ones=(frozenset(targets),))).end
        if further.size >= self.derivatives[self.nets[0]].end.size:
            return None
        return Sum(tuple(as_sum(symbol(name)).terms[0] for name in targets)), further

    def to_json(self) -> dict[str, Any]:
        """Every line of every derivative, with its rule, its conditions and its value."""
        return {
            "output": self.output,
            "loss": self.loss.name,
            "derivatives": [
                {
                    "by": self.name(net).text,
                    "program": self.computed[self.name(net).text],
                    "lines": self._lines(derived),
                }
                for net, derived in self.derivatives.items()
            ],
            "largest_difference": self.difference,
        }

    def _lines(self, derived: Derived) -> list[dict[str, Any]]:
        """The lines of one derivative; a value that is no number is null."""
        reasons: list[tuple[str, list[str]]] = [("add the products along the paths", [])]
        for step in derived.steps:
            conditions = step.rule.conditions([self.formula(subject) for subject in step.subjects])
            reasons.append((step.rule.name, [condition.text for condition in conditions]))
        values = [self.circuit.number(form.expression) for form in derived.lines]
        formulas = [self.formula(form.expression) for form in derived.lines]
        return [
            {"rule": rule, "where": where, "text": f.text, "latex": f.latex, "value": v if isfinite(v) else None}
            for (rule, where), f, v in zip(reasons, formulas, values, strict=True)
        ]

    @cached_property
    def document(self) -> Document:
        """The page."""
        from chainrule.explain.simplifying.page import simplification_page

        return simplification_page(self)

    def name(self, scalar: str) -> Formula:
        """How a scalar is written."""
        return self._writer.name(scalar)

    def formula(self, expression: Expression) -> Formula:
        """How an expression over the scalars is written."""
        return self._writer.formula(expression)

    def paths(self, net: str) -> list[Path]:
        """The ways from the loss to a scalar that enters the activation function."""
        return paths_of(self.circuit, net)

    @cached_property
    def _writer(self) -> Writer:
        return Writer(namer(self.notation, self.circuit.elements), self.notation.sigma)

    @cached_property
    def _facts(self) -> Facts:
        outputs = {g.name: as_sum(g.formula).terms for g in self.circuit.gates if g.name != self.circuit.output}
        quotients = {name: terms[0] for name, terms in outputs.items() if len(terms) == 1 and terms[0].below}
        return Facts(quotients, self.circuit.ones)

    def _derived(self, net: str, facts: Facts) -> Derived:
        products = [
            fraction(Fraction(1), [self.partials[f.gate, f.by].end for f in path.factors]) for path in self.paths(net)
        ]
        start = total(products)
        return Derived(self.circuit.output, net, start, tuple(steps(start, facts)))


def _random_point(circuit: Circuit, seed: int) -> dict[str, float]:
    """A number for each leaf; those that add up to 1 do so."""
    random = np.random.default_rng(seed)
    point = dict(zip(circuit.leaves, random.standard_normal(len(circuit.leaves)).tolist(), strict=True))
    for names in circuit.ones:
        point.update(zip(sorted(names), random.dirichlet(np.ones(len(names))).tolist(), strict=True))
    return point
