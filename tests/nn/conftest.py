"""Derivatives measured from the loss alone, with their own error estimate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

STEPS = tuple(2.0**-k for k in (6, 8, 10, 12, 14, 17, 20, 22))
ROUNDING = 32 * np.finfo(np.float64).eps


def measured_slope(f: Callable[[float], float], scale: float) -> tuple[float, float]:
    """The derivative of ``f`` at 0 and a bound of its error.

    Central differences over a ladder of steps, each pair extrapolated (Richardson): what is left of the
    truncation shows in the difference of two rungs, and rounding costs at most a few units in the last place
    of the loss over the step. The rung with the smallest sum of both is taken.
    """
    plain = [(f(h) - f(-h)) / (2 * h) for h in STEPS]
    better = [
        fine + (fine - coarse) / ((h / smaller) ** 2 - 1)
        for coarse, fine, h, smaller in zip(plain, plain[1:], STEPS, STEPS[1:], strict=False)
    ]
    errors = [abs(a - b) + ROUNDING * scale / h for a, b, h in zip(better, better[1:], STEPS[2:], strict=False)]
    best = int(np.argmin(errors))
    return better[best + 1], errors[best]


def _data_loss(net: Any, data: Mapping[str, Any], training: Mapping[str, Any] | None) -> Callable[[], float]:
    program = net.program("loss", training=training is not None)
    extra = dict(training or {})

    def loss() -> float:
        values = {**data, **net.parameters, **net.states, **extra}
        return float(program(dtype="float64", **{v.name: values[v.name] for v in program.inputs})["L"])

    return loss


def check_gradients(net: Any, X: Any, y: Any, training: Mapping[str, Any] | None = None) -> None:
    """Every element of every gradient lies within the predicted error of the measured slope.

    ``training`` (such as ``{"key": 1, "step": 0}``) checks the program with dropout and batch statistics.
    """
    assert net.dtype == "float64"
    data = net.prepare(X, y)
    program = net.program("gradients", training=training is not None)
    values = {**data, **net.parameters, **net.states, **(training or {})}
    gradients = program(dtype="float64", **{v.name: values[v.name] for v in program.inputs})
    loss = _data_loss(net, data, training)
    scale = abs(loss()) + 1.0
    largest = max(float(np.abs(gradients[f"d{name}"]).max()) for name in net.parameters)
    for name in net.parameters:
        array = net.parameters[name]
        for place in np.ndindex(array.shape):
            start = array[place]

            def moved(h: float, array: Any = array, place: Any = place, start: float = start) -> float:
                array[place] = start + h
                return loss()

            slope, error = measured_slope(moved, scale)
            array[place] = start
            assert error <= 1e-7 * (largest + scale), f"the measurement is blind at {name}{place}: {error:.1e}"
            difference = abs(gradients[f"d{name}"][place] - slope)
            assert difference <= 2 * error, f"d{name}{place} = {gradients[f'd{name}'][place]}, measured {slope}"


@pytest.fixture(name="check_gradients")
def _check_gradients() -> Callable[..., None]:
    return check_gradients
