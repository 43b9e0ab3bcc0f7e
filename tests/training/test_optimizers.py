"""Optimisers against PyTorch's, step by step in float64, and their printed programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import chainrule as cr
from chainrule.optim import OPTIMIZERS, Optimizer, optimizer_of

STEPS = 50
SIZE = 7


def gradients(steps: int = STEPS) -> list[np.ndarray[Any, Any]]:
    """Gradients of very different sizes, with zeros among them."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=SIZE) * 10.0 ** rng.integers(-6, 3, SIZE) * (rng.random(SIZE) > 0.1) for _ in range(steps)]


def run_ours(optimizer: Optimizer, start: Any, dtype: str = "float64") -> np.ndarray[Any, Any]:
    from chainrule.runnable import Runnable

    program = Runnable.of(optimizer.program(SIZE))
    state = {"theta": start, **{name: np.zeros(SIZE) for name in optimizer.slots}}
    path = []
    for t, g in enumerate(gradients(), 1):
        result = program(dtype=dtype, g=g, lr=float(optimizer.lr), t=float(t), **state)  # type: ignore[arg-type]
        state = {name: result[f"new_{name}"] for name in state}
        path.append(state["theta"])
    return np.array(path)


def run_torch(make: Callable[[Any], Any], start: Any, before: Callable[[Any], None] = lambda p: None) -> Any:
    torch = pytest.importorskip("torch")
    p = torch.nn.Parameter(torch.tensor(start))
    optimizer = make([p])
    path = []
    for g in gradients():
        p.grad = torch.tensor(g)
        before(p)
        optimizer.step()
        path.append(p.detach().numpy().copy())
    return np.array(path)


PAIRS: dict[str, tuple[Optimizer, str, dict[str, Any]]] = {
    "SGD": (cr.SGD(0.01), "SGD", {"lr": 0.01}),
    "SGD decay": (cr.SGD(0.01, weight_decay=0.1), "SGD", {"lr": 0.01, "weight_decay": 0.1}),
    "momentum": (cr.SGD(0.01, momentum=0.9), "SGD", {"lr": 0.01, "momentum": 0.9}),
    "momentum decay": (
        cr.SGD(0.01, momentum=0.8, weight_decay=0.2),
        "SGD", {"lr": 0.01, "momentum": 0.8, "weight_decay": 0.2},
    ),
    "Nesterov": (
        cr.SGD(0.01, momentum=0.9, nesterov=True), "SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True},
    ),
    "Nesterov decay": (
        cr.SGD(0.01, momentum=0.9, nesterov=True, weight_decay=0.05),
        "SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05},
    ),
    "Adam": (cr.Adam(0.01), "Adam", {"lr": 0.01}),
    "Adam options": (
        cr.Adam(0.02, beta1=0.8, beta2=0.95, epsilon=1e-4),
        "Adam", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-4},
    ),
    "Adam no averages": (cr.Adam(0.02, beta1=0.0, beta2=0.0), "Adam", {"lr": 0.02, "betas": (0.0, 0.0)}),
    "Adam decay": (cr.Adam(0.01, weight_decay=0.1), "Adam", {"lr": 0.01, "weight_decay": 0.1}),
    "AdamW": (cr.AdamW(0.01), "AdamW", {"lr": 0.01}),
    "AdamW decay": (cr.AdamW(0.01, weight_decay=0.3), "AdamW", {"lr": 0.01, "weight_decay": 0.3}),
    "AdamW no decay": (cr.AdamW(0.01, weight_decay=0.0), "AdamW", {"lr": 0.01, "weight_decay": 0.0}),
    "RMSProp": (cr.RMSProp(0.01), "RMSprop", {"lr": 0.01}),
    "RMSProp options": (
        cr.RMSProp(0.01, rho=0.9, epsilon=1e-3, weight_decay=0.1),
        "RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1},
    ),
    "Adagrad": (cr.Adagrad(0.1), "Adagrad", {"lr": 0.1}),
    "Adagrad options": (
        cr.Adagrad(0.1, epsilon=1e-2, weight_decay=0.1),
        "Adagrad", {"lr": 0.1, "eps": 1e-2, "weight_decay": 0.1},
    ),
}  # fmt: skip


def start() -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).normal(size=SIZE)


@pytest.mark.parametrize("name", list(PAIRS))
def test_fifty_steps_are_those_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs, options = PAIRS[name]
    expected = run_torch(lambda p: getattr(torch.optim, theirs)(p, **options), start())
    # Both round each of some ten operations a step; nothing amplifies that but the addition of 50 steps.
    scale = np.abs(expected).max()
    assert np.abs(run_ours(ours, start()) - expected).max() <= 1e-13 * scale


def test_every_optimizer_is_among_the_cases() -> None:
    assert {type(o).__name__ for o, _, _ in PAIRS.values()} | {"LBFGS"} == {c.__name__ for c in OPTIMIZERS.values()}


