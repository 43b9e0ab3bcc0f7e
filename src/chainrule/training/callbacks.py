"""What can watch and stop training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chainrule.training.history import History


@dataclass(frozen=True)
class Moment:
    """Where training stands."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    """The last step's loss."""
    history: History


class Callback:
    """Watches training; subclass it and override what you need. A method that returns True ends training."""

    def on_start(self, moment: Moment) -> None:
        """Called before the first step."""

    def on_slice(self, moment: Moment) -> bool | None:
        """Called every few milliseconds, between steps."""

    def on_epoch(self, moment: Moment) -> bool | None:
        """Called after each epoch, when its line in the history is written."""

    def on_end(self, moment: Moment) -> None:
        """Called once at the end, however training ended."""


@dataclass
class EveryEpoch(Callback):
    """Calls a plain function with the :class:`Moment` after each epoch."""

    function: Callable[[Moment], bool | None]

    def on_epoch(self, moment: Moment) -> bool | None:
        """Call it."""
        return self.function(moment)
