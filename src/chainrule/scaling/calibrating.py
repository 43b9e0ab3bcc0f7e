"""The constants of the model, measured by JAX on this machine and between the processes that are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np

from chainrule.engines.jax import JaxEngine, jax_run
from chainrule.engines.jax.processes import gathered, several
from chainrule.engines.protocol import Steps
from chainrule.network import mlp
from chainrule.optim import Adam
from chainrule.passes.cost import cost
from chainrule.running import clock, full_batches, training_steps
from chainrule.scaling.model import Machine, Work

PRODUCT = 256
"""Rows and columns of the matrices whose product is timed."""

STREAM = 1 << 18
"""Numbers of each array to which elementwise operations are done, as an optimiser does them."""

RESULTS = 12
"""Operations on each of these numbers; XLA makes them in one pass."""

MESSAGE = 1 << 21
"""Numbers of a long all-reduce."""

REPEATED = 10
"""How often each thing is timed; the shortest time counts, since other work can only lengthen it."""

NETWORKS = ((64, 64), (64, 1024), (256, 256), (512, 512))
"""Units of the three hidden layers, and rows of a batch, of the steps that the model is compared with."""

STEPS = 4
"""Steps that are timed together."""


@dataclass(frozen=True)
class Measured:
    """Seconds of a real step."""

    units: int
    batch: int
    seconds: float


@dataclass(frozen=True)
class Calibration:
    """What was measured by so many processes."""

    processes: int
    machine: Machine
    steps: tuple[Measured, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {
            "processes": self.processes,
            "machine": self.machine.to_json(),
            "steps": [asdict(each) for each in self.steps],
        }

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Calibration:
        """What :meth:`to_json` described."""
        steps = tuple(Measured(**each) for each in described["steps"])
        return cls(described["processes"], Machine.from_json(described["machine"]), steps)


def calibrate() -> Calibration:
    """Measure constants and steps; several processes do so together, each with all the others at work.

    Errors are those of :func:`chainrule.engines.jax.jax_run`.
    """
    import jax
    import jax.numpy as jnp

    processes = jax.process_count()
    square = jnp.ones((PRODUCT, PRODUCT), jnp.float32)
    line = jnp.ones(STREAM, jnp.float32)
    multiply, update = jax.jit(lambda a: a @ a), jax.jit(_update)
    flops = 2 * PRODUCT**3 / _shortest(lambda: multiply(square).block_until_ready())
    moved = 4 * RESULTS * STREAM / _shortest(lambda: jax.block_until_ready(update(line, line, line, line)))
    latency, bandwidth = _all_reduce() if several() else (0.0, float("inf"))
    steps = tuple(Measured(units, batch, _step(units, batch)) for units, batch in NETWORKS)
    smallest = _step(1, processes) - 2 * np.log2(processes) * latency
    machine = Machine(flops, moved, max(smallest, 0.0), latency, bandwidth)
    return Calibration(processes, machine, steps)


def work_of(units: int) -> Work:
    """What a step of a network with three hidden layers of so many units does."""
    steps = _steps(units, 2)
    one, two = (cost(steps.program, {"B": rows, "N": 2}) for rows in (1, 2))
    flops, moved = two.flops - one.flops, two.bytes - one.bytes
    return Work(flops, moved, one.flops - flops, one.bytes - moved, 4.0 * steps.state["theta"].size)


def _shortest(function: Callable[[], Any]) -> float:
    """Seconds of a call after the first, which compiles; processes begin together, and the slowest of them counts."""
    function()
    times = []
    for _ in range(REPEATED):
        if several():
            gathered(np.zeros(1))
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return float(gathered(np.array(times)).max(axis=0).min()) if several() else min(times)


def _update(theta: Any, g: Any, m: Any, v: Any) -> Any:
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * (g * g)
    return theta - 0.001 * m / (v**0.5 + 1e-8), m, v


def _all_reduce() -> tuple[float, float]:
    """Latency and bandwidth of sums over the processes, by the model of ``step_seconds``."""
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    devices = np.array([next(d for d in jax.devices() if d.process_index == p) for p in range(jax.process_count())])
    mesh = Mesh(devices, ("data",))
    by_process, whole = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())
    count = len(devices)
    add = jax.jit(lambda a: a.sum(axis=0), out_shardings=whole)

    def seconds(numbers: int) -> float:
        rows = jax.make_array_from_callback((count, numbers), by_process, lambda _: np.ones((1, numbers), np.float32))
        return _shortest(lambda: add(rows).block_until_ready())

    short, long = seconds(2), seconds(MESSAGE)
    return float(short / (2 * np.log2(count))), 2 * (count - 1) / count * 4 * MESSAGE / max(long - short, 1e-9)


def _steps(units: int, batch: int) -> Steps:
    network = mlp([units] * 4 + [1], hidden="relu", loss="squared_error", dtype="float32")
    rng = np.random.default_rng(0)
    rows = max(2 * batch, 4)
    data = network.prepare(rng.standard_normal((rows, units)), rng.standard_normal((rows, 1)))
    return training_steps(network, data, Adam(1e-3), batch)


def _step(units: int, batch: int) -> float:
    """Seconds of a real step."""
    steps = _steps(units, batch)
    run = jax_run(steps, JaxEngine())
    order = full_batches(steps.rows, batch, STEPS, np.random.default_rng(0))
    constants = clock(STEPS)
    return _shortest(lambda: run.advance(order, batch, 0, constants)) / STEPS
