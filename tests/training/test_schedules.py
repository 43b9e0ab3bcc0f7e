"""Schedules against closed forms, PyTorch's schedulers and a simulation by hand."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, floor, pi
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import chainrule as cr
from chainrule.runnable import Runnable
from chainrule.schedules import SCHEDULES, Schedule, schedule_of

s = cr.schedules
S, T = 4.0, 40.0


def rates(schedule: Schedule, S: float = S, T: float = T) -> np.ndarray[Any, Any]:
    program = Runnable.of(schedule.program())
    return np.array([program(t=float(t), S=S, T=T)["lr"] for t in range(int(T))])


CLOSED: list[tuple[Schedule, Callable[[int], float]]] = [
    (s.Constant(0.3), lambda t: 0.3),
    (s.Step(0.8, factor=0.5, every=3), lambda t: 0.8 * 0.5 ** floor(t / 12)),
    (s.Step(0.8, factor=0.1, every=0.5), lambda t: 0.8 * 0.1 ** (t // 2)),
    (s.Exponential(0.8, factor=0.9), lambda t: 0.8 * 0.9 ** (t / 4)),
    (s.InverseTime(0.8, decay=2.0), lambda t: 0.8 / (1 + 2 * t / 4)),
    (s.Cosine(0.8), lambda t: 0.4 * (1 + cos(pi * t / 40))),
    (s.Cosine(0.8, final=0.1), lambda t: 0.1 + 0.35 * (1 + cos(pi * t / 40))),
    (s.Warmup(0.8, epochs=2), lambda t: 0.8 * min(1, (t + 1) / 8)),
    (
        s.Warmup(9.0, epochs=2, then=s.Cosine(0.8)),
        lambda t: min(1, (t + 1) / 8) * 0.4 * (1 + cos(pi * t / 40)),
    ),
    (s.Warmup(0.8, epochs=0), lambda t: 0.8),
]


@pytest.mark.parametrize(("schedule", "formula"), CLOSED, ids=[repr(c) for c, _ in CLOSED])
def test_rates_follow_the_formula(schedule: Schedule, formula: Callable[[int], float]) -> None:
    assert_allclose(rates(schedule), [formula(t) for t in range(40)], rtol=1e-13)


@pytest.mark.parametrize(
    ("ours", "name", "options", "unit"),
    [
        (s.Step(0.8, factor=0.3, every=3), "StepLR", {"step_size": 3, "gamma": 0.3}, 1.0),
        (s.Exponential(0.8, factor=0.9), "ExponentialLR", {"gamma": 0.9}, 1.0),
        (s.Cosine(0.8, final=0.05), "CosineAnnealingLR", {"T_max": 40, "eta_min": 0.05}, 1.0),
    ],
)
def test_rates_are_those_of_torch(ours: Schedule, name: str, options: dict[str, Any], unit: float) -> None:
    """Torch counts whatever it is stepped by: here updates, of which one is an epoch for us."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **options)
    theirs = []
    for _ in range(40):
        theirs.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert_allclose(rates(ours, S=unit), theirs, rtol=1e-12)


def test_one_cycle_rises_and_falls_between_the_documented_rates() -> None:
    """Torch's OneCycleLR is the same curve, whose peak and end come one update earlier."""
    torch = pytest.importorskip("torch")
    ours = rates(s.OneCycle(0.8, rise=0.25), T=1000)
    assert ours[0] == pytest.approx(0.8 / 25, rel=1e-13)
    assert ours.max() == pytest.approx(0.8, rel=1e-13)
    assert np.argmax(ours) == 250
    assert (np.diff(ours[:251]) > 0).all()
    assert (np.diff(ours[250:]) < 0).all()
    end = Runnable.of(s.OneCycle(0.8).program())(t=1000.0, S=1.0, T=1000.0)["lr"]
    assert end == pytest.approx(0.8 / 25 / 1e4, rel=1e-9)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.8, total_steps=1000, pct_start=0.25, cycle_momentum=False
    )
    theirs = []
    for _ in range(1000):
        theirs.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    slope = np.abs(np.diff(theirs)).max()
    assert np.abs(ours - theirs).max() <= 2 * slope


