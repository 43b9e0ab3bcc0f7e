"""Derivatives by one parameter: against closed forms, net.gradients and PyTorch, in every notation."""

import itertools
import math
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.explain import NOTATIONS, BackwardPass, Derivation

ROW, TARGET = [1.5, -0.5], 1.0


def elements(net):
    return [f"{name}[{','.join(map(str, i))}]" for name, a in net.parameters.items() for i in np.ndindex(a.shape)]


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


# Closed forms, written by hand in the letters of a tutorial: W111 leads from input 1 to hidden unit 1


@pytest.fixture
def letters(two_two_one):
    p = two_two_one().parameters
    found = {f"W{layer}{i + 1}{j + 1}": float(w) for layer in (1, 2) for (i, j), w in np.ndenumerate(p[f"W{layer}"])}
    found |= {f"b{layer}{j + 1}": float(b) for layer in (1, 2) for (j,), b in np.ndenumerate(p[f"b{layer}"])}
    return found | {"X1": ROW[0], "X2": ROW[1], "Y": TARGET}


REGRESSION = {
    "W2[0,0]": "-2*(Y - P)*O11",
    "W2[1,0]": "-2*(Y - P)*O12",
    "b2[0]": "-2*(Y - P)",
    "W1[0,0]": "-2*(Y - P)*W211*X1",
    "W1[1,0]": "-2*(Y - P)*W211*X2",
    "b1[0]": "-2*(Y - P)*W211",
    "W1[0,1]": "-2*(Y - P)*W221*X1",
    "W1[1,1]": "-2*(Y - P)*W221*X2",
    "b1[1]": "-2*(Y - P)*W221",
}
CLASSIFICATION = {
    "W2[0,0]": "-(Y - P)*O11",
    "W2[1,0]": "-(Y - P)*O12",
    "b2[0]": "-(Y - P)",
    "W1[0,0]": "-(Y - P)*W211*O11*(1 - O11)*X1",
    "W1[1,0]": "-(Y - P)*W211*O11*(1 - O11)*X2",
    "b1[0]": "-(Y - P)*W211*O11*(1 - O11)",
    "W1[0,1]": "-(Y - P)*W221*O12*(1 - O12)*X1",
    "W1[1,1]": "-(Y - P)*W221*O12*(1 - O12)*X2",
    "b1[1]": "-(Y - P)*W221*O12*(1 - O12)",
}


def forward(v, hidden, output):
    O11 = hidden(v["W111"] * v["X1"] + v["W121"] * v["X2"] + v["b11"])
    O12 = hidden(v["W112"] * v["X1"] + v["W122"] * v["X2"] + v["b12"])
    return {**v, "O11": O11, "O12": O12, "P": output(v["W211"] * O11 + v["W221"] * O12 + v["b21"])}


@pytest.mark.parametrize("parameter", REGRESSION)
def test_the_nine_derivatives_of_the_linear_network_with_squared_error(two_two_one, letters, parameter):
    net = two_two_one(hidden="linear", output="linear", loss="squared_error")
    expected = eval(REGRESSION[parameter], {}, forward(letters, lambda z: z, lambda z: z))
    page = net.explain(ROW, TARGET, parameter, notation="indexed")
    assert page.value == pytest.approx(expected, rel=1e-14)
    assert f"= {expected:.6g}\n" in page.text


@pytest.mark.parametrize("parameter", CLASSIFICATION)
def test_the_nine_derivatives_of_the_sigmoid_network_with_cross_entropy(two_two_one, letters, parameter):
    net = two_two_one(hidden="sigmoid", output="sigmoid", loss="binary_cross_entropy")
    expected = eval(CLASSIFICATION[parameter], {}, forward(letters, sigmoid, sigmoid))
    page = net.explain(ROW, TARGET, parameter, notation="indexed")
    assert page.value == pytest.approx(expected, rel=1e-13)
    assert f"= {expected:.6g}\n" in page.text


def test_the_chain_names_every_link_in_the_letters_of_the_tutorial(two_two_one):
    net = two_two_one(hidden="sigmoid", output="sigmoid", loss="binary_cross_entropy")
    page = net.explain(ROW, TARGET, "W1[0,1]", notation="indexed").text
    assert "∂L/∂W112 = ∂L/∂Y' · ∂Y'/∂Z21 · ∂Z21/∂O12 · ∂O12/∂Z12 · ∂Z12/∂W112" in page
    assert "∂L/∂Z21 = Y' - Y" in page
    assert "∂L/∂W112 = (Y' - Y) * W221 * O12 * (1 - O12) * X1" in page
    linear = two_two_one(hidden="linear", output="linear").explain(ROW, TARGET, "W1[0,1]", notation="indexed").text
    assert "∂L/∂W112 = ∂L/∂Y' · ∂Y'/∂O12 · ∂O12/∂W112" in linear


