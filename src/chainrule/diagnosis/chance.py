"""The losses between which that of a network lies: of a constant prediction, and of the best one for each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.nn.layers import Dense
from chainrule.optim import LBFGS

if TYPE_CHECKING:
    from chainrule.network import Network

FLOOR_TARGETS: Final = 200
"""Different targets by which the floor is found."""


@dataclass(frozen=True)
class Levels:
    """Two losses, both a row.

    Attributes:
        chance: that of the constant prediction that suits the targets best.
        floor: that of a prediction for each row that suits its target best; often 0, but not of counts, or where labels
            are smoothed.
    """

    chance: float
    floor: float

    def share(self, loss: float) -> float:
        """How much of what can be learnt is still to be learnt: 1 at chance, 0 at the floor.

        >>> Levels(chance=1.0, floor=0.5).share(0.75)
        0.5
        """
        left = max(loss - self.floor, 0.0)
        return left / (self.chance - self.floor) if self.chance > self.floor else float(left > 0)


def levels(network: Network, target: NDArray[Any]) -> Levels | None:
    """The chance level and the floor of a network's loss, found by linear networks; nothing for equal targets."""
    different, counts = np.unique(target, axis=0, return_counts=True)
    if len(different) == 1:
        return None
    some = np.unique(np.linspace(0, len(different) - 1, min(len(different), FLOOR_TARGETS)).round().astype(int))
    chance = _least(network, np.zeros((len(different), 1)), different, counts)
    floor = _least(network, np.eye(len(some)), different[some], counts[some])
    return Levels(chance, min(floor, chance))


def _least(network: Network, features: NDArray[Any], target: NDArray[Any], counts: NDArray[Any]) -> float:
    """The least loss that a linear network reaches."""
    weights = counts.astype(np.float64)
    loss = replace(network.loss_function, reduction="mean")
    linear = type(network)(Dense(target.shape[1], weights=0.0), loss=loss, inputs=features.shape[1], dtype="float64")
    settings: dict[str, Any] = {"epochs": 100, "batch_size": "all", "optimizer": LBFGS(), "engine": "numpy"}
    linear.fit(features, target, sample_weight=weights, **settings)
    return linear.loss(features, target, sample_weight=weights)


def bare_loss(network: Network, data: Mapping[str, Any]) -> float:
    """The loss of some rows, a row, without the penalties on weights."""
    weights = [network.parameters[p.name] for p in network.model.assemble(training=False).parameters if p.penalised]
    penalty = sum(network.l2 * float((w**2).sum()) + network.l1 * float(abs(w).sum()) for w in weights)
    loss = network.loss({name: a for name, a in data.items() if name != "Y"}, data["Y"]) - penalty
    return loss / len(data["Y"]) if network.loss_function.reduction == "sum" else loss