def hand_plateau(losses: list[float], lr: float, factor: float, patience: int, threshold: float) -> list[float]:
    """The rate of each epoch, as the documentation describes it."""
    best, waited, used = None, 0, []
    for loss in losses:
        used.append(lr)
        if best is None or best - loss > threshold * abs(best):
            best, waited = loss, 0
        else:
            waited += 1
            if waited > patience:
                lr, waited = lr * factor, 0
    return used


def used_rates(losses: list[float], schedule: Schedule) -> list[float]:
    """The rates that the network's rule makes of a series of losses."""
    from chainrule.fitting import NO_PLATEAU, _plateau

    after_epoch, constants, used = _plateau(cr.SGD(schedule)), dict(NO_PLATEAU), []
    for loss in losses:
        used.append(max(schedule.lr * constants["plateau_factor"], getattr(schedule, "minimum", 0.0)))
        constants |= after_epoch(loss, constants)
    return used


LOSSES = [
    5.0,
    4.0,
    3.0,
    3.0,
    3.0,
    2.9999,
    3.0,
    2.0,
    2.1,
    2.2,
    2.3,
    2.4,
    2.5,
    2.6,
    -1.0,
    -1.0001,
    -1.1,
    -1.1,
    -1.1,
]


@pytest.mark.parametrize("patience", [0, 1, 3])
@pytest.mark.parametrize("threshold", [0.0, 1e-3, 0.3])
def test_plateaus_by_hand(patience: int, threshold: float) -> None:
    schedule = s.ReduceOnPlateau(0.8, factor=0.5, patience=patience, threshold=threshold)
    assert used_rates(LOSSES, schedule) == hand_plateau(LOSSES, 0.8, 0.5, patience, threshold)


def test_plateaus_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    losses = [v for v in LOSSES if v > 0]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, threshold=1e-3)
    theirs = []
    for loss in losses:
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(loss)
    assert used_rates(losses, s.ReduceOnPlateau(0.8, factor=0.5, patience=1, threshold=1e-3)) == theirs


def test_a_falling_loss_keeps_the_rate() -> None:
    assert set(used_rates([1 / (i + 1) for i in range(30)], s.ReduceOnPlateau(0.8, patience=0))) == {0.8}


# In training

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 2))
y = X @ [1.0, -2.0] + 0.5 + RNG.normal(size=12)


def linear(**settings: Any) -> cr.Network:
    return cr.mlp([2, 1], dtype="float64", **settings)


@pytest.mark.parametrize(
    "schedule",
    [s.Step(0.1, every=2), s.Exponential(0.1), s.Cosine(0.1), s.OneCycle(0.1), s.InverseTime(0.1)],
    ids=lambda v: type(v).__name__,
)
def test_training_uses_the_rate_of_each_update(schedule: Schedule) -> None:
    """Gradient descent by hand, with the rate of update t from the schedule's own program."""
    net, by_hand = linear(), linear()
    history = net.fit(X, y, epochs=5, batch_size=5, optimizer=cr.SGD(schedule), shuffle=False)
    program, t = Runnable.of(schedule.program()), 0
    for epoch in range(5):
        for i in range(0, 12, 5):
            lr = float(program(t=float(t), S=3.0, T=15.0)["lr"])
            for name, g in by_hand.gradients(X[i : i + 5], y[i : i + 5]).items():
                by_hand.parameters[name] = by_hand.parameters[name] - lr * g
            t += 1
        assert history.learning_rate[epoch] == pytest.approx(lr, rel=1e-14)
    assert_allclose(net.parameters.theta, by_hand.parameters.theta, rtol=1e-12)


