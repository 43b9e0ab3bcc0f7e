"""Work that was checked: a verdict for each answer, and the page that says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from textwrap import shorten
from typing import Any

from chainrule.document import (
    Block,
    Details,
    Document,
    Formula,
    Heading,
    Inline,
    Paragraph,
    Remark,
    Shown,
    Table,
)
from chainrule.explain.writing.notation import conventions
from chainrule.show.numbers import counted
from chainrule.work.judge import Judged
from chainrule.work.problem import Problem
from chainrule.work.solutions import solution

LONGEST = 56
"""Characters of an answer that a table shows."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What became of one answer.

    Args:
        name: what was asked.
        answer: what was answered; of several steps the first that is wrong.
        right: whether it is right.
        step: the number of the wrong step, where there are several.
        follows: wrong answers from which this one follows as it should.
        kinds: the kinds of slip that explain it, the likeliest first.
        causes: the same in words.
        factor: the first partial derivative that is wrong, where that can be said.
        solution: the right answer.
    """

    name: str
    answer: str
    right: bool
    step: int = 0
    follows: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    factor: tuple[Formula, Formula] | None = None
    solution: tuple[Block, ...] = ()

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        if self.right:
            return "right"
        if self.follows:
            return f"follows from {' and '.join(self.follows)} as it should, but {_is_wrong(self.follows)}"
        where = f"step {self.step}: " if self.step else ""
        return where + "; or ".join(self.causes)

    def to_json(self) -> dict[str, Any]:
        """The verdict for programs."""
        return {
            "quantity": self.name,
            "answer": self.answer,
            "right": self.right,
            "follows_from": list(self.follows),
            "kinds": list(self.kinds),
            "causes": list(self.causes),
            "first_wrong_factor": self.factor[0].text if self.factor else None,
        }


@dataclass(frozen=True, eq=False)
class Marked(Shown):
    """Work that was checked: print it, or show it in a notebook.

    Args:
        problem: what it is about.
        verdicts: one for each answer.
        blank: what was asked and not answered.
    """

    problem: Problem
    verdicts: Sequence[Verdict]
    blank: Sequence[str] = ()

    @property
    def score(self) -> int:
        """How many answers are right."""
        return sum(v.right for v in self.verdicts)

    @property
    def right(self) -> bool:
        """Whether everything that was asked is answered, and right."""
        return self.score == len(self.verdicts) and not self.blank

    def __getitem__(self, name: str) -> Verdict:
        return next(v for v in self.verdicts if v.name == name)

    def to_json(self) -> dict[str, Any]:
        """The verdicts for programs."""
        return {
            "right": self.score,
            "answered": len(self.verdicts),
            "blank": list(self.blank),
            "answers": [v.to_json() for v in self.verdicts],
        }

    @cached_property
    def document(self) -> Document:
        """The page."""
        right = f"{self.score} of {counted(len(self.verdicts), 'answer')} right"
        title = f"Checked work: {right if self.verdicts else 'nothing is answered yet'}"
        blocks: list[Block] = [Remark(conventions(self.problem.notation))] if self.problem.arrays else []
        rows = [(v.name, shorten(v.answer, LONGEST, placeholder=" …"), _short(v)) for v in self.verdicts]
        blocks += [Table(("asked", "answered", "verdict"), rows)] if rows else []
        if self.blank:
            blocks.append(Paragraph(f"Not answered: {', '.join(self.blank)}."))
        wrong = [v for v in self.verdicts if not v.right]
        for verdict in wrong:
            blocks += [Heading(f"{verdict.name}: {verdict.answer}", 3), *_explained(verdict)]
        return Document(title, blocks)


def _short(verdict: Verdict) -> str:
    if verdict.right:
        return "right"
    return "follows from a wrong answer" if verdict.follows else "wrong"


def _is_wrong(names: Sequence[str]) -> str:
    return "that one is wrong" if len(names) == 1 else "those are wrong"


def _explained(verdict: Verdict) -> list[Block]:
    parts: list[Inline] = [f"It {verdict.sentence}." if verdict.follows else f"Cause: {verdict.sentence}."]
    if verdict.factor is not None:
        link, formula = verdict.factor
        parts += [" The first wrong factor is ", link, ", which is ", formula, "."]
    blocks: list[Block] = [Paragraph(*parts)]
    if verdict.solution:
        blocks.append(Details("The right answer", verdict.solution))
    return blocks


def verdict_of(problem: Problem, name: str, judged: Judged) -> Verdict:
    """The verdict that people see."""
    link = next((cause.link for cause in judged.causes if cause.link is not None), None)
    factor = None
    if link is not None and judged.answer.asked.single and judged.answer.asked.grid.item().by:
        partial = problem.circuit.gate[link[0]].partials[link[1]]
        factor = (problem.wording.partial(*link), problem.wording.formula(partial))
    return Verdict(
        name,
        judged.answer.text,
        judged.right,
        judged.step,
        judged.follows,
        tuple(cause.kind for cause in judged.causes),
        tuple(cause.words for cause in judged.causes),
        factor,
        () if judged.right else solution(problem, judged.answer.asked),
    )
