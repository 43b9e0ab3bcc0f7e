"""What a training run needs, besides its history, to go on where it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training run stands: arrays and numbers, to be written as safetensors and JSON.

    Attributes:
        state: what steps carry on: parameters, running states, the optimiser's slots.
        best: parameters and running states of the best epoch so far; empty before the first.
        constants: what steps read besides: the key of random masks, what a schedule that waits for a plateau has seen.
        shuffling: the state of the random stream for shuffling at the start of the epoch that comes next, or that was
            begun.
        seed: from which the streams of the run were made.
        losses: those of the steps that were made of the epoch that was begun; empty between two epochs.
        seconds: that they took.
        ended: why training ended before its last epoch, so that nothing is to follow; empty otherwise.
        callbacks: the states of those that have one, in their order.
    """

    state: State
    best: State
    constants: Mapping[str, float]
    shuffling: Mapping[str, Any]
    seed: int
    losses: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    seconds: float = 0.0
    ended: str = ""
    callbacks: tuple[Any, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What is no array."""
        numbers = {"constants": dict(self.constants), "shuffling": dict(self.shuffling)}
        about = {"seed": self.seed, "seconds": self.seconds, "ended": self.ended}
        return {**numbers, **about, "callbacks": list(self.callbacks)}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, such as ``state/theta``."""
        state = {f"state/{name}": array for name, array in self.state.items()}
        return state | {f"best/{name}": array for name, array in self.best.items()} | {"losses": self.losses}

    @classmethod
    def from_json(cls, description: Mapping[str, Any], arrays: State) -> Checkpoint:
        """The checkpoint that :meth:`to_json` and :meth:`arrays` described."""
        state, best = (
            {name.removeprefix(part): array for name, array in arrays.items() if name.startswith(part)}
            for part in ("state/", "best/")
        )
        return cls(state, best, losses=arrays["losses"], **description)
