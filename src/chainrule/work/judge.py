"""Judging answers: right, right given another answer that is wrong, or wrong for a reason that has a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.work.causes import Cause, Causes
from chainrule.work.problem import Problem
from chainrule.work.reading import Answer, candidate_of, read_answer
from chainrule.work.world import Array, Edge, World


@dataclass(frozen=True, eq=False)
class Judged:
    """What became of one answer.

    Args:
        answer: the answer; of several steps the first that is wrong, or the last.
        step: the number of that step where there are several, else 0.
        right: whether it is right.
        follows: the other answers from which it follows as it should, though they are wrong.
        causes: why it is wrong, the likeliest first; one of them is enough.
    """

    answer: Answer
    step: int
    right: bool
    follows: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()


class Judge:
    """Judges the answers to one problem."""

    def __init__(self, problem: Problem, answers: Mapping[str, Any]) -> None:
        self.problem, self.causes = problem, Causes(problem)
        self.read = {name: read_answer(problem, name, value) for name, value in answers.items()}

    def verdicts(self) -> list[Judged]:
        """What became of each answer."""
        return [self._judged(name) for name in self.read]

    @cached_property
    def _unequal(self) -> dict[str, int]:
        """The answers that are not what the right values round to, and the first such step of each."""
        found = {}
        for name, steps in self.read.items():
            wrong = [n for n, step in enumerate(steps) if not step.fits(self._right(step))]
            if wrong:
                found[name] = wrong[0]
        return found

    @cached_property
    def _rounded(self) -> list[str]:
        """The numbers that are right."""
        return [
            name for name, steps in self.read.items() if name not in self._unequal and steps[-1].numbers is not None
        ]

    @cached_property
    def _wrong(self) -> dict[str, int]:
        """The answers that are not right, even if worked out from rounded numbers, and the first wrong step of each."""
        found = {}
        for name, n in self._unequal.items():
            answer, others = self.read[name][n], self._rounded
            if answer.numbers is None or not others or not answer.fits(self._in(self._world_of(others), answer)):
                found[name] = n
        return found

    def _judged(self, name: str) -> Judged:
        steps = self.read[name]
        n = self._wrong.get(name, len(steps) - 1)
        answer = steps[n]
        judged = Judged(answer, n + 1 if len(steps) > 1 else 0, name not in self._wrong)
        if judged.right:
            return judged
        follows = self._follows(name, answer)
        if follows:
            return replace(judged, follows=follows)
        others = [n for n in self._wrong if n != name]
        return replace(judged, causes=tuple(self.causes.of(answer, self._world_of(others) if others else None)))

    def _right(self, answer: Answer) -> Array:
        return self._in(self.problem.world, answer)

    def _in(self, world: World, answer: Answer) -> Array:
        """What is asked, in a world."""
        return candidate_of(self.problem, answer.asked, world)

    # What follows from other answers

    def _follows(self, name: str, answer: Answer) -> tuple[str, ...]:
        """The wrong answers from which this one follows."""
        wrong = [n for n in self._wrong if n != name and not self._mentions(answer, n)]
        for chosen in (*([n] for n in wrong), wrong):
            for also in ([], self._rounded):
                if chosen and self._comes_from(answer, [*chosen, *also]):
                    return tuple(chosen)
        return ()

    def _comes_from(self, answer: Answer, names: list[str]) -> bool:
        """Whether an answer is what other answers lead to, as far as their digits say."""
        base = self._in(self._world_of(names), answer)
        if answer.numbers is None:
            return answer.fits(base)
        moved = [self._in(self._world_of(names, shifted=name), answer) for name in names]
        return answer.fits(base, np.sum([np.abs(candidate - base) for candidate in moved], axis=0))

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
        values = answer.values
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
