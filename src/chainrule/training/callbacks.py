"""What can watch and stop training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.errors import require
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
    network: Any = None
    """The :class:`chainrule.Network` that is trained, with the weights that it has reached."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """How it is trained: rows, batch size, optimiser and so on, as JSON can hold them."""
    member: str = ""
    """Which network of an ensemble this is, such as ``member 2 of 5``; ``step`` and ``steps`` are those of all then."""


class Callback:
    """Watches training; subclass it and override what you need. A method that returns True ends training.

    An error in a method ends training too: the network keeps its best weights so far, as after Ctrl-C, every other
    callback comes to its ``on_end``, and then the error is raised, with the history in its ``history``.
    """

    def state(self) -> Any:
        """What is to be kept of this callback in a checkpoint, as JSON can hold it; nothing unless overridden."""

    def restore(self, state: Any) -> None:
        """Take over what :meth:`state` gave, before :meth:`on_start`, in a run that goes on from a checkpoint."""

    def on_start(self, moment: Moment) -> None:
        """Called before the first step."""

    def on_slice(self, moment: Moment) -> bool | None:
        """Called every 20 milliseconds or so (100 on JAX), between steps."""

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


def listed_callbacks(given: Any) -> list[Any]:
    """The callbacks that a user gives: several, or one without a list around it.

    Raises:
        ArgumentError: for what is none.
    """
    listed = [given] if isinstance(given, Callback) or callable(given) else list(given)
    for c in listed:
        require(isinstance(c, Callback) or callable(c), f"a callback is a function or a cr.Callback, not {c!r}")
    return listed
