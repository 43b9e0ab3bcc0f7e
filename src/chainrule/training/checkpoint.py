"""What a training run needs, besides its history, to go on where it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.protocol import Rows

State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training run ended: arrays and numbers, to be written as safetensors and JSON.

    Attributes:
        state: what steps carry on: parameters, running states, the optimiser's slots.
        best: parameters and running states of the best epoch so far; empty before the first.
        order: the rows in the order of the last epoch, where ``shuffle="once"`` keeps it; else empty.
        constants: what steps read besides: the key of random masks, what a schedule that waits for a plateau has seen.
        shuffling: the state of the random stream for shuffling.
        seed: from which the streams of the run were made.
    """

    state: State
    best: State
    order: Rows
    constants: Mapping[str, float]
    shuffling: Mapping[str, Any]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """What is no array."""
        return {"constants": dict(self.constants), "shuffling": dict(self.shuffling), "seed": self.seed}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, such as ``state/theta``."""
        state = {f"state/{name}": array for name, array in self.state.items()}
        return state | {f"best/{name}": array for name, array in self.best.items()} | {"order": self.order}

    @classmethod
    def from_json(cls, description: Mapping[str, Any], arrays: State) -> Checkpoint:
        """The checkpoint that :meth:`to_json` and :meth:`arrays` described."""
        state, best = (
            {name.removeprefix(part): array for name, array in arrays.items() if name.startswith(part)}
            for part in ("state/", "best/")
        )
        return cls(state, best, np.asarray(arrays["order"], np.int64), **description)
