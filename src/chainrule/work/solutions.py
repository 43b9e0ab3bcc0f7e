"""The right answer to what is asked: formulas, numbers put in, the value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.document import Block, Equations, Formula, Line
from chainrule.explain.circuits.paths import Path, count_paths, paths_of
from chainrule.explain.circuits.wording import added, descent, number, rule, times
from chainrule.explain.derivations.backward import matrix
from chainrule.work.problem import Problem
from chainrule.work.quantities import Asked, Quantity
from chainrule.work.slips import value_of

MOST_PATHS = 4
"""Paths up to which a derivative is written as a formula."""


def solution(problem: Problem, asked: Asked) -> tuple[Block, ...]:
    """How the right answer is worked out."""
    values = np.stack([value_of(q, problem.own, problem.lr)[0] for q in asked]).reshape(asked.grid.shape)
    if not asked.single:
        return (Equations(Line(Formula(rf"\text{{{asked.text}}}", asked.text), matrix(values))),)
    quantity: Quantity = asked.grid.item()
    known = problem.circuit.inputs is not None and bool(np.isfinite(values))
    left, steps = _steps(problem, quantity, known)
    steps += [number(float(values))] if known else []
    unique = [f for text, f in {f.text: f for f in steps}.items() if text != left.text or len(steps) == 1]
    return (Equations(*(Line(left if n == 0 else None, formula) for n, formula in enumerate(unique))),)


def _steps(problem: Problem, quantity: Quantity, known: bool) -> tuple[Formula, list[Formula]]:
    """What is asked, and the formulas that lead to its value."""
    circuit, wording = problem.circuit, problem.wording
    if quantity.new:
        return _step(problem, quantity.of, known)
    if not quantity.by:
        if quantity.of not in circuit.gate:
            return wording.name(quantity.of), []
        return wording.name(quantity.of), [
            wording.definition(quantity.of),
            *([wording.worked(quantity.of)] if known else []),
        ]
    left = wording.partial(quantity.of, quantity.by)
    if quantity.of != circuit.output or not 0 < count_paths(circuit, quantity.by) <= MOST_PATHS:
        return left, []
    paths = paths_of(circuit, quantity.by)
    products = [wording.product(f.partial for f in path.factors) for path in paths]
    closed = added(wording.formula(p) for p in products)
    return left, [_links(problem, paths), closed, *([added(wording.numbers(p) for p in products)] if known else [])]


def _links(problem: Problem, paths: Sequence[Path]) -> Formula:
    """The chain: for each path the product of its partial derivatives."""
    return added(times(problem.wording.partial(f.gate, f.by) for f in path.factors) for path in paths)


def _step(problem: Problem, parameter: str, known: bool) -> tuple[Formula, list[Formula]]:
    """A step of gradient descent."""
    w, gradient = problem.wording.name(parameter), problem.wording.partial(problem.circuit.output, parameter)
    if not known:
        line = rule(w, gradient, problem.notation)
        return line.left or w, [line.right]
    before = float(problem.own.leaves[parameter][0])
    slope = float(problem.own.derivative(problem.circuit.output, parameter)[0])
    first, put, _ = descent(w, gradient, problem.notation, before, problem.lr, slope)
    return first.left or w, [first.right, put.right]
