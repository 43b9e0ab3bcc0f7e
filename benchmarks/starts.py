"""Many starting points at once, beside one after another, on each engine, and beside JAX by hand.

Run it: python -m benchmarks.starts --count 32
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import chainrule as cr
from benchmarks.measure import interleaved, spread, write
from benchmarks.training.contestants.base import LeftOut
from benchmarks.training.problem import Problem, make_problem
from benchmarks.training.workloads import WORKLOADS, Workload
from chainrule.engines import native
from chainrule.engines.jax import jax_many_run, jax_run
from chainrule.engines.many import each_network
from chainrule.engines.protocol import Run, Steps
from chainrule.errors import EngineError
from chainrule.running import clock

NETWORKS = {
    "tiny": WORKLOADS["tiny"],
    "small": Workload("small", (4, 8, 1), "tanh", "mean_squared_error", "SGD", 0.05, 1, 20_000),
    "table": WORKLOADS["table"],
}
Epoch = Callable[[], Any]
Way = Callable[[Problem, Any], Epoch]


CALLS = [(Workload("4-8-1, batch 16, 160 rows", (4, 8, 1), "tanh", "binary_cross_entropy", "Adam", 1e-3, 16, 160), 100)]
"""What is measured as a user calls it besides the networks, for so many epochs."""

EPOCHS = 5
"""Epochs of a turn: one alone is over before threads are awake and memory is at hand."""


def repeated(epoch: Epoch) -> None:
    """A turn of so many epochs, each from the same start."""
    for _ in range(EPOCHS):
        epoch()


def steps_of(problem: Problem, starts: Any) -> tuple[Steps, dict[str, float]]:
    """The steps of all networks, and what steps read besides data and state."""
    w = problem.workload
    net = cr.mlp(w.sizes, hidden=w.hidden, loss=w.loss, dtype=w.precision)
    optimizer = getattr(cr, w.optimizer)(w.lr)
    rows = {"all_X": problem.X, "all_Y": problem.y.reshape(len(problem.y), -1)}
    state = {"theta": starts, **{name: np.zeros_like(starts) for name in optimizer.slots}}
    steps = Steps(net.model.step_program(optimizer, gather=True), w.precision, rows, state, w.batch)
    return steps, clock(len(problem.order) // w.batch)


def at_once(make: Callable[[Steps], Run]) -> Way:
    """All starting points in one run."""

    def way(problem: Problem, starts: Any) -> Epoch:
        steps, constants = steps_of(problem, starts)
        run = make(steps)

        def epoch() -> Any:
            run.restore(steps.state)
            return run.advance(problem.order, problem.workload.batch, 0, constants).mean(axis=0)

        return epoch

    return way


def one_after_another(make: Callable[[Steps], Run]) -> Way:
    """The same engine, one starting point at a time; all share what was compiled."""

    def way(problem: Problem, starts: Any) -> Epoch:
        steps, constants = steps_of(problem, starts)
        networks = each_network(steps.state)
        run = make(replace(steps, state=networks[0]))

        def epoch() -> Any:
            losses = []
            for start in networks:
                run.restore(start)
                losses.append(run.advance(problem.order, problem.workload.batch, 0, constants).mean())
            return np.array(losses)

        return epoch

    return way


def jax_at_once(problem: Problem, starts: Any) -> Epoch:
    """An epoch written by hand for JAX, with ``vmap`` over the starting points."""
    try:
        import jax
        import jax.numpy as jnp

        from benchmarks.training.contestants.jax_scan import by_hand, loss_function, sums
    except ImportError as error:
        raise LeftOut(str(error)) from None
    w = problem.workload
    shapes = [p.shape for p in problem.start.values()]
    ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
    loss = loss_function(w, sums)

    def train(theta: Any, X: Any, y: Any, order: Any) -> Any:
        parameters = [p.reshape(s) for p, s in zip(jnp.split(theta, ends), shapes, strict=True)]
        state, update = by_hand(w, parameters)

        def step(carried: Any, rows: Any) -> Any:
            value, gradients = jax.value_and_grad(loss)(carried[0], X[rows], y[rows])
            return update(carried[0], gradients, carried[1]), value

        return jax.lax.scan(step, (parameters, state), order)[1].mean()

    compiled = jax.jit(jax.vmap(train, in_axes=(0, None, None, None)))
    data = [jnp.asarray(a) for a in (problem.X, problem.y.reshape(len(problem.y), -1), problem.order.astype(np.int32))]
    thetas = jnp.asarray(starts)
    return lambda: np.asarray(compiled(thetas, *data))


WAYS: dict[str, Way] = {
    "native, at once": at_once(native.many_run),
    "native, one after another": one_after_another(native.native_run),
    "jax, at once": at_once(jax_many_run),
    "jax, one after another": one_after_another(jax_run),
    "JAX by hand, vmap": jax_at_once,
}


def measure(workload: Workload, count: int, rounds: int, table: Table) -> dict[str, Any]:
    """Measure one network, and add its lines to the table."""
    problem = make_problem(workload)
    size = sum(p.size for p in problem.start.values())
    starts = np.random.default_rng(0).normal(0, 0.5, (count, size)).astype(workload.precision)
    epochs: dict[str, Epoch] = {}
    for name, way in WAYS.items():
        try:
            epochs[name] = way(problem, starts)
        except (LeftOut, EngineError) as reason:
            print(f"left out: {name}: {reason}")
    losses = {name: epoch() for name, epoch in epochs.items()}
    seconds = interleaved({name: partial(repeated, epoch) for name, epoch in epochs.items()}, rounds)
    fastest = {name: min(values) for name, values in seconds.items()}
    reference = next(iter(losses.values()))
    for name, values in seconds.items():
        each = 1e9 / (EPOCHS * len(problem.order) * count)
        together = fastest.get(name.replace("one after another", "at once"), fastest[name])
        figures = (f"{spread(values)['median'] * each:.1f}", f"{fastest[name] * each:.1f}")
        difference = np.abs(losses[name] / reference - 1).max()
        table.add_row(workload.name, name, *figures, f"{fastest[name] / together:.1f}", f"{difference:.0e}")
    return {"count": count, "rows": len(problem.order), "epochs": EPOCHS, "seconds": seconds}


def measure_calls(workload: Workload, epochs: int, count: int, rounds: int, table: Table) -> dict[str, Any]:
    """What a user calls: ``net.explore`` beside so many times ``net.fit``; add its lines to the table."""
    w, problem = workload, make_problem(workload)
    net = cr.mlp(w.sizes, hidden=w.hidden, loss=w.loss, dtype=w.precision)
    optimizer = getattr(cr, w.optimizer)(w.lr)
    settings: dict[str, Any] = {"epochs": epochs, "batch_size": w.batch, "optimizer": optimizer}

    def fits(engine: str) -> None:
        for seed in range(count):
            net.reset(seed)
            net.fit(problem.X, problem.y, engine=engine, **settings)

    calls: dict[str, Epoch] = {}
    for engine in ("native", "jax"):
        explore = partial(net.explore, problem.X, problem.y, engine=engine)
        try:
            explore(starts=1, epochs=1)
        except EngineError as reason:
            print(f"left out: {engine}: {reason}")
            continue
        calls[f"{engine}, net.explore"] = partial(explore, starts=count, **settings)
        calls[f"{engine}, net.fit for each"] = partial(fits, engine)
    seconds = interleaved(calls, rounds)
    for name, values in seconds.items():
        together = min(seconds[name.replace("net.fit for each", "net.explore")])
        each = 1e9 / (epochs * w.rows * count)
        figures = (f"{spread(values)['median'] * each:.1f}", f"{min(values) * each:.1f}")
        table.add_row(f"{w.name}, {epochs} epochs", name, *figures, f"{min(values) / together:.1f}")
    return {"count": count, "epochs": epochs, "rows": w.rows, "seconds": seconds}


def main() -> None:
    """Measure, print the tables, write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.starts", description="Many starting points at once.")
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--networks", default="tiny,small", help=f"some of {', '.join(NETWORKS)}")
    asked = parser.parse_args()
    table = Table(title=f"{asked.count} starting points, each with its own weights and the same rows")
    for heading in ("", "", "ns/row and network", "least", "least / at once", "losses differ by"):
        table.add_column(heading, justify="right" if heading else "left")
    networks = [NETWORKS[name] for name in asked.networks.split(",")]
    results = {w.name: measure(w, asked.count, asked.rounds, table) for w in networks}
    called = Table(title=f"What a user calls, for {asked.count} networks")
    for heading in ("", " ", "ns/row and network", "least", "least / net.explore"):
        called.add_column(heading, justify="right" if heading.strip() else "left")
    calls = {
        w.name: measure_calls(w, n, asked.count, asked.rounds, called)
        for w, n in [*CALLS, *[(w, EPOCHS) for w in networks]]
    }
    console = Console(width=110)
    console.print(table)
    console.print(called)
    console.print(f"written: {write('starts', {'workloads': results, 'calls': calls})}")


if __name__ == "__main__":
    main()
