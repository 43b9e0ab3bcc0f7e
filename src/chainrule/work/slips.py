"""A slip: one change to the right chain, worked out like the right one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from chainrule.expression import Expression
from chainrule.work.quantities import Quantity
from chainrule.work.world import Array, Edge, World

STEPS: Final = {
    "plus": ("update", "the step was added; gradient descent subtracts it"),
    "no rate": ("learning rate", "the learning rate is missing"),
    "rate alone": ("update", "this is the step alone; the old value is missing"),
    "minus step": ("update", "this is the step with its sign; the old value is missing"),
    "gradient": ("update", "this is the gradient, not the parameter after the step"),
    "old": ("update", "this is the old value; no step was made"),
    "rate twice": ("learning rate", "the learning rate was taken twice"),
    "rate divided": ("learning rate", "it was divided by the learning rate"),
}
"""Wrong ways to make a step of gradient descent: the kind, and words."""


@dataclass(frozen=True, eq=False)
class Slip:
    """One change to the right chain.

    Args:
        kind: of which kind it is, for counting.
        words: what was done, as a sentence says it.
        partials: other partial derivatives.
        formulas: other formulas of gates in the forward pass.
        scale: a number by which the whole is multiplied.
        renewed: whether the backward pass reads the parameters after the step.
        step: a wrong way to make the step.
        instead: another quantity that was worked out.
    """

    kind: str
    words: str
    partials: Mapping[Edge, Expression] = field(default_factory=dict)
    formulas: Mapping[str, Expression] = field(default_factory=dict)
    scale: float = 1.0
    renewed: bool = False
    step: str = ""
    instead: Quantity | None = None

    @property
    def only_scales(self) -> bool:
        """Whether it is a number by which the right value is multiplied, and nothing else."""
        return self.scale != 1 and not self.partials and not self.formulas

    def also(self, other: Slip) -> Slip | None:
        """Both slips at once, where they change different things."""
        if set(self.partials) & set(other.partials) or (self.scale != 1 and other.scale != 1):
            return None
        if self.step and other.step:
            return None
        return Slip(
            f"{self.kind}, {other.kind}",
            f"{self.words}; and {other.words}",
            {**self.partials, **other.partials},
            {},
            self.scale * other.scale,
            step=self.step or other.step,
        )


def value_of(quantity: Quantity, world: World, lr: float, slip: Slip | None = None) -> Array:
    """A quantity in a world, with a slip or without one."""
    if slip is None:
        slip = Slip("", "")
    if slip.formulas:
        world = replace(world, formulas=slip.formulas)
    asked = slip.instead or quantity
    edges = {edge: world.number(formula) for edge, formula in slip.partials.items()}
    if slip.renewed:
        edges |= _renewed(world, lr)
    if asked.new:
        with np.errstate(all="ignore"):
            return _stepped(asked, world, lr, slip, edges)
    whole = world.derivative(asked.of, asked.by, edges) if asked.by else world.numbers[asked.of]
    return whole * slip.scale


def _stepped(asked: Quantity, world: World, lr: float, slip: Slip, edges: Mapping[Edge, Array]) -> Array:
    w, g = world.numbers[asked.of], world.derivative(world.circuit.output, asked.of, edges) * slip.scale
    own = world.adjoints.get(asked.of)
    if own is not None:
        g = np.where(np.isnan(own), g, own)
    steps = {
        "plus": w + lr * g,
        "no rate": w - g,
        "rate alone": lr * g,
        "minus step": -lr * g,
        "gradient": g,
        "old": w,
        "rate twice": w - lr * lr * g,
        "rate divided": w - g / lr,
    }
    made: Array = steps[slip.step] if slip.step else w - lr * g
    return made


def _renewed(world: World, lr: float) -> dict[Edge, Array]:
    """The partial derivatives, with weights as they are after the step."""
    circuit = world.circuit
    read = {name for gate in circuit.gates for name in gate.inputs if name in circuit.leaves}
    weights = [n for n in read if circuit.elements[n].name.startswith("W")]
    numbers = {**world.numbers, **{n: w - lr * world.derivative(circuit.output, n) for n in weights
                                   for w in [world.numbers[n]]}}  # fmt: skip
    return {(gate.name, by): world.number(gate.partials[by], numbers) for gate in circuit.gates for by in gate.inputs}
