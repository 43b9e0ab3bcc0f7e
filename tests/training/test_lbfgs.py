"""L-BFGS: to the closed form on least squares, down Rosenbrock's valley, and only where it belongs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import chainrule as cr
from chainrule.engines.lbfgs import CURVATURE, SUFFICIENT_DECREASE, LBFGSRun, line_search
from chainrule.runnable import Runnable

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)) * [1.0, 5.0, 0.2]  # badly scaled
y = X @ [1.0, -2.0, 3.0] + 0.5 + RNG.normal(size=40)


def test_least_squares_reaches_the_closed_form() -> None:
    net = cr.mlp([3, 1], dtype="float64")
    history = net.fit(X, y, epochs=60, batch_size="all", optimizer=cr.LBFGS())
    design = np.column_stack([X, np.ones(40)])
    best = np.linalg.lstsq(design, y)[0]
    assert_allclose(net.parameters["W1"][:, 0], best[:3], rtol=1e-8)
    assert_allclose(net.parameters["b1"], best[3:], rtol=1e-8)
    assert history.loss[-1] == pytest.approx(((design @ best - y) ** 2).mean(), rel=1e-12)
    assert (np.diff(history.loss) <= 0).all()


def test_ridge_reaches_the_closed_form() -> None:
    net = cr.Network(cr.Dense(1, bias=False), inputs=3, dtype="float64", l2=0.3)
    net.fit(X, y, epochs=60, batch_size="all", optimizer=cr.LBFGS())
    best = np.linalg.solve(X.T @ X / 40 + 0.3 * np.eye(3), X.T @ y / 40)
    assert_allclose(net.parameters["W1"][:, 0], best, rtol=1e-8)


def test_logistic_regression_reaches_that_of_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    codes = (y > 0).astype(int)
    net = cr.mlp([3, 1], loss="binary_cross_entropy", dtype="float64", l2=0.01)
    net.fit(X, codes, epochs=100, batch_size="all", optimizer=cr.LBFGS())
    # scikit-learn: C sum of losses + |w|^2 / 2; ours: mean of losses + l2 |w|^2
    theirs = linear.LogisticRegression(C=1 / (2 * 0.01 * 40), tol=1e-12, max_iter=10_000).fit(X, codes)
    assert_allclose(net.parameters["W1"][:, 0], theirs.coef_[0], rtol=1e-5)
    assert_allclose(net.parameters["b1"], theirs.intercept_, rtol=1e-4)


def rosenbrock() -> Any:
    x = cr.symbols("x", shape=(2,))
    value = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    program = cr.derive(value, wrt="x")

    def objective(theta: Any) -> tuple[float, Any]:
        result = program(x=theta)
        return float(result["value"]), np.asarray(result["dx"])

    return objective


@pytest.mark.parametrize("memory", [1, 3, 10])
def test_rosenbrocks_valley(memory: int) -> None:
    """From (-1.2, 1), the classic start, to the minimum at (1, 1); no step raises the value."""
    run = LBFGSRun(
        rosenbrock(),
        cr.LBFGS().direction_program,
        memory,
        {"theta": np.array([-1.2, 1.0])},
        lambda step, constants: 1.0,
    )
    losses = run.advance(np.zeros(80, np.int64), 1, 0, {})
    assert losses[0] == pytest.approx(24.2, rel=1e-14)
    assert (np.diff(losses) <= 0).all()
    assert_allclose(run.state["theta"], [1.0, 1.0], rtol=1e-8)
    assert len(run.pairs) <= memory


def test_slices_change_no_bit() -> None:
    paths = []
    for sizes in ([30], [1] * 30, [7, 23]):
        run = LBFGSRun(
            rosenbrock(), cr.LBFGS().direction_program, 5, {"theta": np.array([-1.2, 1.0])}, lambda step, constants: 1.0
        )
        first = 0
        for size in sizes:
            run.advance(np.zeros(size, np.int64), 1, first, {})
            first += size
        paths.append(run.state["theta"])
    assert_array_equal(paths[0], paths[1])
    assert_array_equal(paths[0], paths[2])


@pytest.mark.parametrize("pairs", [0, 1, 2, 5])
def test_the_direction_is_that_of_the_dense_update(pairs: int) -> None:
    """The two-loop recursion against BFGS's inverse matrix in full (Nocedal and Wright, equation 6.17)."""
    rng = np.random.default_rng(pairs)
    n = 6
    root = rng.normal(size=(n, n))
    hessian = root @ root.T + np.eye(n)
    steps = [rng.normal(size=n) for _ in range(pairs)]  # newest first
    changes = [hessian @ s for s in steps]
    g = rng.normal(size=n)
    inverse = np.eye(n) * (steps[0] @ changes[0] / (changes[0] @ changes[0]) if pairs else 1.0)
    for s, c in zip(reversed(steps), reversed(changes), strict=True):
        rho = 1 / (c @ s)
        left = np.eye(n) - rho * np.outer(s, c)
        inverse = left @ inverse @ left.T + rho * np.outer(s, s)
    program = Runnable.of(cr.LBFGS().direction_program(pairs, n))
    values = {f"s{i}": s for i, s in enumerate(steps, 1)} | {f"y{i}": c for i, c in enumerate(changes, 1)}
    assert_allclose(program(g=g, **values)["d"], -inverse @ g, rtol=1e-10)


