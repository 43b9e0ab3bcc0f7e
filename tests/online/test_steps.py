"""A step that says what was predicted for its rows: on every engine, for batches of any size."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines.native import native_run
from chainrule.engines.native.run import NativeRun
from chainrule.engines.protocol import Steps
from chainrule.engines.steps import NumpyRun
from chainrule.running import clock

ROWS = 50


def steps_of(sizes, loss, batch, dropout=0.0):
    rng = np.random.default_rng(1)
    net = cr.mlp(sizes, loss=loss, dropout=dropout, seed=1, dtype="float64")
    y = rng.integers(0, max(sizes[-1], 2), ROWS)
    data = {f"all_{name}": a for name, a in net.prepare(rng.normal(size=(ROWS, sizes[0])), y).items()}
    theta = net.parameters.theta
    state = {"theta": theta.copy(), "v": np.zeros_like(theta)}
    return net, Steps(net.model.online_program(cr.RMSProp(0.01)), "float64", data, state, batch)


CASES = [
    ([2, 2, 1], "binary_cross_entropy", 1, 0.0),
    ([3, 4, 3], "cross_entropy", 4, 0.0),
    ([20, 40, 1], "squared_error", 1, 0.3),
    ([4, 33, 5], "cross_entropy", 33, 0.5),
    ([4, 33, 1], "binary_cross_entropy", 7, 0.0),
]


@pytest.mark.parametrize(("sizes", "loss", "batch", "dropout"), CASES)
def test_predictions_of_a_slice_are_those_of_the_reference(sizes, loss, batch, dropout):
    net, steps = steps_of(sizes, loss, batch, dropout)
    order = np.random.default_rng(2).permutation(ROWS)
    fixed = (steps.program, steps.precision, steps.data, steps.state)
    reference = NumpyRun(*fixed)
    losses = reference.advance(order, batch, 0, clock(ROWS))
    first = order[:batch]
    X, Y = steps.data["all_X"][first], steps.data["all_Y"][first]
    np.testing.assert_allclose(reference.predictions[:batch], net.predict(X), rtol=1e-12)
    assert losses[0] == pytest.approx(net.loss(X, Y), rel=1e-12)
    runs = [native_run(steps), *(NativeRun(*fixed, batch_size=batch, threads=n, fill=0xFF) for n in (1, 2))]
    for run in runs:
        np.testing.assert_allclose(run.advance(order, batch, 0, clock(ROWS)), losses, rtol=1e-9)
        assert run.predictions.shape == (ROWS, sizes[-1])
        np.testing.assert_allclose(run.predictions, reference.predictions, rtol=1e-9)
    assert np.array_equal(runs[1].predictions, runs[2].predictions), "threads change no bit"


def test_without_dropout_the_forward_pass_is_made_once():
    program = cr.mlp([3, 4, 2], loss="cross_entropy").model.online_program(cr.SGD(0.1))
    products = [e for e in program.equations if e.operation.name == "matmul"]
    step = cr.mlp([3, 4, 2], loss="cross_entropy").model.step_program(cr.SGD(0.1))
    assert len(products) == sum(e.operation.name == "matmul" for e in step.equations)
