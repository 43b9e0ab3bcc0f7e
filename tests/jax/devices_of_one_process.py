"""Runs on four devices of one process beside NumPy; prints what was found as JSON. ``test_devices.py`` starts this."""

from __future__ import annotations

import json

import jax
import numpy as np
from several_processes import streamed
from test_run import CLOCK, ORDER, ROWS, largest_difference, numpy_run, rows_of

import chainrule as cr
from chainrule.engines.jax import JaxEngine, jax_run
from chainrule.engines.jax.namespace import scope
from chainrule.engines.protocol import Steps
from chainrule.errors import ChainruleError
from chainrule.running import training_steps

ROWS_DIVIDED = JaxEngine(devices=4)
UNITS_DIVIDED = JaxEngine(devices=4, split=2, wide=6)
CASES = {
    "3 rows on 4 devices": (ROWS_DIVIDED, 3, 3 * ROWS),
    "all rows on 4 devices": (ROWS_DIVIDED, ROWS, 3 * ROWS),
    "8 rows, and 5 at the end, on 2 by 2 devices": (UNITS_DIVIDED, 8, ROWS + 6),
    "units of all layers on 3 devices": (JaxEngine(devices=3, split=3, wide=3), 7, 21),
}


def steps_of(batch: int) -> Steps:
    """Steps of a network with all that looks at the whole batch: masks, means over its rows, the gradient's length."""
    layers = (cr.Dense(6, "tanh"), cr.Dropout(0.3), cr.BatchNorm(), cr.Dense(3))
    net = cr.Network(*layers, loss="cross_entropy", seed=1, dtype="float64")
    return training_steps(net, net.prepare(*rows_of()), cr.Adam(0.01, clip_norm=0.1), batch)


def beside_numpy(engine: JaxEngine, batch: int, rows: int) -> float:
    """The largest relative difference in what is carried and in the losses after some steps."""
    steps = steps_of(batch)
    run, reference = jax_run(steps, engine), numpy_run(steps)
    found, wanted = (r.advance(ORDER[:rows], batch, 0, CLOCK) for r in (run, reference))
    return max(largest_difference(run.state, reference.state), float(np.max(np.abs(found / wanted - 1))))


def compiled(steps: Steps, engine: JaxEngine) -> str:
    """What XLA made of a slice: the program of each device."""
    run = jax_run(steps, engine)
    order = np.zeros((2, steps.batch_size), np.int32)
    with scope():
        lowered = jax.jit(run._step.advance).lower(run._parts, run._on_device, order, np.int32(2), np.int64(0), CLOCK)
        return str(lowered.compile().as_text())


def exchanges() -> int:
    """How many times a step adds up something over the devices, for layers that look at one row at a time."""
    net = cr.mlp([4, 6, 6, 3], loss="cross_entropy", seed=1)
    steps = training_steps(net, net.prepare(*rows_of()), cr.Adam(0.01), 8)
    return compiled(steps, ROWS_DIVIDED).count(" all-reduce(")


def refused(engine: JaxEngine) -> str:
    """The error of a run that cannot be."""
    try:
        jax_run(steps_of(8), engine)
    except ChainruleError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def learnt(engine: object) -> list[float]:
    """The parameters after a fit of two members, one after another."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    made = cr.MLPRegressor(hidden_layer_sizes=(5,), n_members=2, max_iter=3, engine=engine, random_state=0)
    made.fit(X, X[:, 0] ** 2)
    return [float(v) for v in made.network_.parameters.theta]


def embedded(engine: object) -> list[float]:
    """The parameters after a fit with Embeddings, a wide one too, to the rows of which gradients are added."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 5, (23, 2)), rng.normal(size=23)
    tables = [[cr.Columns(0), cr.Embedding(5, 3)], [cr.Columns(1), cr.Embedding(8, 2)]]
    layers = (cr.Join(*tables), cr.Dense(6, "tanh"), cr.Dense(1))
    net = cr.Network(*layers, loss="squared_error", seed=0, dtype="float64")
    net.fit(X, y, epochs=2, batch_size=4, optimizer=cr.SGD(0.05), engine=engine)
    return [float(v) for v in net.parameters.theta]


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", 4)
    print(
        json.dumps(
            {
                "differences": {name: beside_numpy(*case) for name, case in CASES.items()},
                "each device": compiled(steps_of(8), UNITS_DIVIDED),
                "exchanges": exchanges(),
                "too many": refused(JaxEngine(devices=5)),
                "nothing wide": refused(JaxEngine(devices=4, split=2)),
                "streams": [streamed("numpy"), streamed(ROWS_DIVIDED)],
                "embedded": [embedded(engine) for engine in ("numpy", ROWS_DIVIDED, UNITS_DIVIDED)],
                "members": [learnt("numpy"), learnt(ROWS_DIVIDED)],
            }
        )
    )