def test_warm_up_then_cosine_in_training() -> None:
    schedule = s.Warmup(0.1, epochs=2, then=s.Cosine(0.1))
    history = linear().fit(X, y, epochs=6, batch_size="all", optimizer=cr.SGD(schedule))
    expected = [min(1, (t + 1) / 2) * 0.05 * (1 + cos(pi * t / 6)) for t in range(6)]
    assert_allclose(history.learning_rate, expected, rtol=1e-13)


def test_a_plateau_lowers_the_rate_in_training() -> None:
    schedule = s.ReduceOnPlateau(0.1, factor=0.5, patience=1, minimum=0.02)
    net = linear()
    net.fit(X, y, epochs=1, batch_size="all", optimizer=cr.SGD(0.1))
    history = net.fit(X, y, epochs=120, batch_size="all", optimizer=cr.SGD(schedule))
    expected = hand_plateau(history.loss, 0.1, 0.5, 1, 1e-4)
    assert history.learning_rate == [max(v, 0.02) for v in expected]
    assert history.learning_rate[0] == history.learning_rate[10] == 0.1
    assert history.learning_rate[-1] == 0.02


def test_a_plateau_watches_the_validation_loss_whatever_decides_the_best_epoch() -> None:
    schedule = s.ReduceOnPlateau(0.1, patience=0)
    history = linear().fit(
        X,
        y,
        epochs=30,
        batch_size=4,
        optimizer=cr.SGD(schedule),
        validation=(X + 0.1, -y),
        metrics=["r2"],
        monitor="r2",
    )
    assert history.learning_rate == hand_plateau(history.validation_loss, 0.1, 0.5, 0, 1e-4)
    assert history.learning_rate[-1] < 0.01


def test_a_plateau_after_a_warm_up() -> None:
    schedule = s.Warmup(0.1, epochs=2, then=s.ReduceOnPlateau(0.1, patience=0))
    history = linear().fit(X, y, epochs=20, batch_size=6, optimizer=cr.SGD(schedule), validation=(X + 0.1, -y))
    after = hand_plateau(history.validation_loss, 0.1, 0.5, 0, 1e-4)
    assert_allclose(history.learning_rate[2:], after[2:], rtol=1e-14)
    assert history.learning_rate[0] == pytest.approx(0.05)  # its second of four warm-up updates
    assert history.learning_rate[-1] < 0.01


# Descriptions and messages


@pytest.mark.parametrize("schedule", [c for c, _ in CLOSED] + [s.OneCycle(0.1), s.ReduceOnPlateau(0.2, patience=3)])
def test_descriptions_read_back(schedule: Schedule) -> None:
    import json

    assert schedule_of(json.loads(json.dumps(schedule.to_json()))) == schedule


def test_every_schedule_is_among_the_cases() -> None:
    assert {type(c).__name__ for c, _ in CLOSED} | {"OneCycle", "ReduceOnPlateau"} == set(SCHEDULES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: s.Cosine(0.0), "learning rate must be above 0, not 0.0"),
        (lambda: s.Cosine(0.1, final=-1.0), "Cosine: final must not be negative, not -1.0"),
        (lambda: s.OneCycle(0.1, rise=1.0).program(), "OneCycle: rise must lie between 0 and 1, not 1.0"),
        (lambda: s.Step(0.1, every=0).program(), "Step: every must be above 0"),
        (
            lambda: schedule_of({"schedule": "Cosin", "lr": 1}),
            "unknown schedule 'Cosin': did you mean 'Cosine'",
        ),
        (lambda: schedule_of(True), "the learning rate is a number or a schedule, not True"),
    ],
)
def test_bad_settings_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(cr.ChainruleError, match=message):
        make()


def test_programs_print() -> None:
    text = str(Runnable.of(s.Cosine(0.1).program()))
    assert text.startswith("def learning_rate(t, S, T):")
    assert "np.cos(" in text
