"""Through passes one equation at a time, on and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from chainrule.document import Block, Document, Equations, Figure, Heading, Remark, Shown
from chainrule.errors import require, whole_number
from chainrule.explain.circuits.circuit import Circuit
from chainrule.explain.circuits.wording import Wording, rate_of
from chainrule.explain.derivations.derivation import Setting
from chainrule.explain.drawings.tree import tree
from chainrule.explain.stepper.equations import Pass, Step
from chainrule.explain.writing.notation import conventions
from chainrule.files import write_atomically

TITLE = "Forward and backward, one equation at a time"

PASSES = 3
"""Passes on a page, if no number is given."""


class Stepper(Shown):
    """Goes through forward pass, backward pass and update one equation at a time, pass after pass.

    Each pass takes the next row, begins with the weights that the update before has left, and ends with an update.
    It moves with :meth:`step`, :meth:`back` and :meth:`rewind`; ``print`` and notebooks show where it is.

    Args:
        circuits: for each row its circuit, with the starting weights.
        setting: notation, loss and learning rate.
    """

    def __init__(self, circuits: Sequence[Circuit], setting: Setting) -> None:
        first = Pass(circuits[0], 0, setting)
        require(
            first.drawing().readable,
            "the network is too large to be gone through equation by equation: take a smaller one, such as 2-2-1",
        )
        self.circuits, self.setting = circuits, setting
        self._passes = [first]
        self.position = 0

    def step(self, count: int = 1) -> Stepper:
        """Go on by one equation, or by several."""
        self.position += whole_number("count", count, 0)
        return self

    def back(self, count: int = 1) -> Stepper:
        """Go back by one equation, or by several; from the start there is no way back."""
        self.position = max(0, self.position - whole_number("count", count, 0))
        return self

    def rewind(self) -> Stepper:
        """Go back to the start, where the starting weights are."""
        self.position = 0
        return self

    @property
    def length(self) -> int:
        """The number of steps in a pass."""
        return len(self._passes[0].steps)

    @property
    def current(self) -> Step | None:
        """The equation that was worked out last; none at the start."""
        return self._now.steps[self._place - 1] if self.position else None

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters as they are, by the names of their elements."""
        now = self._now
        known = now.updated if self._place == self.length else now.circuit.values
        return {str(now.circuit.elements[name]): known[name] for name in now.parameters}

    @property
    def _now(self) -> Pass:
        return self.passes((self.position - 1) // self.length + 1 if self.position else 1)[-1]

    @property
    def _place(self) -> int:
        """Steps done in the pass."""
        return (self.position - 1) % self.length + 1 if self.position else 0

    def passes(self, count: int) -> list[Pass]:
        """The first passes."""
        while len(self._passes) < count:
            before = self._passes[-1]
            row = len(self._passes) % len(self.circuits)
            circuit = self.circuits[row]
            inputs = {**(circuit.inputs or {}), **before.updated}
            self._passes.append(Pass(replace(circuit, inputs=inputs), row, self.setting))
        return self._passes[:count]

    # How it is shown

    @property
    def remark(self) -> Remark:
        """The conventions, and what a pass is."""
        rows = len(self.circuits)
        which = (
            f"Each pass takes the next of {rows} rows; with each row, the loss is that of the row." if rows > 1 else ""
        )
        return Remark(
            f"{conventions(self.setting.notation)} ", *self.setting.loss, f" {which} After each pass, every "
            "parameter makes one step of gradient descent with the learning rate ",
            rate_of(self.setting.notation, self.setting.lr), ".",
        )  # fmt: skip

    @property
    def where(self) -> str:
        """Which pass, row and step."""
        now = self._now
        row = f", row {now.row + 1}" if len(self.circuits) > 1 else ""
        number = (self.position - 1) // self.length + 1 if self.position else 1
        done = f"step {self._place} of {self.length}" if self.position else "at the start"
        return f"Pass {number}{row}, {done}"

    @property
    def document(self) -> Document:
        """Where it is: the picture with the numbers found so far, and the equation worked out last."""
        now, step = self._now, self.current
        drawing = now.drawing(self._place)
        wording = Wording(now.circuit, self.setting.notation)
        text = tree(now.circuit, wording, drawing.values, drawing.gradients)
        blocks: list[Block] = [Figure(drawing.svg, "the network with the numbers found so far", "", text, wide=True)]
        if step is not None:
            blocks += [Heading(step.title), Equations(*step.lines)]
        return Document(self.where, blocks)

    def listing(self, passes: int = PASSES) -> Document:
        """Every step of some passes, on one page."""
        blocks: list[Block] = [self.remark]
        for n, one in enumerate(self.passes(whole_number("passes", passes, 1)), 1):
            row = f", row {one.row + 1}" if len(self.circuits) > 1 else ""
            blocks.append(Heading(f"Pass {n}{row}"))
            for step in one.steps:
                blocks += [Heading(step.title, 3), Equations(*step.lines)]
        return Document(TITLE, blocks)

    @property
    def html(self) -> str:
        """A page with buttons and keys for the first passes; without scripts it lists them."""
        return self.page()

    def page(self, passes: int = PASSES) -> str:
        """The same for a number of passes."""
        from chainrule.explain.stepper.player import player

        return player(TITLE, self, whole_number("passes", passes, 1))

    def save(self, path: str | Path, passes: int = PASSES) -> Path:
        """Write the first passes: ``.html`` has buttons and keys, ``.tex`` and ``.txt`` list every step."""
        place = Path(path)
        if place.suffix != ".html":
            return self.listing(passes).save(place)
        write_atomically(place, self.page(passes).encode())
        return place

    def to_json(self, passes: int = PASSES) -> dict[str, Any]:
        """Every step of the first passes, for programs."""
        return {"notation": self.setting.notation.name, "lr": self.setting.lr, "passes": [
            {
                "row": one.row + 1,
                "loss": one.circuit.values[one.circuit.output],
                "steps": [{"title": step.title, "text": str(step).partition(": ")[2]} for step in one.steps],
                "parameters": {str(one.circuit.elements[n]): one.circuit.values[n] for n in one.parameters},
                "updated": {str(one.circuit.elements[n]): value for n, value in one.updated.items()},
            }
            for one in self.passes(whole_number("passes", passes, 1))
        ]}  # fmt: skip
