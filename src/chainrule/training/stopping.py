"""Which epoch was the best, and when training has gone on long enough without a better one."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite


@dataclass
class Best:
    """The best epoch so far, by one quantity. Values that are not finite are never the best.

    Attributes:
        larger_is_better: whether the quantity should grow.
        min_delta: by how much an epoch must be better than all before it for patience to begin anew.
        value: of the best epoch; ``None`` before the first.
        epoch: the number of the best epoch; 0 before the first.
        renewed: the last epoch that was better by more than ``min_delta``, from which patience counts.

    >>> best = Best(larger_is_better=False, min_delta=0.1)
    >>> [best.see(epoch, value) for epoch, value in enumerate([1.0, 0.95, 0.8, 0.9], 1)]
    [True, True, True, False]
    >>> best.epoch, best.renewed
    (3, 3)
    """

    larger_is_better: bool
    min_delta: float = 0.0
    value: float | None = None
    epoch: int = 0
    renewed: int = 0

    def see(self, epoch: int, value: float) -> bool:
        """Take note of an epoch; whether it is the best so far."""
        if not isfinite(value):
            return False
        gain = inf if self.value is None else value - self.value if self.larger_is_better else self.value - value
        if gain > self.min_delta:
            self.renewed = epoch
        if gain <= 0:
            return False
        self.value, self.epoch = value, epoch
        return True
