"""JAX by hand: an epoch is one compiled ``lax.scan`` over the batches, with its carried arrays donated.

Forms: ``dots`` updates by hand-written formulas, ``optax`` by optax, ``sums`` writes products as multiplications and
sums, which XLA fuses: for tiny networks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.training.contestants.base import EpochTrainer, LeftOut
from benchmarks.training.problem import Problem
from benchmarks.training.workloads import Workload

Parameters = list[Any]
Slots = list[Parameters]
Update = Callable[[Parameters, Parameters, Any], tuple[Parameters, Any]]

TINY = 500
"""Weights up to which the form without dots can win."""

HIDDEN: dict[str, Callable[[Any], Any]] = {
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
}


def _binary(z: Any, y: Any) -> Any:
    return (jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))).mean()


def _classes(z: Any, y: Any) -> Any:
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()


def _huber(z: Any, y: Any) -> Any:
    distance = jnp.abs(z - y)
    return jnp.where(distance <= 1, 0.5 * (z - y) ** 2, distance - 0.5).sum(axis=-1).mean()


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "binary_cross_entropy": _binary,
    "cross_entropy": _classes,
    "mean_squared_error": lambda z, y: ((z - y) ** 2).mean(),
    "huber": _huber,
}


def dot(x: Any, W: Any) -> Any:
    """A matrix product."""
    return x @ W


def sums(x: Any, W: Any) -> Any:
    """The same, as multiplications and sums."""
    return (x[..., None] * W).sum(axis=-2)


def loss_function(w: Workload, product: Callable[[Any, Any], Any]) -> Callable[[Parameters, Any, Any], Any]:
    """The loss of a batch, of parameters W1, b1, W2, ..."""

    def loss(parameters: Parameters, x: Any, y: Any) -> Any:
        h = x
        for i in range(0, len(parameters) - 2, 2):
            h = HIDDEN[w.hidden](product(h, parameters[i]) + parameters[i + 1])
        return LOSSES[w.loss](product(h, parameters[-2]) + parameters[-1], y)

    return loss


def by_hand(w: Workload, parameters: Parameters) -> tuple[Any, Update]:
    """State and update of the optimiser, from its formulas."""
    zeros = [jnp.zeros_like(p) for p in parameters]
    lr = w.lr

    def sgd(p: Parameters, g: Parameters, state: Any) -> tuple[Parameters, Any]:
        return [a - lr * b for a, b in zip(p, g, strict=True)], state

    def adam(p: Parameters, g: Parameters, state: Any) -> tuple[Parameters, Any]:
        m, v, t = state
        t = t + 1
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g, strict=True)]
        c = jnp.sqrt(1 - 0.999**t)
        rate = lr * c / (1 - 0.9**t)
        keep = 1 - lr * 0.01 if w.optimizer == "AdamW" else 1.0
        p = [keep * a - rate * b / (jnp.sqrt(d) + 1e-8 * c) for a, b, d in zip(p, m, v, strict=True)]
        return p, (m, v, t)

    def rmsprop(p: Parameters, g: Parameters, v: Any) -> tuple[Parameters, Any]:
        v = [0.99 * a + 0.01 * b * b for a, b in zip(v, g, strict=True)]
        return [a - lr * b / (jnp.sqrt(c) + 1e-8) for a, b, c in zip(p, g, v, strict=True)], v

    if w.optimizer == "SGD":
        return (), sgd
    if w.optimizer == "RMSProp":
        return zeros, rmsprop
    return (zeros, [z + 0 for z in zeros], jnp.zeros((), w.precision)), adam


def by_optax(w: Workload, parameters: Parameters) -> tuple[Any, Update]:
    """State and update of the optimiser, from optax."""
    import optax

    makers: dict[str, Callable[[], Any]] = {
        "SGD": lambda: optax.sgd(w.lr),
        "Adam": lambda: optax.adam(w.lr),
        "AdamW": lambda: optax.adamw(w.lr, weight_decay=0.01),
        "RMSProp": lambda: optax.rmsprop(w.lr, decay=0.99, eps_in_sqrt=False),
    }
    optimizer = makers[w.optimizer]()

    def update(p: Parameters, g: Parameters, state: Any) -> tuple[Parameters, Any]:
        changes, state = optimizer.update(g, state, p)
        return optax.apply_updates(p, changes), state

    return optimizer.init(parameters), update


def prepare(problem: Problem, form: str) -> EpochTrainer:
    """An epoch in one call."""
    w = problem.workload
    if form == "sums" and sum(a * b for a, b in w.weights) > TINY:
        raise LeftOut(f"only for tiny networks, of at most {TINY} weights")
    if w.precision == "float64":
        jax.config.update("jax_enable_x64", True)
    loss = loss_function(w, sums if form == "sums" else dot)
    maker = by_optax if form == "optax" else by_hand
    _, update = maker(w, [jnp.asarray(p) for p in problem.start.values()])

    def step(carried: tuple[Parameters, Any], batch: tuple[Any, Any]) -> tuple[tuple[Parameters, Any], Any]:
        parameters, state = carried
        value, gradients = jax.value_and_grad(loss)(parameters, *batch)
        return update(parameters, gradients, state), value

    def epoch(carried: Any, X: Any, y: Any, order: Any) -> Any:
        return jax.lax.scan(lambda c, rows: step(c, (X[rows], y[rows])), carried, order)

    compiled = jax.jit(epoch, donate_argnums=0)
    y = problem.y[:, None] if w.loss == "binary_cross_entropy" else problem.y
    order = problem.order.astype(np.int32)
    # A batch of one row is a row: the products are then of a vector, the form that XLA does best.
    order = order if w.batch == 1 else order.reshape(-1, w.batch)
    if w.batch == 1 and w.loss == "cross_entropy":
        raise LeftOut("cross_entropy is written for batches of more than one row")
    data = [jnp.asarray(a) for a in (problem.X, y.astype(np.int32) if w.loss == "cross_entropy" else y, order)]

    def start() -> Callable[[], Any]:
        # Copies: what is donated is gone.
        parameters = [jnp.array(p) for p in problem.start.values()]
        carried = (parameters, maker(w, parameters)[0])

        def run() -> Any:
            nonlocal carried
            carried, losses = compiled(carried, *data)
            return losses.block_until_ready()

        return run

    return EpochTrainer(float(w.flops_per_row * len(problem.order)), start)
