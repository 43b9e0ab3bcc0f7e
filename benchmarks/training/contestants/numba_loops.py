"""Numba: an epoch as one compiled function; loops written out for small networks, BLAS for larger products.

A yardstick for a compiler that knows nothing of networks. It may reorder arithmetic (``fastmath``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from benchmarks.training.contestants.base import EpochTrainer, LeftOut
from benchmarks.training.problem import Problem

HIDDEN = ("relu", "sigmoid", "tanh")
LOSSES = ("binary_cross_entropy", "cross_entropy", "mean_squared_error")
OPTIMIZERS = ("SGD", "Adam")
SMALL = 500
"""Weights up to which products are plain loops."""


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled when first called."""
    made: Callable[..., Any] = numba.njit(fastmath=True, error_model="numpy")(function)
    return made


def products(*, small: bool) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """``out = a b``, ``out = a^T b`` and ``out = a b^T``."""

    def plain(a: Any, b: Any, out: Any) -> None:
        for i in range(a.shape[0]):
            for j in range(b.shape[1]):
                total = out[i, j] * 0
                for k in range(a.shape[1]):
                    total += a[i, k] * b[k, j]
                out[i, j] = total

    def first_turned(a: Any, b: Any, out: Any) -> None:
        for i in range(a.shape[1]):
            for j in range(b.shape[1]):
                total = out[i, j] * 0
                for k in range(a.shape[0]):
                    total += a[k, i] * b[k, j]
                out[i, j] = total

    def second_turned(a: Any, b: Any, out: Any) -> None:
        for i in range(a.shape[0]):
            for j in range(b.shape[0]):
                total = out[i, j] * 0
                for k in range(a.shape[1]):
                    total += a[i, k] * b[j, k]
                out[i, j] = total

    if small:
        return jit(plain), jit(first_turned), jit(second_turned)
    return (
        jit(lambda a, b, out: np.dot(a, b, out)),
        jit(lambda a, b, out: np.dot(a.T, b, out)),
        jit(lambda a, b, out: np.dot(a, b.T, out)),
    )


