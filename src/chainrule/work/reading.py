"""Answers as they are read: numbers with their digits, or formulas with their values at every point."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.numpy import compile_program
from chainrule.errors import ArgumentError, ChainruleError, ShapeError
from chainrule.explain.grammar import read_formula
from chainrule.explain.terms import Term
from chainrule.trace import postorder, trace
from chainrule.work.numbers import EXACT, Written, grid_of, is_number
from chainrule.work.problem import Problem
from chainrule.work.quantities import Asked, Spellings, asked_of
from chainrule.work.slips import Slip, value_of
from chainrule.work.world import Array, World


@dataclass(frozen=True, eq=False)
class Formula:
    """A formula of an answer: its parts, and what its names mean."""

    term: Term
    names: Spellings
    problem: Problem

    @property
    def over_arrays(self) -> bool:
        """Whether some name in it is that of an array."""
        return any(not asked.single for asked in self.names.meaning.values())

    def values(self, term: Term | None = None) -> Array:
        """Its values, one for each point on the last axis.

        Raises:
            ShapeError: where arrays do not fit together.
        """
        expression = (self.term if term is None else term).expression()
        world = self.problem.world
        used = {node.name for node, _ in postorder([expression]) if node.is_symbol and node.name is not None}
        given = {}
        for name in used:
            given[name] = candidate_of(self.problem, self.names.meaning[name], world)
        if expression.rank == 0:
            return world.number(expression, given)
        program = trace({"value": expression}, name="formula")
        points = next(iter(given.values())).shape[-1]
        function = compile_program(program)
        with np.errstate(all="ignore"):
            results = [function(*(given[v.name][..., p] for v in program.inputs))[0] for p in range(points)]
        return np.stack(results, axis=-1)


@dataclass(frozen=True, eq=False)
class Answer:
    """One answer, or one step of it: numbers at the problem's own point, or a formula."""

    asked: Asked
    text: str
    numbers: NDArray[Any] | None = None
    formula: Formula | None = None

    @cached_property
    def values(self) -> Array | None:
        """The values of a formula; none where its arrays do not fit together, and none for numbers."""
        if self.formula is None:
            return None
        try:
            values = self.formula.values()
        except ShapeError:
            return None
        return values.ravel() if self.asked.single and values.size == values.shape[-1] else values

    def fits(self, candidate: Array, spread: Array | float = 0.0) -> bool:
        """Whether it is the candidate, whose points lie on the last axis.

        Args:
            candidate: what it may be.
            spread: by how much the candidate may be off where it is compared with numbers.
        """
        if self.numbers is None:
            values = self.values
            return values is not None and values.shape == candidate.shape and same(values, candidate)
        rights = candidate[..., 0].ravel().tolist()
        spreads = np.broadcast_to(spread, candidate.shape)[..., 0].ravel().tolist()
        numbers = self.numbers.ravel().tolist()
        return all(n.fits(right, off) for n, right, off in zip(numbers, rights, spreads, strict=True))

    @property
    def digits(self) -> int:
        """The digits of its numbers; many for a formula."""
        return 16 if self.numbers is None else max(n.digits for n in self.numbers.ravel().tolist())


def candidate_of(problem: Problem, asked: Asked, world: World, slip: Slip | None = None) -> Array:
    """The values of what is asked in a world, with a slip or without one; the points lie on the last axis."""
    values = [value_of(quantity, world, problem.lr, slip) for quantity in asked]
    return np.stack(values).reshape(*asked.grid.shape, -1)


def same(one: Array, other: Array) -> bool:
    """Whether values agree wherever both are numbers, which has to be at two points at least."""
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum(axis=-1).min() < 2:
        return False
    apart = np.where(known, np.abs(np.where(known, one, 0.0) - np.where(known, other, 0.0)), 0.0)
    scale = np.max(np.where(known, np.abs(np.where(known, other, 0.0)), 0.0), axis=-1, keepdims=True)
    return bool(np.all(apart <= EXACT * np.maximum(scale, 1e-3)))


def read_answer(problem: Problem, name: str, value: Any) -> list[Answer]:
    """An answer as it was given; a formula with signs of equality has several steps.

    Raises:
        ArgumentError: where it cannot be read, with the place.
    """
    if isinstance(value, str) and "=" in value:
        return [step for text in value.split("=") for step in read_answer(problem, name, text.strip())]
    asked = asked_of(problem, name)
    value = _listed(value)
    if isinstance(value, str) and not is_number(value):
        return [_formula(problem, asked, name, value.strip())]
    numbers = grid_of(value, name)
    shown = value if isinstance(value, str) else _shown(numbers)
    fits = numbers.size == asked.grid.size and (
        min(numbers.ndim, asked.grid.ndim) < 2 or numbers.shape == asked.grid.shape
    )
    if not fits:
        have, need = (" x ".join(map(str, shape)) or "one" for shape in (numbers.shape, asked.grid.shape))
        raise ArgumentError(f"the answer for {name} has numbers in the shape {have}, but needs {need}")
    return [Answer(asked, shown, numbers.reshape(asked.grid.shape))]


def _listed(value: Any) -> Any:
    """Text such as ``[[1, 2.50]]`` as the list of numbers that it writes down."""
    if isinstance(value, str) and re.fullmatch(r"\s*\[[-+\d.eE,\s\[\]]*,[-+\d.eE,\s\[\]]*\]\s*", value):
        try:
            return json.loads(value, parse_float=Decimal)
        except json.JSONDecodeError:
            return value
    return value


def _formula(problem: Problem, asked: Asked, name: str, text: str) -> Answer:
    names = Spellings(problem, arrays=not asked.single)
    try:
        term = read_formula(text, names)
        if asked.single:
            term.expression()
    except ChainruleError as error:
        raise ArgumentError(f"the answer for {name}: {error}") from None
    if asked.single and not _names(term):
        value = problem.own.number(term.expression()).item()
        exact = np.empty((), dtype=object)
        exact[()] = Written(value, 0.0, 16)
        return Answer(asked, text, exact)
    return Answer(asked, text, None, Formula(term, names, problem))


def _names(term: Term) -> bool:
    """Whether a formula has names in it."""
    if term.leaf is not None:
        return term.leaf.is_symbol
    return any(_names(part) for part in term.parts)


def _shown(numbers: NDArray[Any]) -> str:
    return str(numbers.tolist()) if numbers.ndim else numbers.item().text
