"""PyTorch: ``eager`` with its fused optimiser, and ``compile``, the whole step as one compiled function."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from benchmarks.training.contestants.base import EpochTrainer, LeftOut
from benchmarks.training.cores import cores
from benchmarks.training.problem import Problem
from benchmarks.training.workloads import Workload

HIDDEN: dict[str, Callable[[Any], Any]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
}

LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
    "cross_entropy": functional.cross_entropy,
    "mean_squared_error": functional.mse_loss,
    "huber": lambda z, y: functional.huber_loss(z, y) * y.shape[1],  # outputs are added up, not averaged
}


def loss_of(w: Workload, parameters: list[Any], x: Any, y: Any) -> Any:
    """The loss of a batch, of parameters W1, b1, W2, ..."""
    h = x
    for i in range(0, len(parameters) - 2, 2):
        h = HIDDEN[w.hidden](torch.addmm(parameters[i + 1], h, parameters[i]))
    return LOSSES[w.loss](torch.addmm(parameters[-1], h, parameters[-2]), y)


def eager(w: Workload, parameters: list[Any]) -> Callable[[Any, Any], Any]:
    """A step, operation by operation."""
    # RMSprop has no fused form; that over lists of arrays is its fastest.
    optimizer = {
        "SGD": lambda: torch.optim.SGD(parameters, lr=w.lr, fused=True),
        "Adam": lambda: torch.optim.Adam(parameters, lr=w.lr, fused=True),
        "AdamW": lambda: torch.optim.AdamW(parameters, lr=w.lr, fused=True),
        "RMSProp": lambda: torch.optim.RMSprop(parameters, lr=w.lr, foreach=True),
    }[w.optimizer]()

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(w, parameters, x, y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def compiled_step(w: Workload) -> Callable[..., Any]:
    """Loss, gradients and update as one compiled function, which changes parameters and slots in place."""
    names = {"SGD": 0, "RMSProp": 1, "Adam": 2, "AdamW": 2}
    slots = names[w.optimizer]

    def loss_function(parameters: list[Any], x: Any, y: Any) -> Any:
        return loss_of(w, parameters, x, y)

    def step(parameters: list[Any], first: list[Any], second: list[Any], t: Any, x: Any, y: Any) -> Any:
        gradients, loss = torch.func.grad_and_value(loss_function)(parameters, x, y)
        t += 1
        c = torch.sqrt(1 - 0.999**t)
        rate = w.lr * c / (1 - 0.9**t)
        for p, g, m, v in zip(parameters, gradients, first, second, strict=True):
            if slots == 0:
                p.sub_(w.lr * g)
            elif slots == 1:
                v.copy_(0.99 * v + 0.01 * g * g)
                p.sub_(w.lr * g / (torch.sqrt(v) + 1e-8))
            else:
                m.copy_(0.9 * m + 0.1 * g)
                v.copy_(0.999 * v + 0.001 * g * g)
                keep = 1 - w.lr * 0.01 if w.optimizer == "AdamW" else 1.0
                p.copy_(keep * p - rate * m / (torch.sqrt(v) + 1e-8 * c))
        return loss

    made: Callable[..., Any] = torch.compile(step, fullgraph=True, dynamic=False)
    return made


def prepare(problem: Problem, form: str) -> EpochTrainer:
    """An epoch, step by step."""
    w = problem.workload
    if form == "compile" and not (shutil.which("g++") or shutil.which("clang++")):
        raise LeftOut("torch.compile needs a C++ compiler, and there is none")
    torch.set_num_threads(cores())
    X, order = torch.from_numpy(problem.X), torch.from_numpy(problem.order)
    y = torch.from_numpy(problem.y[:, None] if w.loss == "binary_cross_entropy" else problem.y)
    batches = order.split(w.batch)
    compiled = compiled_step(w) if form == "compile" else None

    def start() -> Callable[[], Any]:
        parameters = [torch.from_numpy(p.copy()) for p in problem.start.values()]
        if compiled is None:
            step = eager(w, [p.requires_grad_() for p in parameters])
        else:
            first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
            t = torch.zeros((), dtype=X.dtype)

            def step(x: Any, y: Any) -> Any:
                return compiled(parameters, first, second, t, x, y)

        def run() -> Any:
            return torch.stack([step(X[rows], y[rows]) for rows in batches]).numpy()

        return run

    return EpochTrainer(float(w.flops_per_row * len(problem.order)), start)