def test_the_defaults_are_those_of_the_papers_and_of_torch() -> None:
    assert (cr.Adam().lr, cr.Adam().beta1, cr.Adam().beta2, cr.Adam().epsilon) == (1e-3, 0.9, 0.999, 1e-8)
    assert cr.AdamW().weight_decay == 0.01
    assert (cr.RMSProp().rho, cr.RMSProp().epsilon) == (0.99, 1e-8)
    assert cr.Adagrad().epsilon == 1e-10


@pytest.mark.parametrize("limit", [0.01, 1.0, 50.0])
def test_clipping_the_norm_is_that_of_torch(limit: float) -> None:
    """Torch divides by norm + 1e-6, we by norm + 1e-12: steps differ by that share."""
    torch = pytest.importorskip("torch")
    expected = run_torch(
        lambda p: torch.optim.SGD(p, lr=0.01),
        start(),
        lambda p: torch.nn.utils.clip_grad_norm_([p], limit),
    )
    moved = 0.01 * limit * STEPS
    assert_allclose(run_ours(cr.SGD(0.01, clip_norm=limit), start()), expected, rtol=0, atol=1e-5 * moved)
    long = np.array([3.0, 4.0, *[0.0] * (SIZE - 2)])
    from chainrule.runnable import Runnable

    program = Runnable.of(cr.SGD(1.0, clip_norm=1.0).program(SIZE))
    theta = program(theta=np.zeros(SIZE), g=long, lr=1.0, t=1.0)["new_theta"]
    assert_allclose(theta, -long / 5, rtol=1e-11)
    theta = program(theta=np.zeros(SIZE), g=long / 10, lr=1.0, t=1.0)["new_theta"]
    assert_allclose(theta, -long / 10, rtol=1e-15)  # short enough: untouched
    theta = program(theta=np.zeros(SIZE), g=0 * long, lr=1.0, t=1.0)["new_theta"]
    assert not theta.any()


def test_clipping_values_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    expected = run_torch(
        lambda p: torch.optim.Adam(p, lr=0.01), start(), lambda p: torch.nn.utils.clip_grad_value_([p], 0.5)
    )
    assert_allclose(run_ours(cr.Adam(0.01, clip_value=0.5), start()), expected, rtol=1e-12, atol=1e-14)


def test_values_are_clipped_before_the_norm_and_decay_is_not_clipped() -> None:
    from chainrule.runnable import Runnable

    program = Runnable.of(cr.SGD(1.0, clip_value=1.0, clip_norm=1.0, weight_decay=0.5).program(2))
    theta = program(theta=[2.0, 0.0], g=[100.0, 1.0], lr=1.0, t=1.0)["new_theta"]
    assert_allclose(theta, np.array([2.0, 0.0]) - np.array([1.0, 1.0]) / np.sqrt(2) - [1.0, 0.0], rtol=1e-11)


@pytest.mark.parametrize("name", list(PAIRS))
def test_float32_follows_to_rounding(name: str) -> None:
    optimizer = PAIRS[name][0]
    wide, narrow = run_ours(optimizer, start()), run_ours(optimizer, start(), "float32")
    assert narrow.dtype == np.float32
    if name == "Adam no averages":
        return  # g / |g|: decays to the sign of numbers that cancel
    assert_allclose(narrow, wide, rtol=1e-4, atol=1e-4 * np.abs(wide).max())


# Whole training runs


