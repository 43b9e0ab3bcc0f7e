"""Many starting points of one tiny network at once, beside one after another and beside JAX's ``vmap``.

Run it: python -m benchmarks.starts --count 32
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import chainrule as cr
from benchmarks.measure import interleaved, spread, write
from benchmarks.training.contestants.base import LeftOut
from benchmarks.training.problem import Problem, make_problem
from benchmarks.training.workloads import WORKLOADS, Workload
from chainrule.engines.native.unrolled import ManyRun, UnrolledRun

NETWORKS = (
    WORKLOADS["tiny"],
    Workload("small", (4, 8, 1), "tanh", "mean_squared_error", "SGD", 0.05, 1, 20_000),
)
Epoch = Callable[[], Any]


def parts(problem: Problem) -> tuple[cr.Program, dict[str, Any], dict[str, float]]:
    """The program of a step, the rows, and what steps read besides."""
    w = problem.workload
    net = cr.mlp(w.sizes, hidden=w.hidden, loss=w.loss, dtype=w.precision)
    step = net.model.step_program(getattr(cr, w.optimizer)(w.lr), gather=True)
    steps = float(len(problem.order) // w.batch)
    rows = {"all_X": problem.X, "all_Y": problem.y.reshape(len(problem.y), -1)}
    return step, rows, {"S": steps, "T": steps, "plateau_factor": 1.0, "key": 0.0}


def at_once(problem: Problem, starts: Any) -> Epoch:
    """All starting points in the lanes of the machine's registers."""
    step, rows, constants = parts(problem)
    run = ManyRun(step, problem.workload.precision, rows, {"theta": starts})

    def epoch() -> Any:
        run.restore({"theta": starts})
        return run.advance(problem.order, problem.workload.batch, 0, constants).mean(axis=0)

    return epoch


def one_after_another(problem: Problem, starts: Any) -> Epoch:
    """The same machine, one starting point at a time."""
    step, rows, constants = parts(problem)
    run = UnrolledRun(step, problem.workload.precision, rows, {"theta": starts[0]})

    def epoch() -> Any:
        losses = []
        for start in starts:
            run.restore({"theta": start})
            losses.append(run.advance(problem.order, problem.workload.batch, 0, constants).mean())
        return np.array(losses)

    return epoch


def jax_at_once(problem: Problem, starts: Any) -> Epoch:
    """JAX's epoch, with ``vmap`` over the starting points."""
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


WAYS: dict[str, Callable[[Problem, Any], Epoch]] = {
    "chainrule, at once": at_once,
    "chainrule, one after another": one_after_another,
    "JAX, vmap": jax_at_once,
}


def measure(workload: Workload, count: int, rounds: int, table: Table) -> dict[str, Any]:
    """Measure one network, and add its lines to the table."""
    problem = make_problem(workload)
    size = sum(p.size for p in problem.start.values())
    starts = np.random.default_rng(0).normal(size=(count, size)).astype(workload.precision)
    epochs: dict[str, Epoch] = {}
    for name, way in WAYS.items():
        try:
            epochs[name] = way(problem, starts)
        except LeftOut as reason:
            print(f"left out: {name}: {reason}")
    losses = {name: epoch() for name, epoch in epochs.items()}
    seconds = interleaved(epochs, rounds)
    own = spread(seconds["chainrule, at once"])["median"]
    for name, values in seconds.items():
        s = spread(values)
        difference = np.abs(losses[name] / losses["chainrule, at once"] - 1).max()
        each = 1e9 / (len(problem.order) * count)
        figures = (f"{s['median'] * each:.1f}", f"{s['min'] * each:.1f}", f"{s['median'] / own:.1f}")
        table.add_row("-".join(map(str, workload.sizes)), name, *figures, f"{difference:.0e}")
    return {"count": count, "rows": len(problem.order), "seconds": seconds}


def main() -> None:
    """Measure, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.starts", description="Many starting points at once.")
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    table = Table(title=f"{asked.count} starting points, each with its own weights and the same rows")
    for heading in ("", "", "ns/row and network", "min", "time / at once", "losses differ by"):
        table.add_column(heading, justify="right" if heading else "left")
    results = {w.name: measure(w, asked.count, asked.rounds, table) for w in NETWORKS}
    console = Console(width=110)
    console.print(table)
    console.print(f"written: {write('starts', {'workloads': results})}")


if __name__ == "__main__":
    main()
