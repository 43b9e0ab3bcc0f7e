"""Second derivatives beside closed forms and PyTorch, and what they say of a point."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.experiments import LossSurface, Problem, curvature, curvature_of, two_gaussians

x, y = cr.symbols("x y")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("formula", "point", "verdict"),
    [
        (x**2 + 3 * y**2, (0.0, 0.0), "minimum"),
        (-(x**2) - y**2, (0.0, 0.0), "maximum"),
        (x**2 - y**2, (0.0, 0.0), "saddle"),
        (x * y, (0.0, 0.0), "saddle"),
        (x**3 + y**4, (0.0, 0.0), "flat"),
        ((x - y) ** 2, (2.0, 2.0), "valley"),
        (-((x - y) ** 2), (2.0, 2.0), "ridge"),
        (x**2 + y**2, (0.1, 0.0), "slope"),
        (1e-7 * x**2, (0.0, 0.0), "flat"),
        (x**2, (0.0, 5.0), "valley"),
    ],
)
def test_points_whose_kind_is_known_are_recognised(formula, point, verdict):
    assert curvature_of(formula, x=point[0], y=point[1]).verdict == verdict


def test_eigenvalues_of_a_formula_are_those_of_its_matrix():
    found = curvature_of(3 * x**2 + 4 * x * y, x=1.0, y=1.0)
    assert found.eigenvalues == pytest.approx(np.linalg.eigvalsh([[6.0, 4.0], [4.0, 0.0]]), rel=1e-12)
    assert found.gradient.tolist() == [10.0, 4.0]


def test_the_hessian_of_linear_least_squares_is_that_of_the_closed_form():
    X = RNG.normal(size=(30, 4))
    net = cr.mlp([4, 1], bias=False, dtype="float64")
    surface = LossSurface.of(Problem("", net, X, X[:, 0]))
    assert surface.hessian(RNG.normal(size=4)) == pytest.approx(2 * X.T @ X / 30, rel=1e-12)


def test_the_hessian_of_logistic_regression_is_that_of_the_closed_form():
    X, labels = two_gaussians(seed=3)
    net = cr.mlp([2, 1], loss="binary_cross_entropy", seed=1, dtype="float64")
    theta = net.parameters.theta
    p = net.predict(X)[:, 0]
    design = np.column_stack([X, np.ones(len(X))])
    expected = design.T @ (design * (p * (1 - p))[:, None]) / len(X)
    assert LossSurface.of(Problem("", net, X, labels)).hessian(theta) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("hidden", "loss"), [("tanh", "squared_error"), ("relu", "binary_cross_entropy")])
def test_the_hessian_of_a_network_is_that_of_pytorch(hidden, loss):
    torch = pytest.importorskip("torch")
    X, labels = two_gaussians(seed=1, rows=10)
    net = cr.mlp([2, 3, 1], hidden=hidden, output="sigmoid", loss=loss, seed=2, dtype="float64", l2=0.01)
    theta = net.parameters.theta.copy()

    def value(flat):
        w1, b1, w2, b2 = flat[:6].reshape(2, 3), flat[6:9], flat[9:12].reshape(3, 1), flat[12:]
        h = getattr(torch, hidden)(torch.from_numpy(X) @ w1 + b1)
        z, t = (h @ w2 + b2)[:, 0], torch.from_numpy(labels)
        functional = torch.nn.functional
        squared = loss == "squared_error"
        fit = (torch.sigmoid(z) - t).square().mean() if squared else functional.binary_cross_entropy_with_logits(z, t)
        return fit + 0.01 * ((w1**2).sum() + (w2**2).sum())

    expected = torch.autograd.functional.hessian(value, torch.from_numpy(theta)).numpy()
    found = LossSurface.of(Problem("", net, X, labels)).hessian(theta)
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()


def test_the_outer_eigenvalues_of_many_parameters_are_those_of_the_whole_matrix():
    X = RNG.normal(size=(40, 600)) * np.linspace(0.1, 1, 600)
    net = cr.mlp([600, 1], bias=False, dtype="float64")
    surface = LossSurface.of(Problem("", net, X, X[:, 0]))
    values, vectors = surface.eigenpairs(net.parameters.theta)
    expected = np.linalg.eigvalsh(2 * X.T @ X / 40)
    assert values[-1] == pytest.approx(expected[-1], rel=1e-10)
    assert abs(values[0] - expected[0]) <= 1e-10 * expected[-1]
    top = vectors[:, -1]
    assert 2 * X.T @ (X @ top) / 40 == pytest.approx(expected[-1] * top, abs=1e-6 * expected[-1])
    with pytest.raises(cr.ArgumentError, match="up to 500 parameters"):
        surface.hessian(net.parameters.theta)


def test_logistic_regression_on_classes_that_overlap_has_a_minimum():
    X, labels = two_gaussians()
    net = cr.mlp([2, 1], loss="binary_cross_entropy", dtype="float64")
    assert curvature(net, X, labels).verdict == "slope"
    net.fit(X, labels, epochs=100, batch_size="all", optimizer=cr.LBFGS())
    assert curvature(net, X, labels).verdict == "minimum"


def test_a_linear_network_with_a_hidden_layer_ends_in_a_valley_of_six_dimensions():
    """Of its nine parameters, the prediction a x1 + b x2 + c depends on three combinations."""
    found = curvature()
    assert (found.verdict, found.signs) == ("valley", (0, 6, 3))


def test_what_does_not_fit_is_refused():
    with pytest.raises(cr.ArgumentError, match="a number for each symbol"):
        curvature_of(x**2)
    with pytest.raises(cr.ArgumentError, match="tolerance"):
        curvature_of(x**2, x=0.0, tolerance=2.0)
