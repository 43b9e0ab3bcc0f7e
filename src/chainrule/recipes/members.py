"""The members of an ensemble, trained beside each other, one on each core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.callbacks import Follower, for_members
from chainrule.engines.choice import Engine, one_by_one
from chainrule.engines.native.target import cores
from chainrule.network import Network
from chainrule.recipes.folds import held_back_by, others, seeds
from chainrule.training import Callback, History, Moment, listed_callbacks, progress_callback
from chainrule.training.interrupt import Interrupt

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """What one member is to learn from.

    Attributes:
        number: of the member, from 0.
        rows: to learn from.
        held: that it holds back, to watch.
        seed: of its starting values, the order of its rows, and its dropout.
        threads: that it may use; ``None``: as many as pay.
        callbacks: that watch it.
    """

    number: int
    rows: Rows
    held: Rows
    seed: int
    threads: int | None
    callbacks: tuple[Any, ...]


@dataclass(frozen=True)
class Member:
    """A trained network, how it was trained, and the rows that it did not learn from."""

    network: Network
    history: History
    held: Rows


def train_members(
    fit: Callable[[Part], tuple[Network, History]],
    *,
    rows: int,
    members: int,
    seed: int,
    labels: NDArray[Any] | None = None,
    hold_back: bool = True,
    engine: Engine = "auto",
    callbacks: Sequence[Any] = (),
    progress: Any = None,
) -> tuple[Member, ...]:
    """Train the members of an ensemble.

    They are trained beside each other, each on one thread, and followers keep a record for each. Other callbacks see
    one member after another. Ctrl-C ends the training of all, each with its best weights so far; members without a
    finished epoch are left out.

    Args:
        fit: makes and trains one network.
        rows: how many rows there are.
        members: how many networks.
        seed: of everything random; the first member has it as its own.
        labels: the class of each row.
        hold_back: whether each member holds back rows to watch; else all learn from all rows.
        engine: what trains them; one of several devices has them one after another.
        callbacks: what watches each training.
        progress: as in :meth:`chainrule.Network.fit`.
    """
    none = np.empty(0, np.int64)
    held = held_back_by(rows, members, np.random.default_rng(seed), labels) if hold_back else [none] * members
    given = listed_callbacks(callbacks)
    own = for_members(given, members)
    beside = all(isinstance(c, Follower) for c in given) and not one_by_one(engine)
    workers = min(members, cores()) if beside else 1
    bar = _SharedBar(progress_callback(progress), members)
    with Interrupt() as interrupt:  # those of the members are pressed with it

        def one(number: int) -> Member | None:
            if interrupt.pressed and number > 0:
                return None
            threads = None if workers == 1 else 1
            watching = (*own[number], *bar.of_member(number))
            part = Part(number, others(rows, held[number]), held[number], numbers[number], threads, watching)
            return Member(*fit(part), part.held)

        numbers = seeds(seed, members)
        if workers == 1:
            found = list(map(one, range(members)))
        else:
            with ThreadPoolExecutor(workers, "chainrule-member") as pool:
                found = list(pool.map(one, range(members)))
    trained = [member for member in found if member is not None]
    return tuple([member for member in trained if len(member.history)] or trained[:1])


@dataclass
class _SharedBar:
    """One progress bar for all members: its steps are those of all together."""

    bar: Callback | None
    members: int
    lock: Lock = field(default_factory=Lock)
    moments: dict[int, Moment] = field(default_factory=dict)
    ended: int = 0

    def of_member(self, number: int) -> list[Callback]:
        """What a member calls, if there is a bar."""
        return [_Shared(self, number)] if self.bar else []

    def together(self, member: int, moment: Moment) -> Moment:
        """Where one member stands, and how many steps all together have made."""
        self.moments[member] = moment
        name = f"member {member + 1} of {self.members}" if self.members > 1 else ""
        step = sum(m.step for m in self.moments.values())
        return replace(moment, step=step, steps=moment.steps * self.members, member=name)


@dataclass(eq=False)
class _Shared(Callback):
    """Reports one member to the bar of all."""

    shared: _SharedBar
    number: int

    def _tell(self, method: str, moment: Moment) -> None:
        with self.shared.lock:
            getattr(self.shared.bar, method)(self.shared.together(self.number, moment))

    def on_start(self, moment: Moment) -> None:
        """The first member shows the bar."""
        if not self.shared.moments:
            self._tell("on_start", moment)

    def on_slice(self, moment: Moment) -> None:
        """Between steps."""
        self._tell("on_slice", moment)

    def on_epoch(self, moment: Moment) -> None:
        """After an epoch."""
        self._tell("on_epoch", moment)

    def on_end(self, moment: Moment) -> None:
        """The last member removes the bar."""
        self.shared.ended += 1
        if self.shared.ended == self.shared.members:
            self._tell("on_end", moment)
