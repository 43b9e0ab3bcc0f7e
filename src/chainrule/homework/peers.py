"""The same descent in other libraries, where they are installed: same start, same rows, same updates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.comparing.run import started
from chainrule.comparing.task import Task
from chainrule.network import Network
from chainrule.optim import SGD

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Peer:
    """A library's descent.

    Attributes:
        name: the library and its version.
        losses: of the training rows, before each update.
        predictions: of the test rows, after the last update.
    """

    name: str
    losses: tuple[float, ...]
    predictions: Floats


def descent(
    library: str, network: Network, X: Floats, y: Floats, X_test: Floats, rate: float, updates: int
) -> Peer | None:
    """Full-batch descent from the weights of a network, which has those of the library at the end.

    Args:
        library: a name of :data:`chainrule.comparing.PEERS`.
        network: at the start.
        X: the training rows.
        y: their classes.
        X_test: the rows to predict at the end.
        rate: the learning rate.
        updates: how many.

    Returns:
        The descent; nothing where the library is not installed.
    """
    data, everything = network.prepare(X, y), np.arange(len(X))
    peers, _ = started(Task(network, SGD(rate), data["X"], data["Y"], [everything]), [library])
    if not peers:
        return None
    losses = tuple(peers[0].step(everything) for _ in range(updates))
    for name, values in peers[0].weights().items():
        network.parameters[name] = values
    return Peer(peers[0].name, losses, network.predict(X_test)[:, 0])