@pytest.mark.parametrize("start", [1e-6, 1e-2, 1.0, 100.0])
def test_the_line_search_meets_the_wolfe_conditions(start: float) -> None:
    objective = rosenbrock()
    theta = np.array([-1.2, 1.0])
    loss, g = objective(theta)
    d = -g
    slope = float(g @ d)
    length, value, new_g = line_search(lambda a: objective(theta + a * d), loss, slope, d, start)
    assert length > 0
    assert value <= loss + SUFFICIENT_DECREASE * length * slope
    assert abs(float(new_g @ d)) <= -CURVATURE * slope


def test_a_small_network_learns_xor() -> None:
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    net = cr.mlp([2, 4, 1], loss="binary_cross_entropy", dtype="float64", seed=1)
    history = net.fit(corners, [0, 1, 1, 0], epochs=60, batch_size="all", optimizer="lbfgs")
    assert history.loss[-1] < 1e-3
    assert (np.diff(history.loss) <= 0).all()


def test_float32_works_to_its_precision() -> None:
    net = cr.mlp([3, 1], dtype="float32")
    history = net.fit(X, y, epochs=40, batch_size="all", optimizer=cr.LBFGS())
    design = np.column_stack([X, np.ones(40)])
    best = np.linalg.lstsq(design, y)[0]
    assert_allclose(net.predict(X)[:, 0], design @ best, atol=1e-3 * np.abs(y).max())
    assert (np.diff(history.loss) <= 0).all()


def test_at_the_minimum_it_stays() -> None:
    net = cr.mlp([3, 1], dtype="float64", weights=0.0)
    history = net.fit(X, np.zeros(40), epochs=3, batch_size="all", optimizer=cr.LBFGS())
    assert history.loss == [0.0] * 3
    assert not net.parameters.theta.any()


@pytest.mark.parametrize("batch_size", [8, 1, 40])
def test_it_takes_all_rows_at_once(batch_size: int) -> None:
    with pytest.raises(cr.ArgumentError, match="LBFGS takes all rows at once: give batch_size='all'"):
        cr.mlp([3, 1]).fit(X, y, batch_size=batch_size, optimizer=cr.LBFGS())


@pytest.mark.parametrize("layer", [cr.Dropout(0.5), cr.BatchNorm()])
def test_it_refuses_a_loss_that_changes(layer: cr.Layer) -> None:
    net = cr.Network(cr.Dense(3), layer, cr.Dense(1), inputs=3)
    with pytest.raises(cr.ArgumentError, match="LBFGS needs a loss that stays the same"):
        net.fit(X, y, batch_size="all", optimizer=cr.LBFGS())


def test_it_refuses_a_rate_that_waits() -> None:
    with pytest.raises(cr.ArgumentError, match="searches for its own step lengths"):
        cr.mlp([3, 1]).fit(X, y, batch_size="all", optimizer=cr.LBFGS(cr.schedules.ReduceOnPlateau(1.0)))


def test_a_loss_without_a_value_is_reported() -> None:
    net = cr.Network(cr.Dense(1, weights=-1.0), loss=lambda p, t: cr.log(p) * t, inputs=1, dtype="float64")
    with pytest.raises(cr.NonFiniteError, match="step 1"):
        net.fit([[1.0], [2.0]], [1.0, 1.0], batch_size="all", optimizer=cr.LBFGS())
    assert_array_equal(net.parameters["W1"], [[-1.0]])


def test_a_schedule_sets_the_first_length_of_each_search() -> None:
    """On a quadratic of curvature 1 a full step meets the Wolfe conditions at once; half of one does, too."""
    X, y = np.eye(2), np.array([1.0, -2.0])
    net = cr.mlp([2, 1], loss=cr.losses.half_squared_error(reduction="sum"), bias=False, dtype="float64", weights=0.0)
    schedule = cr.schedules.Cosine(1.0, final=0.2)
    history = net.fit(X, y, epochs=4, batch_size="all", optimizer=cr.LBFGS(schedule))
    expected = [0.2 + 0.4 * (1 + np.cos(np.pi * t / 4)) for t in range(4)]
    expected[0] /= 3  # nothing is known of the scale yet: the gradient's elements add up to 3
    np.testing.assert_allclose(history.learning_rate[1:], expected[1:], rtol=1e-12)
    assert history.loss == sorted(history.loss, reverse=True)


def test_it_follows_a_loss_without_a_minimum_until_gradients_underflow() -> None:
    """Classes that a line separates: the loss falls towards 0 as the weights grow, beyond what float32 can multiply."""
    rows, labels = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    net = cr.mlp([1, 2, 1], hidden="relu", loss="binary_cross_entropy", seed=1)
    history = net.fit(rows, labels, epochs=500, batch_size="all", optimizer=cr.LBFGS())
    assert (np.diff(history.loss) <= 0).all()
    assert np.isfinite(net.parameters.theta).all()
