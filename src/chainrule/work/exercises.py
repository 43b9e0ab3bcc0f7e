"""Exercises: a problem with friendly numbers, what is asked, and the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.document import (
    Block,
    Code,
    Details,
    Document,
    Equations,
    Formula,
    Heading,
    Line,
    Listing,
    Paragraph,
    Remark,
    Shown,
)
from chainrule.errors import ArgumentError, whole_number
from chainrule.explain.circuits.wording import number
from chainrule.explain.derivations.backward import matrix
from chainrule.explain.objective import sentence
from chainrule.explain.writing.notation import conventions
from chainrule.files import write_atomically
from chainrule.work.checking import mark
from chainrule.work.files import network_of, to_toml, work_of
from chainrule.work.levels import LEVELS, Level, drawn
from chainrule.work.marked import Marked
from chainrule.work.problem import Problem
from chainrule.work.quantities import asked_of
from chainrule.work.solutions import solution


@dataclass(frozen=True, eq=False)
class Exercise(Shown):
    """A sheet with a problem, its key, and a file for the answers; ``print`` shows the sheet.

    Args:
        level: how hard it is, from 1.
        seed: the same seed makes the same exercise.
        described: the problem as the file of answers holds it.
        asked: what is asked.
    """

    level: int
    seed: int
    described: Mapping[str, Any]
    asked: tuple[str, ...]

    @cached_property
    def problem(self) -> Problem:
        """The problem."""
        return work_of(self.described).problem

    @property
    def document(self) -> Document:
        """The sheet."""
        return self.sheet

    @property
    def _kind(self) -> Level:
        return LEVELS[self.level]

    @cached_property
    def sheet(self) -> Document:
        """The problem and what is asked, without the answers."""
        hint = "Give numbers as they are, or rounded; four decimals are enough."
        words = self._kind.words if self._kind.formulas else f"{self._kind.words} {hint}"
        blocks: list[Block] = [
            Heading("Given"),
            *self._given(),
            Heading("Asked"),
            Paragraph(words),
            Listing([(name,) for name in self.asked], numbered=True),
        ]
        return Document(f"Exercise {self.seed} of level {self.level}: {self._kind.title}", blocks)

    @cached_property
    def key(self) -> Document:
        """The answers, each with how it is worked out."""
        blocks: list[Block] = []
        for n, name in enumerate(self.asked, 1):
            blocks += [Heading(f"{n}. {name}", 3), *solution(self.problem, asked_of(self.problem, name))]
        page = network_of(self.described).explain(*self._data, notation=self.problem.notation, lr=self.problem.lr)
        blocks.append(Details("The whole forward and backward pass", page.document.blocks))
        return Document(f"Key to exercise {self.seed} of level {self.level}: {self._kind.title}", blocks)

    @property
    def answers(self) -> str:
        """The text of a file for the answers, which ``chainrule check-work`` grades."""
        comment = (
            f"{self.sheet.title}\n\nWrite each answer between its quotes: a number, or a formula.\n"
            "Put numbers of arrays into brackets instead of quotes: [[1, 2]].\nThen: chainrule check-work FILE"
        )
        return to_toml({**self.described, "answers": dict.fromkeys(self.asked, "")}, comment)

    def grade(self, answers: Mapping[str, Any]) -> Marked:
        """The verdict on each answer; what is missing counts as not answered."""
        unknown = [name for name in answers if name not in self.asked]
        if unknown:
            raise ArgumentError(f"{unknown[0]!r} was not asked: the exercise asks for {', '.join(self.asked)}")
        return mark(self.problem, {name: answers.get(name, "") for name in self.asked})

    def save_answers(self, path: str | Path) -> Path:
        """Write the file for the answers."""
        place = Path(path)
        if place.suffix != ".toml":
            raise ArgumentError(f"{place}: the file for answers is TOML; give it the ending .toml")
        write_atomically(place, self.answers.encode())
        return place

    def to_json(self) -> dict[str, Any]:
        """The exercise for programs."""
        return {"level": self.level, "seed": self.seed, "asked": list(self.asked), "problem": dict(self.described)}

    @property
    def _data(self) -> tuple[Any, Any]:
        return self.described["data"]["x"], self.described["data"]["y"]

    def _given(self) -> list[Block]:
        """Conventions, what the network computes, and the numbers."""
        network = network_of(self.described)
        remark = Remark(f"{conventions(self.problem.notation)} ", *sentence(network.loss_function))
        wording, circuit = self.problem.wording, self.problem.circuit
        if self._kind.matrices:
            arrays = {**self.described["weights"], "X": self._data[0], "Y": self._data[1]}
            lines = [Line(Formula(name, name), matrix(np.asarray(a, dtype=float))) for name, a in arrays.items()]
            program = network.program("loss", simplified=False)
            return [remark, Code(str(program)), Equations(*lines)]
        formulas = [Line(wording.name(gate.name), wording.definition(gate.name)) for gate in circuit.gates]
        numbers = [Line(wording.name(name), number(self.problem.own.leaves[name][0])) for name in circuit.leaves]
        rate = Line(Formula(self.problem.notation.rate, "lr"), number(self.problem.lr))
        steps = [rate] if any(name.endswith(" new") for name in self.asked) else []
        return [remark, Equations(*formulas), *([] if self._kind.formulas else [Equations(*numbers, *steps)])]


def exercise(*, level: int = 1, seed: int = 0, notation: str | None = None) -> Exercise:
    """A fresh exercise with friendly numbers, its key, and a file for the answers.

    Level 1 is a neuron; 2 the forward pass of a network 2-2-1; 3 its gradients and a step; 4 a batch in matrices, or a
    softmax; 5 the derivatives as formulas.

    Args:
        level: from 1 to 5.
        seed: the same seed makes the same exercise.
        notation: how names are written, as in :meth:`Network.explain`.

    >>> import chainrule as cr
    >>> sheet = cr.exercise(level=1, seed=0)
    >>> sheet.grade({name: "" for name in sheet.asked}).right
    False
    """
    level, seed = whole_number("the level", level, 1), whole_number("the seed", seed, 0)
    if level not in LEVELS:
        raise ArgumentError(f"there is no level {level}: choose one from 1 to {max(LEVELS)}")
    described, asked = drawn(level, seed, notation)
    return Exercise(level, seed, described, tuple(asked))
