"""The student table: a 2-2-1 network, one row at a time, from W = 1 and b = 0."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

EXAMPLES = Path(__file__).parents[2] / "examples"
regression = runpy.run_path(str(EXAMPLES / "student_regression.py"))
classification = runpy.run_path(str(EXAMPLES / "student_classification.py"))


def nine(gradients, row=0):
    """The gradients under the names of the lecture: W111 joins input 1 to hidden unit 1, W211 hidden unit 1 to O21."""
    W1, b1, W2, b2 = (gradients[k] for k in ("W1", "b1", "W2", "b2"))
    return {
        "W111": W1[0, 0], "W121": W1[1, 0], "b11": b1[0], "W112": W1[0, 1], "W122": W1[1, 1], "b12": b1[1],
        "W211": W2[0, 0], "W221": W2[1, 0], "b21": b2[0],
    }  # fmt: skip


def with_distinct_weights(net):
    net.parameters["W1"] = [[0.3, -0.7], [0.9, 0.4]]
    net.parameters["b1"] = [0.1, -0.2]
    net.parameters["W2"] = [[1.1], [-0.6]]
    net.parameters["b2"] = [0.25]
    return net


@pytest.mark.parametrize("row", range(8))
def test_the_nine_derivatives_of_the_regression(row):
    """dL/dW211 = -2 (Y - Y') O11, dL/dW111 = -2 (Y - Y') W211 X1, and so on."""
    X, y = regression["load"]()
    net = with_distinct_weights(regression["network"]())
    x, target = X[row], y[row]
    W1, b1, W2, b2 = (net.parameters[k] for k in ("W1", "b1", "W2", "b2"))
    o11, o12 = x @ W1 + b1
    outer = -2 * (target - (o11 * W2[0, 0] + o12 * W2[1, 0] + b2[0]))
    expected = {
        "W111": outer * W2[0, 0] * x[0], "W121": outer * W2[0, 0] * x[1], "b11": outer * W2[0, 0],
        "W112": outer * W2[1, 0] * x[0], "W122": outer * W2[1, 0] * x[1], "b12": outer * W2[1, 0],
        "W211": outer * o11, "W221": outer * o12, "b21": outer,
    }  # fmt: skip
    assert nine(net.gradients(X[row : row + 1], y[row : row + 1])) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("row", range(8))
def test_the_nine_derivatives_of_the_classification(row):
    """dL/dW211 = -(Y - Y') O11, dL/dW111 = -(Y - Y') W211 O11 (1 - O11) X1, and so on."""
    X, y = classification["load"]()
    net = with_distinct_weights(classification["network"]())
    x, target = X[row], y[row]
    W1, b1, W2, b2 = (net.parameters[k] for k in ("W1", "b1", "W2", "b2"))
    o11, o12 = 1 / (1 + np.exp(-(x @ W1 + b1)))
    outer = -(target - 1 / (1 + np.exp(-(o11 * W2[0, 0] + o12 * W2[1, 0] + b2[0]))))
    first, second = outer * W2[0, 0] * o11 * (1 - o11), outer * W2[1, 0] * o12 * (1 - o12)
    expected = {
        "W111": first * x[0], "W121": first * x[1], "b11": first,
        "W112": second * x[0], "W122": second * x[1], "b12": second,
        "W211": outer * o11, "W221": outer * o12, "b21": outer,
    }  # fmt: skip
    assert nine(net.gradients(X[row : row + 1], y[row : row + 1])) == pytest.approx(expected, rel=1e-11)


def test_one_row_at_a_time_is_what_a_loop_by_hand_does():
    """W <- W - lr dL/dW after each row; the epoch's loss is the average of the losses met."""
    X, y = regression["load"]()
    net = regression["network"]()
    history = net.fit(X, y, epochs=3, batch_size=1, shuffle=False, optimizer=cr.SGD(0.01))
    W1, b1, W2, b2 = np.ones((2, 2)), np.zeros(2), np.ones(2), 0.0
    for epoch in range(3):
        losses = []
        for x, target in zip(X, y, strict=True):
            o = x @ W1 + b1
            error = o @ W2 + b2 - target
            losses.append(error**2)
            dW2, db2, do = 2 * error * o, 2 * error, 2 * error * W2
            W1, b1 = W1 - 0.01 * np.outer(x, do), b1 - 0.01 * do
            W2, b2 = W2 - 0.01 * dW2, b2 - 0.01 * db2
        assert history.loss[epoch] == pytest.approx(np.mean(losses), rel=1e-12)
    np.testing.assert_allclose(net.parameters["W1"], W1, rtol=1e-12)
    np.testing.assert_allclose(net.parameters["W2"][:, 0], W2, rtol=1e-12)


def test_the_regression_comes_near_least_squares():
    X, y = regression["load"]()
    net = regression["network"]()
    net.fit(X, y, epochs=300, batch_size=1, optimizer=cr.SGD(cr.schedules.InverseTime(0.01, 0.1)), seed=0)
    design = np.column_stack([X, np.ones(len(X))])
    best = np.mean((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2)
    assert best <= net.loss(X, y) <= 1.01 * best


def test_the_classification_learns_every_student():
    X, y = classification["load"]()
    net = classification["network"]()
    history = net.fit(X, y, epochs=200, batch_size=1, optimizer=cr.SGD(0.5), metrics=["accuracy"], seed=0)
    assert history.metrics["accuracy"][-1] == 1.0
    assert history.loss[-1] < 0.01


@pytest.mark.parametrize("module", [regression, classification], ids=["regression", "classification"])
def test_the_examples_run_as_they_stand(module, capsys):
    module["main"]()
    assert "def loss_and_gradients(X, Y, W1, b1, W2, b2):" in capsys.readouterr().out