def test_the_six_update_rules_of_the_network_without_biases(two_two_one):
    net = two_two_one(hidden="tanh", output="sigmoid", loss="mean_squared_error", bias=False)
    W1, W2 = net.parameters["W1"], net.parameters["W2"][:, 0]
    h = np.tanh(np.array(ROW) @ W1)
    o = sigmoid(h @ W2)
    delta = 2 * (o - TARGET) * o * (1 - o)
    rules = {f"W2[{j},0]": W2[j] - 0.5 * delta * h[j] for j in range(2)} | {
        f"W1[{i},{j}]": W1[i, j] - 0.5 * delta * W2[j] * (1 - h[j] ** 2) * ROW[i] for i in range(2) for j in range(2)
    }
    assert len(rules) == 6
    for parameter, updated in rules.items():
        assert net.explain(ROW, TARGET, parameter, notation="phi", lr=0.5).updated == pytest.approx(updated, rel=1e-13)


# Every loss, activation, parameter and notation

SMALL = [
    *itertools.product(("tanh", "sigmoid", "relu", "softplus", "linear"), ("squared_error", "half_squared_error")),
    *itertools.product(("tanh", "sigmoid"), ("mean_squared_error", "absolute_error", "huber", "poisson", "quantile")),
    *itertools.product(("tanh", "gelu"), ("binary_cross_entropy", "cross_entropy", "hinge")),
]


def problem(loss, rows, outputs):
    random = np.random.default_rng(7)
    X = random.normal(size=(rows, 3))
    kind = cr.mlp([3, 2, outputs], loss=loss).loss_function.target
    y = {
        "numbers": random.normal(size=(rows, outputs)),
        "counts": random.integers(0, 4, (rows, outputs)),
        "binary": random.integers(0, 2, (rows, outputs)),
        "signs": random.choice([-1, 1], (rows, outputs)),
        "classes": random.integers(0, outputs, rows),
    }[kind]
    return X, y