def activation(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """f(z), and f'(z) from f(z)."""
    if name == "relu":
        return jit(lambda z: max(z, z * 0)), jit(lambda h: h * 0 + (h > 0))
    if name == "sigmoid":
        return jit(lambda z: 1 / (1 + np.exp(-z))), jit(lambda h: h * (1 - h))
    return jit(lambda z: np.tanh(z)), jit(lambda h: 1 - h * h)


def last_layer(name: str) -> Callable[..., Any]:
    """The loss of a batch from the last sums ``z``, which become its derivative."""

    def binary(z: Any, y: Any) -> Any:
        total = 0.0
        for i in range(len(z)):
            e = np.exp(-np.abs(z[i, 0]))
            total += max(z[i, 0], 0) - z[i, 0] * y[i, 0] + np.log1p(e)
            z[i, 0] = ((1 if z[i, 0] > 0 else e) / (1 + e) - y[i, 0]) / len(z)
        return total / len(z)

    def classes(z: Any, y: Any) -> Any:
        total = 0.0
        for i in range(len(z)):
            largest = z[i].max()
            share = np.exp(z[i] - largest)
            whole = share.sum()
            code = int(y[i, 0])
            total += np.log(whole) - (z[i, code] - largest)
            z[i] = share / whole / len(z)
            z[i, code] -= 1 / len(z)
        return total / len(z)

    def squares(z: Any, y: Any) -> Any:
        total = 0.0
        for i in range(z.shape[0]):
            for j in range(z.shape[1]):
                distance = z[i, j] - y[i, j]
                total += distance * distance
                z[i, j] = 2 * distance / z.size
        return total / z.size

    return jit({"binary_cross_entropy": binary, "cross_entropy": classes, "mean_squared_error": squares}[name])


def copy_all(source: Any, out: Any) -> None:
    """Copy an array."""
    out[:] = source


def update(name: str) -> Callable[..., Any]:
    """The optimiser's change of one array, all of them flat."""

    def sgd(p: Any, g: Any, m: Any, v: Any, lr: Any, c: Any) -> None:
        for i in range(p.size):
            p[i] -= lr * g[i]

    def adam(p: Any, g: Any, m: Any, v: Any, lr: Any, c: Any) -> None:
        one = c / c  # of the arrays' precision, as all below
        for i in range(p.size):
            m[i] = m[i] + (g[i] - m[i]) * (one / 10)
            v[i] = v[i] + (g[i] * g[i] - v[i]) * (one / 1000)
            p[i] -= lr * m[i] / (np.sqrt(v[i]) + c * one / 100_000_000)

    return jit({"SGD": sgd, "Adam": adam}[name])


def epoch_function(small: bool, hidden: str, loss: str, optimizer: str) -> Callable[..., Any]:
    """An epoch over flat parameters, of which ``W`` and ``b`` are views."""
    product, first_turned, second_turned = products(small=small)
    act, slope = activation(hidden)
    last, change = last_layer(loss), update(optimizer)
    adam, copy = optimizer == "Adam", jit(copy_all)

    def epoch(
        X: Any, y: Any, order: Any, B: int, W: Any, b: Any, dW: Any, db: Any, h: Any, d: Any, flat: Any, lr: Any,
        losses: Any, t: int,
    ) -> int:  # fmt: skip
        layers = len(W)
        theta, gradient, m, v = flat
        target = np.empty((B, y.shape[1]), y.dtype)
        for step in range(len(losses)):
            for i in range(B):
                row = order[step * B + i]
                h[0][i] = X[row]
                target[i] = y[row]
            for k in range(layers):
                below, above, bias = h[k], h[k + 1], b[k]
                product(below, W[k], above)
                for i in range(B):
                    for j in range(bias.size):
                        z = above[i, j] + bias[j]
                        above[i, j] = act(z) if k < layers - 1 else z
            losses[step] = last(h[layers], target)
            copy(h[layers], d[layers])
            for k in range(layers - 1, -1, -1):
                below, above, bias, values = d[k], d[k + 1], db[k], h[k]
                first_turned(values, above, dW[k])
                bias[:] = above[0]
                for i in range(1, B):
                    for j in range(bias.size):
                        bias[j] += above[i, j]
                if k:
                    second_turned(above, W[k], below)
                    for i in range(B):
                        for j in range(below.shape[1]):
                            below[i, j] *= slope(values[i, j])
            t += 1
            c = np.sqrt(1 - 0.999**t) if adam else 1.0
            rate = lr * c / (1 - 0.9**t) if adam else lr
            change(theta, gradient, m, v, theta.dtype.type(rate), theta.dtype.type(c))
        return t

    return jit(epoch)


def prepare(problem: Problem, form: str) -> EpochTrainer:
    """An epoch in one call."""
    w = problem.workload
    for what, known in ((w.hidden, HIDDEN), (w.loss, LOSSES), (w.optimizer, OPTIMIZERS)):
        if what not in known:
            raise LeftOut(f"no loops were written for {what}")
    compiled = epoch_function(sum(a * b for a, b in w.weights) <= SMALL, w.hidden, w.loss, w.optimizer)
    y = problem.y.astype(w.precision).reshape(len(problem.y), -1)
    losses = np.empty(len(problem.order) // w.batch)

    def start() -> Callable[[], Any]:
        first = np.concatenate([p.ravel() for p in problem.start.values()])
        flat = (first, *(np.zeros_like(first) for _ in range(3)))
        W, b = _views(flat[0], w.weights)
        dW, db = _views(flat[1], w.weights)
        h = tuple(np.zeros((w.batch, n), w.precision) for n in w.sizes)
        d = tuple(np.zeros((w.batch, n), w.precision) for n in w.sizes)
        t = 0

        def run() -> Any:
            nonlocal t
            t = compiled(problem.X, y, problem.order, w.batch, W, b, dW, db, h, d, flat, w.lr, losses, t)
            return losses

        return run

    return EpochTrainer(float(w.flops_per_row * len(problem.order)), start)


def _views(flat: Any, weights: list[tuple[int, int]]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Weights and biases as views of the flat vector that holds them all."""
    W, b, at = [], [], 0
    for inputs, units in weights:
        W.append(flat[at : at + inputs * units].reshape(inputs, units))
        at += inputs * units
        b.append(flat[at : at + units])
        at += units
    return tuple(W), tuple(b)
