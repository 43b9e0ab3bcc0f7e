"""Why an answer is wrong: the slips and repairs that lead to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, islice

import numpy as np

from chainrule.errors import ShapeError
from chainrule.explain.terms import Term
from chainrule.work.chain import extra_factor, first_wrong_link
from chainrule.work.matrices import Repair, repairs
from chainrule.work.problem import Problem
from chainrule.work.quantities import Asked, Quantity
from chainrule.work.reading import Answer, candidate_of, same
from chainrule.work.search import Slips
from chainrule.work.slips import Slip
from chainrule.work.world import Array, Edge, World

MOST_PAIRS = 2000
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


class Causes:
    """Finds out why answers to a problem are wrong."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.slips = problem, Slips(problem)

    def of(self, answer: Answer, own: World | None) -> list[Cause]:
        """Why an answer is wrong, the likeliest cause first.

        Args:
            answer: the wrong answer.
            own: the world in which the other wrong answers are right, if there are any.
        """
        found = self._found(answer, own) or [self._unknown(answer)]
        return [self._linked(cause, answer) for cause in found]

    def _found(self, answer: Answer, own: World | None) -> list[Cause]:
        world = self.problem.world
        if answer.formula is not None and answer.formula.over_arrays and (found := self._repaired(answer)):
            return found
        tiers = list(self.slips.of(answer.asked))
        found = self._first(answer, tiers, world)
        if not found and answer.formula is not None and answer.asked.single:
            found = self._too_many(answer)
        if not found and own is not None:
            found = self._first(answer, tiers, own)
        if not found and answer.digits >= FEW_DIGITS:
            found = self._matching(answer, self._pairs(tiers[0]), world)
        if not found and not answer.asked.single and answer.numbers is not None:
            found = self._elements(answer)
        return found

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

    def _matching(self, answer: Answer, slips: Iterable[Slip], world: World) -> list[Cause]:
        """The slips that lead to the answer; of several that are the same everywhere the first."""
        found: list[Cause] = []
        seen: list[tuple[Slip, Array]] = []
        for slip in slips:
            candidate = candidate_of(self.problem, answer.asked, world, slip)
            if not answer.fits(candidate) or any(_alike(slip, candidate, *other) for other in seen):
                continue
            seen.append((slip, candidate))
            found.append(Cause(slip.kind, slip.words, next(iter(slip.partials), None)))
            if len(found) == MOST_CAUSES or (answer.numbers is None and not slip.only_scales):
                break
        return found

    def _pairs(self, slips: list[Slip]) -> Iterable[Slip]:
        simple = [s for s in slips if s.partials or s.scale != 1 or s.step]
        pairs = (one.also(other) for one, other in combinations(simple, 2))
        return islice((pair for pair in pairs if pair is not None), MOST_PAIRS)

    def _elements(self, answer: Answer) -> list[Cause]:
        """The causes of single elements of an array of numbers, as one."""
        found: list[Cause] = []
        assert answer.numbers is not None
        for index, quantity in np.ndenumerate(answer.asked.grid):
            one = np.empty((), dtype=object)
            one[()] = quantity
            number = np.empty((), dtype=object)
            number[()] = answer.numbers[index]
            single = Answer(Asked(answer.asked.text, one), answer.text, number)
            if single.fits(candidate_of(self.problem, single.asked, self.problem.world)):
                continue
            causes = self._first(single, self.slips.of([quantity]), self.problem.world)
            why = causes[0] if causes else Cause("unknown", f"{number.item().value:g} is explained by no usual slip")
            found.append(replace(why, words=f"{self._shown(quantity)}: {why.words}"))
        few = found[:MOST_CAUSES]
        more = f"; and {len(found) - len(few)} more" if len(found) > len(few) else ""
        return [replace(few[0], words="; ".join(cause.words for cause in few) + more)]

    def _shown(self, quantity: Quantity) -> str:
        wording = self.problem.wording
        name = wording.partial(quantity.of, quantity.by) if quantity.by else wording.name(quantity.of)
        return name.text + (" new" if quantity.new else "")

    def _repaired(self, answer: Answer) -> list[Cause]:
        """What has to be changed in a formula over arrays, one thing or two."""
        assert answer.formula is not None
        right = candidate_of(self.problem, answer.asked, self.problem.world)
        first = list(self._repairs(answer, answer.formula.term))
        for repair in first:
            if self._makes(answer, repair, right):
                return [Cause(repair.kind, repair.words)]
        for one in first:
            for other in self._repairs(answer, one.term):
                if self._makes(answer, other, right):
                    return [Cause(f"{one.kind}, {other.kind}", f"{one.words}; and {other.words}")]
        return []

    def _repairs(self, answer: Answer, term: Term) -> Iterator[Repair]:
        assert answer.formula is not None
        meaning, problem = answer.formula.names.meaning, self.problem
        return repairs(term, problem.rows, problem.notation.columns, lambda name: meaning[name].text)

    def _makes(self, answer: Answer, repair: Repair, right: Array) -> bool:
        """Whether a repaired formula is right."""
        assert answer.formula is not None
        repaired = replace(answer, formula=replace(answer.formula, term=repair.term))
        return repaired.fits(right)

    def _linked(self, cause: Cause, answer: Answer) -> Cause:
        """The cause with the first wrong link, as far as the formula shows it."""
        if cause.link is not None or answer.formula is None or not answer.asked.single:
            return cause
        quantity: Quantity = answer.asked.grid.item()
        return replace(cause, link=first_wrong_link(self.problem, quantity, answer.formula) if quantity.by else None)

    def _unknown(self, answer: Answer) -> Cause:
        values = answer.values
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


def _alike(slip: Slip, candidate: Array, other: Slip, values: Array) -> bool:
    """Whether two slips lead to the same everywhere, so that one is enough; a factor 2 and a mean of 2 rows are two."""
    return same(candidate, values) and not (slip.only_scales and other.only_scales and slip.kind != other.kind)
