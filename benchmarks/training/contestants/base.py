"""What a contestant is: it trains epochs of one problem, from the same start, whenever it is its turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import numpy as np


class LeftOut(Exception):  # noqa: N818 - not an error
    """Why a contestant does not take part."""


@dataclass(frozen=True)
class Turn:
    """What was done in one turn.

    Attributes:
        seconds: the time of each epoch but the first, which wakes threads and fills caches.
        losses: the mean loss of the first two epochs, by which contestants are compared.
    """

    seconds: list[float]
    losses: list[float]


class Trainer(Protocol):
    """What :meth:`Contestant.prepare` gives."""

    flops: float
    """Operations of an epoch."""

    def turn(self, seconds: float) -> Turn:
        """Train from the starting weights: two epochs, then more while ``seconds`` have not gone by."""
        ...


@dataclass
class EpochTrainer:
    """A trainer from a function.

    Attributes:
        flops: operations of an epoch.
        start: goes to the starting weights and gives a function that trains the next epoch and, when it is done,
            returns the loss of each step.
    """

    flops: float
    start: Callable[[], Callable[[], Sequence[float] | Any]]

    def turn(self, seconds: float) -> Turn:
        """Train from the starting weights."""
        epoch = self.start()
        losses = [float(np.mean(epoch()))]
        times: list[float] = []
        begin = before = perf_counter()
        while not times or before - begin < seconds:
            result = epoch()
            now = perf_counter()
            times.append(now - before)
            if len(losses) < 2:
                losses.append(float(np.mean(result)))
            before = perf_counter()
        return Turn(times, losses)
