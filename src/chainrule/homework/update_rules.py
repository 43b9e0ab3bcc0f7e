"""Homework 1: the update rule of each weight of a 2-2-1 network, derived and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.document import Document, Formula, Line, Shown
from chainrule.errors import ArgumentError, require
from chainrule.explain import Circuit, Notation, notation_of
from chainrule.explain.circuits.paths import Path, paths_of
from chainrule.explain.circuits.wording import Wording, times, update
from chainrule.network import Network, mlp
from chainrule.oracles import complex_step

SIZES: Final = (2, 2, 1)
ROW: Final = ((1.0, 2.0),)
TARGET: Final = (1.0,)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class UpdateRule:
    """What gradient descent does to one weight.

    Attributes:
        weight: the name of the scalar.
        chain: the links from the loss to the weight, as a product of partial derivatives.
        gradient: their product, worked out.
        update: the new weight: the old one less the learning rate times that product.
        links: each link.
    """

    weight: str
    chain: Formula
    gradient: Formula
    update: Line
    links: Path

    @property
    def step(self) -> Formula:
        """What replaces the weight."""
        return self.update.right


@dataclass(frozen=True, eq=False)
class Homework1(Shown):
    """The six update rules; print it, or look at it in a notebook.

    Attributes:
        network: two inputs, two tanh units, one sigmoid output, no biases.
        X, y: the rows and their targets.
        rate: the learning rate.
        notation: how everything is written.
    """

    network: Network
    X: Floats
    y: Floats
    rate: float
    notation: Notation

    @cached_property
    def circuits(self) -> list[Circuit]:
        """The loss of each row."""
        rows = zip(self.X, self.y, strict=True)
        return [self.network.circuit(row, target, notation=self.notation) for row, target in rows]

    @cached_property
    def wording(self) -> Wording:
        """How the values of the first row are written."""
        return Wording(self.circuits[0], self.notation)

    @cached_property
    def rules(self) -> list[UpdateRule]:
        """One rule for each weight."""
        circuit, parameters = self.circuits[0], set(self.network.parameters)
        return [self._rule(name) for name in circuit.leaves if circuit.elements[name].name in parameters]

    @cached_property
    def gradients(self) -> list[float]:
        """The derivative of the loss of all rows by each weight, from the links."""
        return [float(np.mean([circuit.gradients[rule.weight] for circuit in self.circuits])) for rule in self.rules]

    @cached_property
    def checked(self) -> list[float]:
        """The same by the complex step, which calls the loss and knows no rule of differentiation."""
        factor = 0.5 if self.network.loss_function.name == "half_squared_error" else 1.0
        return [
            float(slope) for slope in complex_step(lambda w: factor * _squared_error(w, self.X, self.y), self._theta)
        ]

    @cached_property
    def weights(self) -> list[float]:
        """Each weight, before the update."""
        return [float(w) for w in self._theta]

    @cached_property
    def updated(self) -> list[float]:
        """Each weight after one update."""
        return [w - self.rate * slope for w, slope in zip(self.weights, self.gradients, strict=True)]

    @cached_property
    def error(self) -> float:
        """The largest relative difference of the two derivatives."""
        pairs = zip(self.gradients, self.checked, strict=True)
        return max(abs(a - b) / max(abs(a), abs(b), 1e-300) for a, b in pairs)

    def to_json(self) -> dict[str, Any]:
        """The rules and their numbers."""
        columns = (self.rules, self.weights, self.gradients, self.checked, self.updated)
        return {
            "loss": self.network.loss_function.name,
            "rules": [
                {
                    "weight": self.wording.name(rule.weight).text,
                    "chain": rule.chain.text,
                    "update": rule.step.text,
                    "latex": rule.step.latex,
                    "before": before,
                    "gradient": gradient,
                    "complex_step": checked,
                    "after": after,
                }
                for rule, before, gradient, checked, after in zip(*columns, strict=True)
            ],
            "largest_relative_difference": self.error,
        }

    @cached_property
    def document(self) -> Document:
        """The page."""
        from chainrule.homework.update_rules_page import page

        return page(self)

    @property
    def _theta(self) -> Floats:
        return np.concatenate([np.ravel(values) for values in self.network.parameters.values()])

    def _rule(self, weight: str) -> UpdateRule:
        circuit, wording = self.circuits[0], self.wording
        (path,) = paths_of(circuit, weight)
        gradient = wording.formula(wording.product(factor.partial for factor in path.factors))
        change = Formula(rf"{self.notation.rate} \cdot {gradient.latex}", f"lr * {gradient.text}")
        chain = times(wording.partial(factor.gate, factor.by) for factor in path.factors)
        return UpdateRule(weight, chain, gradient, update(wording.name(weight), change), path)


def homework_1(
    X: Any = ROW,
    y: Any = TARGET,
    *,
    weights: Sequence[float] | None = None,
    half: bool = False,
    rate: float = 0.1,
    seed: int = 0,
    notation: Notation | str = "textbook",
) -> Homework1:
    """Derive the update rule of each of the six weights of a 2-2-1 network, and check it numerically.

    The network has two tanh units, a sigmoid output and no biases; the loss is the mean over rows of (p - y)^2.

    Args:
        X: one row of two features, or several rows.
        y: the target of each row.
        weights: the six weights: those of the hidden layer from input 1 and from input 2, then those of the output.
        half: whether the loss has a half in front, (p - y)^2 / 2, so that its derivative has no factor 2.
        rate: the learning rate.
        seed: of the weights, where none are given.
        notation: the name of a notation or one of your own.

    >>> from chainrule.homework import homework_1
    >>> work = homework_1(half=True, notation="names")
    >>> work.rules[4].step.text
    'W2[0,0] - lr * (h2[0] - Y[0]) * h2[0] * (1 - h2[0]) * h1[0]'
    >>> work.error < 1e-13
    True
    """
    loss = "half_squared_error" if half else "mean_squared_error"
    network = mlp(list(SIZES), hidden="tanh", output="sigmoid", loss=loss, bias=False, seed=seed, dtype="float64")
    require(isfinite(rate) and rate > 0, f"the learning rate must be above 0, not {rate!r}")
    if weights is not None:
        require(len(weights) == network.parameters.theta.size, f"the network has 6 weights, not {len(weights)}")
        require(all(map(isfinite, weights)), f"weights are finite numbers, not {list(weights)}")
        network.parameters.theta[:] = weights
    rows, targets = np.atleast_2d(np.asarray(X, np.float64)), np.ravel(np.asarray(y, np.float64))
    if rows.shape != (len(targets), SIZES[0]) or not np.isfinite(rows).all() or not np.isfinite(targets).all():
        raise ArgumentError(
            f"rows of {SIZES[0]} finite features, each with a finite target, are needed: X has shape {np.shape(X)}, "
            f"y {np.shape(y)}"
        )
    return Homework1(network, rows, targets, rate, notation_of(notation))


def _squared_error(weights: NDArray[Any], X: Floats, y: Floats) -> Any:
    """The loss, written out for itself: an independent witness."""
    hidden = np.tanh(X @ weights[:4].reshape(2, 2))
    output = 1 / (1 + np.exp(-(hidden @ weights[4:])))
    return np.mean((output - y) ** 2)