@pytest.mark.parametrize(("hidden", "loss"), SMALL)
def test_every_parameter_agrees_with_the_gradients_of_training(hidden, loss):
    outputs = 3 if loss == "cross_entropy" else 1
    X, y = problem(loss, 2, outputs)
    net = cr.mlp([3, 2, outputs], hidden=hidden, loss=loss, dtype="float64", seed=3)
    gradients = net.gradients(X, y)
    for parameter, notation in zip(elements(net), itertools.cycle(NOTATIONS), strict=False):
        name, index = re.fullmatch(r"(\w+)\[(.*)\]", parameter).groups()
        expected = gradients[name][tuple(map(int, index.split(",")))]
        page = net.explain(X, y, parameter, notation=notation)
        assert page.value == pytest.approx(expected, rel=1e-11, abs=1e-15), (parameter, notation)


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("rows", [1, 3])
def test_every_notation_shows_the_same_number(two_two_one, notation, rows):
    net = two_two_one(hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
    X, y = np.array([[1.5, -0.5], [0.2, 0.3], [-1.0, 2.0]])[:rows], np.array([1.0, 0.0, 1.0])[:rows]
    expected = net.gradients(X, y)
    for parameter, at in (("W1[0,1]", ("W1", (0, 1))), ("b1[1]", ("b1", (1,))), ("W2[1,0]", ("W2", (1, 0)))):
        page = net.explain(X, y, parameter, notation=notation)
        assert isinstance(page, Derivation)
        assert page.value == pytest.approx(expected[at[0]][at[1]], rel=1e-13)
        assert f"{page.value:.6g}" in page.text


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_rows_are_averaged_or_added_up_as_the_page_says(two_two_one, reduction):
    net = two_two_one(loss=cr.losses.squared_error(reduction))
    X, y = [[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]], [1.0, 0.0, 2.0]
    page = net.explain(X, y, "W1[1,0]")
    rows = [net.explain(x, t, "W1[1,0]").value for x, t in zip(X, y, strict=True)]
    assert page.rows == pytest.approx(rows, rel=1e-14)
    assert page.value == pytest.approx(sum(rows) / (3 if reduction == "mean" else 1), rel=1e-14)
    assert {"mean": "averaged over rows", "sum": "added up over rows"}[reduction] in " ".join(
        page.text.replace("\n  |", "").split()
    )
    assert f"The loss is the {reduction} over the rows" in page.text


def test_the_half_is_stated_and_halves_the_derivative(two_two_one):
    whole, half = (
        two_two_one(loss=loss).explain(ROW, TARGET, "W1[0,0]") for loss in ("squared_error", "half_squared_error")
    )
    assert half.value == pytest.approx(whole.value / 2, rel=1e-15)
    assert "0.5 * (p - y)^2" in half.text
    assert "The loss is (p - y)^2" in whole.text


@pytest.mark.parametrize("hidden", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_pages_agree_with_pytorch(hidden, loss):
    torch = pytest.importorskip("torch")
    net = cr.mlp([3, 2, 2, 1], hidden=hidden, loss=loss, dtype="float64", seed=5)
    X, y = problem(loss, 1, 1)
    tensors = {n: torch.tensor(np.array(a), requires_grad=True) for n, a in net.parameters.items()}
    h = torch.tensor(X)
    for layer in (1, 2):
        h = getattr(torch, hidden)(h @ tensors[f"W{layer}"] + tensors[f"b{layer}"])
    z, t = h @ tensors["W3"] + tensors["b3"], torch.tensor(y, dtype=torch.float64)
    cross = torch.nn.functional.binary_cross_entropy_with_logits
    value = cross(z, t) if loss == "binary_cross_entropy" else ((z - t) ** 2).sum()
    value.backward()
    for parameter in elements(net):
        name, index = re.fullmatch(r"(\w+)\[(.*)\]", parameter).groups()
        expected = float(tensors[name].grad[tuple(map(int, index.split(",")))])
        assert net.explain(X, y, parameter).value == pytest.approx(expected, rel=1e-11, abs=1e-16)


# What is printed


def evaluated(text):
    """The value of a line that has numbers only, else None."""
    plain = text.replace("·", "*").replace("^", "**").replace("σ", "sigmoid")
    names = {"sigmoid": sigmoid, "tanh": math.tanh, "log": math.log, "exp": math.exp, "max": max}
    if any(word not in names for word in re.findall(r"[^\W\d]\w*", re.sub(r"\d[\d.]*e-?\d+", "1", plain))):
        return None
    try:
        return eval(plain, names)
    except (SyntaxError, NameError, TypeError):
        return None


@pytest.mark.parametrize("hidden", ["tanh", "sigmoid", "linear"])
@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_every_line_of_numbers_comes_to_the_result_below_it(two_two_one, lines_of, hidden, loss):
    net = two_two_one(hidden=hidden, loss=loss)
    checked = 0
    for parameter in elements(net):
        page = net.explain(ROW, TARGET, parameter)
        groups = []
        for line in lines_of(page.document):
            if line.left is not None:
                groups.append([])
            groups[-1].append(line.right.text)
        for group in groups:
            numbers = [n for n in map(evaluated, group) if n is not None]
            for worked in numbers[:-1]:
                checked += 1
                assert worked == pytest.approx(numbers[-1], rel=3e-4, abs=2e-6), group
    assert checked >= 7 * len(elements(net))


def test_the_update_is_printed_with_its_numbers(two_two_one):
    net = two_two_one(hidden="tanh")
    page = net.explain(ROW, TARGET, "W2[1,0]", lr=0.25)
    gradient = net.gradients([ROW], [TARGET])["W2"][1, 0]
    assert page.updated == pytest.approx(-0.6 - 0.25 * gradient, rel=1e-14)
    assert "learning rate η = 0.25" in page.text
    assert f"{page.updated:.6g}" in page.text.splitlines()[-1]


# Limits and mistakes


def test_many_paths_are_taken_together_in_matrices_with_the_number_of_paths():
    net = cr.mlp([3, 4, 5, 1], hidden="tanh", dtype="float64", seed=2)
    page = net.explain([1.0, 2.0, 3.0], 1.0, "W1[2,1]", notation="columns")
    assert isinstance(page, BackwardPass)
    assert page.value == pytest.approx(net.gradients([[1.0, 2.0, 3.0]], [1.0])["W1"][2, 1], rel=1e-13)
    assert "5 paths lead from W1[2,1] to the loss" in page.text
    assert "row 2, column 3 of the last matrix" in page.text


@pytest.mark.parametrize("wrong", ["W9", "W1", "W1[2,0]", "W1[a,b]", "b1[0,0]"])
def test_a_parameter_that_does_not_exist_is_refused_with_an_example(two_two_one, wrong):
    with pytest.raises(ArgumentError, match=r"W1|b1"):
        two_two_one().explain(ROW, TARGET, wrong)


def test_saturated_probabilities_are_derived_in_one_piece(two_two_one):
    net = two_two_one(hidden="linear", output="sigmoid", loss="binary_cross_entropy")
    net.parameters["b2"] = [800.0]
    page = net.explain(ROW, 0.0, "b2[0]")
    assert page.value == 1.0
    assert "derived in one piece" in page.text
