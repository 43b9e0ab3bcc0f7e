"""The same training in several processes of this machine: how far their parameters are from those of NumPy.

python tests/jax/several_processes.py --processes 1 2 4
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

import chainrule as cr
from chainrule.engines.jax.processes import check_same, join, largest, of_first
from chainrule.errors import ChainruleError, NonFiniteError

OVERFLOWS = 444
"""The row of a table on which training fails."""

ROWS, BATCH = 45, 7
"""Rows that neither 2 nor 4 processes divide, in batches that they do not divide either; the last one is short."""


def learnt(engine: str) -> np.ndarray:
    """Parameters and running states of a network with all that looks at the whole batch."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(ROWS, 4)), rng.integers(0, 3, ROWS)
    layers = (cr.Dense(6, "tanh"), cr.Dropout(0.3), cr.BatchNorm(), cr.Dense(3))
    net = cr.Network(*layers, loss="cross_entropy", seed=1, dtype="float64")
    optimizer = cr.Adam(0.01, clip_norm=0.1)
    history = net.fit(X, y, epochs=4, batch_size=BATCH, optimizer=optimizer, validation=(X[:9], y[:9]), engine=engine)
    states = [values.ravel() for values in net.states.values()]
    return np.concatenate([net.parameters.theta, *states, history.loss, history.validation_loss])


def streamed(engine: str) -> list[float]:
    """The same of a table in files, of which every process reads its share of each window."""
    rng = np.random.default_rng(0)
    table = pl.DataFrame(dict(zip("abcy", rng.normal(size=(4, 997)), strict=True)))
    with TemporaryDirectory() as folder:
        table.write_parquet(f"{folder}/rows.parquet", row_group_size=90)
        learnt = cr.Stream(folder).learn("y")
        net = cr.mlp([3, 5, 1], loss="mean_squared_error", seed=1, dtype="float64")
        rows = replace(learnt.rows, memory=2 * 200 * (4 * 8 + 16))
        history = net.fit(rows, None, epochs=3, batch_size=23, engine=engine, validation=learnt.validation)
    return [*net.parameters.theta.tolist(), *history.loss, *history.validation_loss]


def failed() -> str:
    """What is said of the one row that overflows, whichever process has read it."""
    rng = np.random.default_rng(0)
    table = pl.DataFrame(dict(zip("ay", rng.normal(size=(2, 500)), strict=True)))
    table[OVERFLOWS, "a"] = 1e6  # 22 when it is scaled, and the others are 0.05 at most
    with TemporaryDirectory() as folder:
        table.write_parquet(f"{folder}/rows.parquet", row_group_size=90)
        learnt = cr.Stream(folder).learn("y")
        net = cr.mlp([1, 1], loss="mean_squared_error", dtype="float64")
        net.parameters["W1"] = np.array([[1e154]])
        try:
            net.fit(learnt.rows, None, epochs=1, batch_size=32, engine="jax", optimizer=cr.SGD(1e-200))
        except NonFiniteError as error:
            return f"{error.row}: {error}"
    return ""


def one(number: int) -> dict[str, Any]:
    """What one process has to say."""
    try:
        check_same({"x": np.array([number])})
        refused = ""
    except ChainruleError as error:
        refused = str(error)
    return {
        "learnt": learnt("jax").tolist(),
        "streamed": streamed("jax"),
        "failed": failed(),
        "largest": largest(number, -number, 5),
        "of the first": of_first({"loss": number + 0.1}),
        "refused": refused,
    }


def several(processes: int, seconds: float = 400) -> list[dict[str, Any]]:
    """What each of so many processes says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    started = [
        subprocess.Popen(
            [sys.executable, __file__, "--join", f"{address},{number},{processes}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    try:
        texts = [process.communicate(timeout=seconds) for process in started]
    finally:
        for process in started:
            process.kill()
    for process, (_, errors) in zip(started, texts, strict=True):
        assert process.returncode == 0, errors
    return [json.loads(output.splitlines()[-1]) for output, _ in texts]


def difference(found: list[float], wanted: np.ndarray) -> float:
    """The largest difference, relative to the largest value."""
    return float(np.max(np.abs(np.array(found) - wanted)) / np.max(np.abs(wanted)))


def main() -> None:
    """Be one of several processes, or start them and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4], help="how many, each in turn")
    parser.add_argument("--join", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.join:
        join(chosen.join)
        print(json.dumps(one(int(chosen.join.split(",")[1]))))
        return
    wanted = learnt("numpy")
    for processes in chosen.processes:
        found = several(processes)
        same = all(other["learnt"] == found[0]["learnt"] for other in found)
        print(
            f"{processes} processes: {difference(found[0]['learnt'], wanted):.1e} from NumPy; "
            f"all have the same bits: {'yes' if same else 'no'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
