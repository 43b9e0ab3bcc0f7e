"""The factors of a product against the links of the chain: which is the first that is wrong."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.explain.circuits.paths import count_paths, paths_of
from chainrule.explain.terms import Term
from chainrule.expression import lift
from chainrule.work.problem import Problem
from chainrule.work.quantities import Quantity
from chainrule.work.reading import Formula, same
from chainrule.work.world import Array, Edge

MOST_FACTORS = 8
"""Factors up to which every way to share them among the links is tried."""


def first_wrong_link(problem: Problem, quantity: Quantity, formula: Formula) -> Edge | None:
    """The first link of the only path for which no factors of the formula stand; ``None`` if that cannot be said."""
    circuit = problem.circuit
    if quantity.of != circuit.output or quantity.new or count_paths(circuit, quantity.by) != 1:
        return None
    written = _factors(formula.term)
    if len(written) > MOST_FACTORS:
        return None
    try:
        left = [problem.world.number(lift(1)) * formula.values(term) for term in written]
    except ChainruleError:
        return None
    links = [(f.gate, f.by) for f in paths_of(circuit, quantity.by)[0].factors]
    at = 0
    while at < len(links):
        found = _stands(problem, links[at:], left)
        if found is None:
            return links[at]
        count, used = found
        left = [values for n, values in enumerate(left) if n not in used]
        at += count
    return None


def extra_factor(problem: Problem, quantity: Quantity, formula: Formula) -> Term | None:
    """The factor of a product without which it is right, if there is one."""
    written = _factors(formula.term)
    right = problem.world.derivative(quantity.of, quantity.by)
    for left_out in written if len(written) > 1 else ():
        values = [formula.values(term) for term in written if term is not left_out]
        if same(np.prod(values, axis=0) * np.ones_like(right), right):
            return left_out
    return None


def _stands(problem: Problem, links: list[Edge], factors: list[Array]) -> tuple[int, tuple[int, ...]] | None:
    """How many of the next links the factors make, and which factors do."""
    product = np.ones_like(problem.world.partial(links[0]))
    for count, link in enumerate(links, 1):
        product = product * problem.world.partial(link)
        for size in range(len(factors) + 1):
            for used in combinations(range(len(factors)), size):
                made = np.prod([factors[n] for n in used], axis=0) * np.ones_like(product)
                if same(made, product):
                    return count, used
    return None


def _factors(term: Term) -> list[Term]:
    """The factors of a product; a minus sign is a factor of its own, a divisor a factor turned around."""
    if term.function == "negative":
        return [Term(term.at, lift(-1)), *_factors(term.parts[0])]
    if not term.operators or any(sign in "+-^" for sign in term.operators):
        return [term]
    found = _factors(term.parts[0])
    for sign, part in zip(term.operators, term.parts[1:], strict=True):
        if sign == "/":
            found.append(Term(part.at, None, (Term(part.at, lift(1)), part), ("/",)))
        else:
            found += _factors(part)
    return found
