"""Training runs that are to be killed.

    python tests/surviving/victims.py CASE FOLDER

trains with checkpoints in the folder and goes on from those that are there. It prints ``begun`` before the first step,
and at the end the fingerprint of all that training leaves.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1500, 6)).astype(np.float32)
y = (X[:, 0] * X[:, 1] > 0).astype(int)


def noisy(units: int) -> cr.Network:
    """A network with running states and random masks."""
    layers = cr.Dense(units, "relu"), cr.BatchNorm(), cr.Dropout(0.2), cr.Dense(1)
    return cr.Network(*layers, loss="binary_cross_entropy", inputs=6, seed=1)


def tiny() -> cr.Network:
    """A network that the native engine unrolls."""
    return cr.mlp([6, 3, 1], loss="binary_cross_entropy", dropout=0.1, seed=1)


PLATEAU = cr.SGD(cr.schedules.ReduceOnPlateau(0.1, 0.5, patience=1), momentum=0.9)
WATCHED: dict[str, Any] = {"validation": 0.2, "metrics": ["accuracy"], "restore_best": True, "batch_size": 8}

CASES: dict[str, tuple[Callable[[], cr.Network], dict[str, Any]]] = {
    "numpy": (lambda: noisy(8), {"engine": "numpy", "epochs": 12, "optimizer": cr.Adam(1e-2), **WATCHED}),
    "numpy, once": (tiny, {"engine": "numpy", "epochs": 12, "optimizer": PLATEAU, "shuffle": "once", **WATCHED}),
    "native": (lambda: noisy(40), {"engine": "native", "epochs": 120, "optimizer": cr.AdamW(1e-2), **WATCHED}),
    "native, unrolled": (
        tiny,
        {"engine": "native", "epochs": 150, "optimizer": PLATEAU, **WATCHED, "batch_size": 2},
    ),
    "native, lbfgs": (
        lambda: cr.mlp([6, 30, 1], loss="binary_cross_entropy", seed=1),
        {"engine": "native", "epochs": 150, "optimizer": cr.LBFGS(), "batch_size": "all"},
    ),
}


def trained(case: str, **settings: Any) -> tuple[cr.Network, cr.History]:
    """The network and the history of a case."""
    make, chosen = CASES[case]
    net = make()
    return net, net.fit(X, y, **{**chosen, **settings})


def fingerprint(net: cr.Network, history: cr.History) -> str:
    """Of the parameters, the running states, the optimiser's slots, the random stream, and the history but seconds."""
    checkpoint = history.checkpoint
    assert checkpoint is not None
    digest = hashlib.sha256()
    for name, array in sorted({**net.arrays(), **checkpoint.arrays()}.items()):
        digest.update(f"{name} {array.shape} {array.dtype}".encode() + np.ascontiguousarray(array).tobytes())
    described = {**checkpoint.to_json(), "seconds": 0}
    columns = {name: values for name, values in history.columns().items() if name != "seconds"}
    told = (history.steps, history.best_epoch, history.start, history.stopped, history.restored)
    digest.update(json.dumps([described, columns, told]).encode())
    return digest.hexdigest()


class Begun(cr.Callback):
    """Says that the first step comes next."""

    def on_start(self, moment: Any) -> None:
        """Where training begins, or goes on."""
        print("begun", moment.step, flush=True)


def main() -> None:
    """Train the case to its end."""
    case, folder = sys.argv[1], Path(sys.argv[2])
    checkpoints = cr.Checkpoints(folder, seconds=0.01, keep=2)
    print(fingerprint(*trained(case, checkpoints=checkpoints, resume=folder, callbacks=[Begun()])))


if __name__ == "__main__":
    main()
