"""Random networks against PyTorch's autograd, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch")
F = torch.nn.functional

TORCH_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "relu": torch.relu,
    "leaky_relu": lambda z: F.leaky_relu(z, 0.01),
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "softsign": F.softsign,
    "hard_tanh": F.hardtanh,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": lambda z: F.softplus(z, threshold=100),  # by default torch rounds to z from 20 on
    "softmax": lambda z: torch.softmax(z, -1),
    "log_softmax": lambda z: torch.log_softmax(z, -1),
    "exp": torch.exp,
    "sin": torch.sin,
    "smooth_clip": lambda z: z / torch.sqrt(1 + (z / 3) ** 2),
}


def _sum_and_mean(values: Any) -> Any:
    return values.sum(dim=1).mean()


NUMBER_LOSSES: dict[str, tuple[Any, Callable[[Any, Any], Any]]] = {
    "squared_error": ("squared_error", lambda p, y: _sum_and_mean((p - y) ** 2)),
    "half_squared_error": (
        "half_squared_error",
        lambda p, y: 0.5 * F.mse_loss(p, y, reduction="sum") / len(p),
    ),
    "mean_squared_error": ("mean_squared_error", F.mse_loss),
    "sum of squares": (cr.losses.squared_error("sum"), lambda p, y: F.mse_loss(p, y, reduction="sum")),
    "absolute_error": ("absolute_error", lambda p, y: F.l1_loss(p, y, reduction="sum") / len(p)),
    "huber": (cr.losses.huber(0.5), lambda p, y: F.huber_loss(p, y, reduction="sum", delta=0.5) / len(p)),
}
LOGIT_LOSSES: dict[str, tuple[Any, Callable[[Any, Any], Any]]] = {
    "binary_cross_entropy": (
        "binary_cross_entropy",
        lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(z),
    ),
    "cross_entropy": ("cross_entropy", F.cross_entropy),
    "smoothed cross-entropy": (
        cr.losses.cross_entropy(label_smoothing=0.1),
        lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1),
    ),
    "poisson": ("poisson", lambda z, y: F.poisson_nll_loss(z, y, reduction="sum") / len(z)),
}


def _targets(name: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    if "cross-entropy" in name or name == "cross_entropy":
        return rng.dirichlet(np.ones(shape[1]), shape[0])
    if name == "binary_cross_entropy":
        return rng.integers(0, 2, shape).astype(float)
    return rng.poisson(1.0, shape).astype(float) if name == "poisson" else rng.normal(size=shape)


def test_every_activation_has_a_counterpart() -> None:
    from chainrule.nn.activations import ACTIVATIONS

    assert set(ACTIVATIONS) == set(TORCH_ACTIVATIONS)


@pytest.mark.parametrize("case", range(200))
def test_loss_and_gradients_are_those_of_torch(case: int) -> None:
    rng = np.random.default_rng(case)
    sizes = [int(n) for n in rng.choice([1, 2, 3, 5, 8, 17, 33], rng.integers(2, 6))]
    hidden = [str(a) for a in rng.choice(list(TORCH_ACTIVATIONS), len(sizes) - 2)]
    bias = bool(rng.integers(0, 4))
    rows = int(rng.choice([1, 2, 3, 16, 33]))
    name = str(rng.choice([*NUMBER_LOSSES, *LOGIT_LOSSES]))
    logits = name in LOGIT_LOSSES
    ours, theirs = (LOGIT_LOSSES if logits else NUMBER_LOSSES)[name]
    output = None if logits else str(rng.choice(list(TORCH_ACTIVATIONS)))
    net = cr.mlp(
        sizes, hidden=hidden, output=output, loss=ours, bias=bias, dtype="float64", seed=case,
        biases=cr.init.Normal(0.3),
    )  # fmt: skip
    X = rng.normal(size=(rows, sizes[0]))
    y = _targets(name, (rows, sizes[-1]), rng)

    leaves = {k: torch.tensor(v, requires_grad=True) for k, v in net.parameters.items()}
    h = torch.tensor(X)
    for i, activation in enumerate([*hidden, output or "linear"], 1):
        z = h @ leaves[f"W{i}"]
        h = TORCH_ACTIVATIONS[activation](z + leaves[f"b{i}"] if bias else z)
    loss = theirs(h, torch.tensor(y))
    loss.backward()

    assert net.loss(X, y) == pytest.approx(loss.item(), rel=1e-10, abs=1e-14)
    gradients = net.gradients(X, y)
    assert set(gradients) == set(leaves)
    reference = {k: leaf.grad.numpy() for k, leaf in leaves.items()}
    largest = max(float(np.abs(g).max()) for g in reference.values())
    for k, expected in reference.items():
        # The floor is for gradients that are 0 and come out as rounding (a softmax over one unit).
        bound = 1e-10 * np.abs(expected).max() + 1e-14 * max(largest, 1.0)
        assert np.abs(gradients[k] - expected).max() <= bound, (k, sizes, hidden, output, name)