@pytest.mark.parametrize("name", ["momentum", "Adam", "AdamW", "RMSProp", "Adagrad"])
def test_training_a_network_follows_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs, options = PAIRS[name]
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    net = cr.mlp([3, 5, 1], dtype="float64", seed=1)
    leaves = [torch.nn.Parameter(torch.tensor(w)) for w in net.parameters.values()]
    optimizer = getattr(torch.optim, theirs)(leaves, **options)
    losses = []
    for _ in range(10):
        for i in range(0, 20, 8):
            optimizer.zero_grad()
            h = torch.tanh(torch.tensor(X[i : i + 8]) @ leaves[0] + leaves[1])
            loss = ((h @ leaves[2] + leaves[3] - torch.tensor(y[i : i + 8])) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    history = net.fit(X, y, epochs=10, batch_size=8, optimizer=ours, shuffle=False)
    for ours_, leaf in zip(net.parameters.values(), leaves, strict=True):
        assert_allclose(ours_, leaf.detach().numpy(), rtol=1e-9, atol=1e-11)
    weights = [8, 8, 4]
    assert_allclose(history.loss, np.average(np.reshape(losses, (10, 3)), axis=1, weights=weights), rtol=1e-9)


# What people read


def test_adam_prints_as_its_paper_says() -> None:
    from chainrule.runnable import Runnable

    program = Runnable.of(cr.Adam(1e-3).program())
    text = str(program)
    for line in (
        "def adam(theta, g, m, v, lr, t):",
        "new_m = 0.9 * m + 0.1 * g",
        "new_v = 0.999 * v + 0.001 * g ** 2",
        "1 - 0.9 ** t",
        "1 - 0.999 ** t",
        "np.sqrt(",
        "1e-08",
        "return new_theta, new_m, new_v",
    ):
        assert line in text, text


@pytest.mark.parametrize(
    ("optimizer", "lines"),
    [
        (cr.SGD(), ["new_theta = theta - lr * g"]),
        (cr.SGD(momentum=0.9), ["new_v = 0.9 * v + g", "new_theta = theta - lr * new_v"]),
        (
            cr.SGD(momentum=0.9, nesterov=True),
            ["new_v = 0.9 * v + g", "new_theta = theta - lr * (g + 0.9 * new_v)"],
        ),
        (cr.RMSProp(), ["new_v = 0.99 * v + 0.01 * g ** 2", "np.sqrt(new_v) + 1e-08"]),
        (cr.Adagrad(), ["new_s = s + g ** 2", "np.sqrt(new_s) + 1e-10"]),
        (cr.AdamW(), ["theta * (1 - lr * 0.01)"]),
        (cr.SGD(clip_norm=2.0), ["norm = np.sqrt((g ** 2).sum())"]),
        (cr.SGD(clip_value=2.0), ["np.minimum(np.maximum(g, -2.0), 2.0)"]),
    ],
    ids=lambda value: repr(value) if isinstance(value, Optimizer) else "",
)
def test_printed_programs(optimizer: Optimizer, lines: list[str]) -> None:
    from chainrule.runnable import Runnable

    text = str(Runnable.of(optimizer.program()))
    for line in lines:
        assert line in text, text
    assert text == str(Runnable.of(optimizer.program()))


@pytest.mark.parametrize("name", list(PAIRS))
def test_latex_is_balanced(name: str) -> None:
    from chainrule.runnable import Runnable

    latex = Runnable.of(PAIRS[name][0].program()).latex()
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")
    assert latex.count(r"\begin{") == latex.count(r"\end{") == 1
    assert r"\theta" in latex


# Settings


def test_names() -> None:
    for name, made in OPTIMIZERS.items():
        assert type(optimizer_of(name)) is made
        assert type(optimizer_of(name.upper())) is made
    with pytest.raises(cr.UnknownNameError, match="unknown optimizer 'adamm': did you mean 'adam'"):
        optimizer_of("adamm")
    with pytest.raises(cr.UnknownNameError, match=r"unknown optimizer 0\.1"):
        optimizer_of(0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.SGD(0.0), "learning rate must be above 0, not 0.0"),
        (lambda: cr.SGD(-1), "learning rate must be above 0, not -1"),
        (lambda: cr.SGD(float("nan")), "learning rate must be above 0, not nan"),
        (lambda: cr.SGD(float("inf")), "learning rate must be above 0, not inf"),
        (lambda: cr.SGD("fast"), "learning rate is a number or a schedule, not 'fast'"),
        (lambda: cr.SGD(momentum=1.0), "SGD: the momentum must be at least 0 and below 1, not 1.0"),
        (lambda: cr.SGD(nesterov=True), "Nesterov's form needs a momentum above 0"),
        (lambda: cr.Adam(beta1=1.0), "Adam: beta1 must be at least 0 and below 1, not 1.0"),
        (lambda: cr.AdamW(beta2=-0.1), "AdamW: beta2 must be at least 0 and below 1, not -0.1"),
        (lambda: cr.RMSProp(rho=2.0), "RMSProp: rho must be"),
        (lambda: cr.Adagrad(weight_decay=-1.0), "Adagrad: weight_decay must not be negative, not -1.0"),
        (lambda: cr.Adam(clip_norm=0.0), "Adam: clip_norm must be above 0, not 0.0"),
        (lambda: cr.Adam(clip_value=-1.0), "Adam: clip_value must be above 0, not -1.0"),
        (lambda: cr.LBFGS(history=0), "LBFGS: history must be above 0, not 0"),
        (lambda: cr.LBFGS(weight_decay=0.1), "put a penalty into it"),
        (lambda: cr.LBFGS(clip_norm=1.0), "do not clip"),
    ],
)
def test_bad_settings_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(cr.ArgumentError, match=message):
        make()


def test_descriptions_are_json() -> None:
    import json

    for optimizer, _, _ in PAIRS.values():
        described = json.loads(json.dumps(optimizer.to_json()))
        assert described.pop("optimizer") == type(optimizer).__name__
        assert type(optimizer)(**described) == optimizer
    assert json.dumps(cr.Adam(cr.schedules.Cosine(0.1)).to_json())
