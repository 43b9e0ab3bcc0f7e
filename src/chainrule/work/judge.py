"""Judging answers: right, right given another answer that is wrong, or wrong for a reason that has a name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.work.chain import extra_factor, first_wrong_link
from chainrule.work.matrices import Repair, repairs
from chainrule.work.problem import Problem
from chainrule.work.quantities import Asked, Quantity
from chainrule.work.reading import Answer, read_answer, same
from chainrule.work.search import Slips
from chainrule.work.slips import Slip, value_of
from chainrule.work.world import Array, Edge, World

MOST_PAIRS = 4000
"""Pairs of slips that are tried for one answer."""

FEW_DIGITS = 4
"""Digits below which a number says too little for two slips at once."""

MOST_CAUSES = 3
"""Causes that are named where several explain a number."""


@dataclass(frozen=True)
class Cause:
    """Why an answer is wrong: the kind of slip, in words, and the first partial derivative that it spoils."""

    kind: str
    words: str
    link: Edge | None = None


@dataclass(frozen=True, eq=False)
class Judged:
    """What became of one answer.

    Args:
        answer: the answer; of several steps the first that is wrong, or the last.
        step: the number of that step where there are several, else 0.
        right: whether it is right.
        follows: the other answers from which it follows as it should, though they are wrong.
        causes: why it is wrong, the likeliest first; one of them is enough.
        expected: the right values at the problem's own point.
    """

    answer: Answer
    step: int
    right: bool
    expected: Array
    follows: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()


class Judge:
    """Judges the answers to one problem."""

    def __init__(self, problem: Problem, answers: Mapping[str, Any]) -> None:
        self.problem, self.slips = problem, Slips(problem)
        self.read = {name: read_answer(problem, name, value) for name, value in answers.items()}

    def verdicts(self) -> list[Judged]:
        """What became of each answer."""
        return [self._judged(name) for name in self.read]

    @cached_property
    def _wrong(self) -> dict[str, int]:
        """The answers that are not right, and the first wrong step of each."""
        found = {}
        for name, steps in self.read.items():
            for n, step in enumerate(steps):
                if not self._is(step, self._candidate(step.asked, self.problem.world)):
                    found[name] = n
                    break
        return found

    def _judged(self, name: str) -> Judged:
        steps = self.read[name]
        n = self._wrong.get(name, len(steps) - 1)
        answer, right = steps[n], self._candidate(steps[n].asked, self.problem.world)
        judged = Judged(answer, n + 1 if len(steps) > 1 else 0, name not in self._wrong, right[..., 0])
        if judged.right:
            return judged
        if answer.numbers is not None and self._rounded(name, answer):
            return replace(judged, right=True)
        follows = self._follows(name, answer)
        if follows:
            return replace(judged, follows=follows)
        return replace(judged, causes=tuple(self._causes(name, answer)))

    # Values

    def _candidate(self, asked: Asked, world: World, slip: Slip | None = None) -> Array:
        """The values of what is asked, with the points on the last axis."""
        values = [value_of(quantity, world, self.problem.lr, slip) for quantity in asked]
        return np.stack(values).reshape(*asked.grid.shape, -1)

    def _is(self, answer: Answer, candidate: Array) -> bool:
        return answer.fits(candidate, self._values(answer))

    def _values(self, answer: Answer) -> Array | None:
        """The values of a formula; none where its arrays do not fit together."""
        if answer.formula is None:
            return None
        if id(answer) not in self._known:
            try:
                values = answer.formula.values()
            except ShapeError:
                return None
            single = answer.asked.single and values.size == values.shape[-1]
            self._known[id(answer)] = values.ravel() if single else values
        return self._known[id(answer)]

    @cached_property
    def _known(self) -> dict[int, Array]:
        return {}

    # What follows from other answers

    def _rounded(self, name: str, answer: Answer) -> bool:
        """Whether a number comes from other answers that were rounded, all of them right."""
        others = [n for n in self.read if n != name and n not in self._wrong and self.read[n][-1].numbers is not None]
        return bool(others) and self._is(answer, self._candidate(answer.asked, self._world_of(others)))

    def _follows(self, name: str, answer: Answer) -> tuple[str, ...]:
        """The wrong answers from which this one follows."""
        wrong = [n for n in self._wrong if n != name and not self._mentions(answer, n)]
        rounded = [n for n in self.read if n not in self._wrong and n != name and self.read[n][-1].numbers is not None]
        for chosen in (*([n] for n in wrong), wrong):
            for also in ([], rounded):
                if chosen and self._comes_from(answer, [*chosen, *also]):
                    return tuple(chosen)
        return ()

    def _comes_from(self, answer: Answer, names: list[str]) -> bool:
        """Whether an answer is what other answers lead to, as far as their digits say."""
        base = self._candidate(answer.asked, self._world_of(names))
        if answer.numbers is None:
            return self._is(answer, base)
        moved = [self._candidate(answer.asked, self._world_of(names, shifted=name)) for name in names]
        spread = np.sum([np.abs(candidate - base) for candidate in moved], axis=0)
        return answer.fits(base, None, spread)

    def _mentions(self, answer: Answer, name: str) -> bool:
        """Whether a formula has what the other answer is about in it: there its name means the right value."""
        meant = [q for asked in (answer.formula.names.meaning.values() if answer.formula else ()) for q in asked]
        return bool(set(meant) & set(self.read[name][-1].asked))

    def _world_of(self, names: list[str], shifted: str = "") -> World:
        """The world in which these answers are right; one of them as far off as its digits allow."""
        values: dict[str, Array] = {}
        adjoints: dict[str, Array] = {}
        partials: dict[Edge, Array] = {}
        output = self.problem.circuit.output
        for name in names:
            answer = self.read[name][-1]
            for quantity, number in zip(answer.asked, self._own(answer, name == shifted), strict=True):
                if quantity.new:
                    continue
                if not quantity.by:
                    values[quantity.of] = number
                elif quantity.of == output:
                    adjoints[quantity.by] = number
                elif quantity.of in self.problem.circuit.gate:
                    partials[quantity.of, quantity.by] = number
        return replace(self.problem.world, values=values, adjoints=adjoints, partials=partials)

    def _own(self, answer: Answer, shifted: bool) -> Iterator[Array]:
        """A person's numbers for each quantity, NaN where they are not known."""
        points = next(iter(self.problem.world.leaves.values())).size
        values = self._values(answer)
        for n, _ in enumerate(answer.asked):
            if answer.numbers is not None:
                unknown = np.full(points, np.nan)
                number = answer.numbers.ravel()[n]
                unknown[0] = number.value + shifted * number.slack
                yield unknown
            elif values is not None and values.size == points * answer.asked.grid.size:
                yield values.reshape(-1, points)[n]
            else:
                yield np.full(points, np.nan)

    # Why it is wrong

    def _causes(self, name: str, answer: Answer) -> list[Cause]:
        if answer.formula is not None and answer.formula.over_arrays:
            found = self._matrix_causes(answer)
            if found:
                return found
        tiers = list(self.slips.of(answer.asked))
        found = self._first(answer, tiers, self.problem.world)
        if not found and answer.formula is not None and answer.asked.single:
            found = self._too_many(answer)
        others = [n for n in self._wrong if n != name]
        if not found and others:
            found = self._first(answer, tiers, self._world_of(others))
        if not found and answer.digits >= FEW_DIGITS:
            found = self._matching(answer, self._pairs(tiers[0]), self.problem.world)
        if not found and not answer.asked.single and answer.numbers is not None:
            found = self._elements(answer)
        return [self._linked(cause, answer) for cause in found] or [self._unknown(answer)]

    def _too_many(self, answer: Answer) -> list[Cause]:
        """A factor that does not belong there."""
        quantity: Quantity = answer.asked.grid.item()
        if answer.formula is None or quantity.new or not quantity.by:
            return []
        term = extra_factor(self.problem, quantity, answer.formula)
        if term is None:
            return []
        return [Cause("extra factor", f"the factor that begins at character {term.at + 1} is too many")]

    def _first(self, answer: Answer, tiers: Iterable[list[Slip]], world: World) -> list[Cause]:
        """The slips of the first list in which some lead to the answer."""
        return next((found for tier in tiers if (found := self._matching(answer, tier, world))), [])

    def _matching(self, answer: Answer, slips: list[Slip], world: World) -> list[Cause]:
        """The slips that lead to the answer, each that is another at random points."""
        found: list[Cause] = []
        seen: list[Array] = []
        for slip in slips:
            candidate = self._candidate(answer.asked, world, slip)
            if not self._is(answer, candidate) or any(same(candidate, other) for other in seen):
                continue
            seen.append(candidate)
            found.append(Cause(slip.kind, slip.words, next(iter(slip.partials), None)))
            if len(found) == MOST_CAUSES or answer.numbers is None:
                break
        return found

    def _pairs(self, slips: list[Slip]) -> list[Slip]:
        simple = [s for s in slips if s.partials or s.scale != 1 or s.step]
        pairs = (one.also(other) for one, other in combinations(simple, 2))
        found = []
        for pair in pairs:
            if pair is not None:
                found.append(pair)
            if len(found) == MOST_PAIRS:
                break
        return found

    def _elements(self, answer: Answer) -> list[Cause]:
        """The causes of single elements of an array of numbers."""
        found = []
        assert answer.numbers is not None
        for index, quantity in np.ndenumerate(answer.asked.grid):
            one = np.empty((), dtype=object)
            one[()] = quantity
            number = np.empty((), dtype=object)
            number[()] = answer.numbers[index]
            single = Answer(Asked(answer.asked.text, one), answer.text, number)
            if self._is(single, self._candidate(single.asked, self.problem.world)):
                continue
            causes = self._first(single, self.slips.of([quantity]), self.problem.world)
            shown = self._shown(quantity)
            found += [Cause(c.kind, f"{shown}: {c.words}", c.link) for c in causes[:1]]
            found += (
                []
                if causes
                else [Cause("unknown", f"{shown} is {number.item().value:g}, which no usual slip explains")]
            )
        return found[:MOST_CAUSES]

    def _shown(self, quantity: Quantity) -> str:
        wording = self.problem.wording
        name = wording.partial(quantity.of, quantity.by) if quantity.by else wording.name(quantity.of)
        return name.text + (" new" if quantity.new else "")

    def _matrix_causes(self, answer: Answer) -> list[Cause]:
        """What has to be changed in a formula over arrays, one thing or two."""
        assert answer.formula is not None
        right = self._candidate(answer.asked, self.problem.world)
        first = list(self._repairs(answer, answer.formula.term))
        for repair in first:
            if self._repaired(answer, repair, right):
                return [Cause(repair.kind, repair.words)]
        for one in first:
            for other in self._repairs(answer, one.term):
                if self._repaired(answer, other, right):
                    return [Cause(f"{one.kind}, {other.kind}", f"{one.words}; and {other.words}")]
        return []

    def _repairs(self, answer: Answer, term: Any) -> Iterator[Repair]:
        assert answer.formula is not None
        meaning = answer.formula.names.meaning
        problem = self.problem
        return repairs(term, problem.rows, problem.notation.columns, lambda name: meaning[name].text)

    def _repaired(self, answer: Answer, repair: Repair, right: Array) -> bool:
        assert answer.formula is not None
        try:
            values = answer.formula.values(repair.term)
        except ShapeError:
            return False
        if answer.asked.single and values.size == right.size:
            values = values.reshape(right.shape)
        return values.shape == right.shape and same(values, right)

    def _linked(self, cause: Cause, answer: Answer) -> Cause:
        """The cause with the first wrong link, as far as the formula shows it."""
        if cause.link is not None or answer.formula is None or not answer.asked.single:
            return cause
        quantity: Quantity = answer.asked.grid.item()
        return replace(cause, link=first_wrong_link(self.problem, quantity, answer.formula) if quantity.by else None)

    def _unknown(self, answer: Answer) -> Cause:
        values = self._values(answer)
        if answer.formula is not None and values is None:
            try:
                answer.formula.values()
            except ShapeError as error:
                return Cause("shapes", f"the shapes do not fit together: {error}")
        if values is not None and values.shape[:-1] != answer.asked.grid.shape:
            have, need = (
                (" x ".join(map(str, s)) or "one number") for s in (values.shape[:-1], answer.asked.grid.shape)
            )
            return Cause("shapes", f"it has the shape {have}, but {need} is needed")
        return self._linked(Cause("unknown", "no usual slip explains it"), answer)
