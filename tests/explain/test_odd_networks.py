"""Networks and formulas at the edge: what a page says of them is right, and it stays a page."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.explain import BackwardPass

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5], [-0.75, 1.0, 0.0]])
Y = np.array([1.0, 0.0, 3.0])


def network(*layers, **settings):
    return cr.Network(*layers, inputs=3, seed=0, dtype="float64", **settings)


def squeezed(page):
    return " ".join(page.text.split())


def test_exponential_and_poisson_in_one_piece_are_prediction_minus_target():
    net = network(cr.Dense(2, "tanh"), cr.Dense(1), loss="poisson")
    page = net.explain(X[0], Y[0], "W2[0,0]", notation="indexed")
    assert "∂L/∂Z21 = Y' - Y" in page.text
    assert "∂L/∂W211 = (Y' - Y) * O11" in page.text
    hidden = np.tanh(X[0] @ net.parameters["W1"] + net.parameters["b1"])
    rate = np.exp(hidden @ net.parameters["W2"] + net.parameters["b2"])
    assert page.value == pytest.approx((rate[0] - Y[0]) * hidden[0], rel=1e-13)


def test_hubers_slope_is_written_as_its_two_cases():
    page = network(cr.Dense(1), loss="huber").explain(X[0], Y[0], "b1[0]", notation="indexed")
    assert "∂L/∂Y' = (Y' - Y if |Y' - Y| <= 1 else sign(Y' - Y))" in squeezed(page)


def test_a_truth_value_in_a_product_stands_in_brackets_that_are_explained():
    page = network(cr.Dense(2, "relu"), cr.Dense(1)).explain(X[0], Y[0], "W1[0,0]", notation="indexed")
    assert "∂O11/∂Z11 = [Z11 > 0]" in squeezed(page)
    assert "1 where it holds, and 0 where it does not" in squeezed(page)
    smooth = network(cr.Dense(2, "tanh"), cr.Dense(1)).explain(X[0], Y[0], "W1[0,0]", notation="indexed")
    assert "where it holds" not in squeezed(smooth)


def test_numbers_of_many_digits_are_written_short():
    third = network(cr.Dense(3), loss=cr.losses.cross_entropy(label_smoothing=0.1)).explain(X[0], 0, "b1[0]")
    assert "1 / 30" in third.text
    assert r"\frac{1}{30}" in third.latex
    root = network(cr.Dense(2, "gelu"), cr.Dense(1)).explain(X[0], Y[0], "W1[0,0]")
    assert "1.41421" in root.text
    assert "1.414213562" not in root.text + root.latex


def test_a_target_of_zero_has_no_sign():
    net = network(cr.Dense(3, "softmax"), loss="cross_entropy")
    assert "-0 /" not in net.explain(X[0], 2, "W1[0,0]").text


@pytest.mark.parametrize("layer", [cr.BatchNorm(), cr.LayerNorm()], ids=["batch", "layer"])
@pytest.mark.parametrize("notation", ["names", "indexed", "net"])
def test_arrays_without_a_letter_of_the_notation_keep_their_names(layer, notation):
    page = network(cr.Dense(2, "tanh"), layer, cr.Dense(1)).explain(X, Y, notation=notation)
    lines = page.text.splitlines()
    assert any(line.strip().startswith("∂L/∂gamma1 ") or line.strip().startswith("∂E/∂gamma1 ") for line in lines)
    assert not any(line.strip().startswith("=  ") for line in lines)


@pytest.mark.parametrize("sizes", [[1] * 60, [2] * 60 + [1]], ids=["a chain", "two wide"])
def test_pages_of_deep_networks_stay_short(sizes):
    net = cr.mlp(sizes, hidden="tanh", seed=0, dtype="float64")
    row = X[0, : sizes[0]]
    page = net.explain(row, 1.0, "W59[0,0]")
    assert isinstance(page, BackwardPass)
    assert page.value == pytest.approx(net.gradients([row], [1.0])["W59"][0, 0], rel=1e-12)
    assert len(page.text.splitlines()) < 200


def test_a_table_of_vectors_is_explained_in_matrices():
    net = cr.Network(cr.Embedding(4, 2), cr.Flatten(), cr.Dense(1), inputs=2, seed=0, dtype="float64")
    codes = np.array([[0.0, 1.0], [3.0, 1.0]])
    page = net.explain(codes, Y[:2], "E1[1,0]")
    assert page.value == pytest.approx(net.gradients(codes, Y[:2])["E1"][1, 0], rel=1e-13)
    assert "looked up" in page.text


def test_a_penalty_beside_a_sum_over_rows_is_explained_in_matrices():
    net = network(cr.Dense(1), loss=cr.losses.squared_error("sum"), l2=0.5)
    page = net.explain(X, Y, "W1[1,0]")
    w, b = net.parameters["W1"][:, 0], net.parameters["b1"][0]
    expected = 2 * ((X @ w + b - Y) @ X[:, 1]) + 2 * 0.5 * w[1]
    assert page.value == pytest.approx(expected, rel=1e-13)


def test_a_page_says_where_the_network_does_something_else_in_training():
    remark = "The network is explained as it predicts: "
    normal, dropping = (cr.Dense(2), cr.Dense(1)), (cr.Dense(2), cr.Dropout(0.5), cr.Dense(1))
    assert remark not in network(*normal).explain(X, Y).text.replace("\n  |", "")
    page = network(*dropping).explain(X, Y, "W1[0,1]").text.replace("\n  |", "")
    assert f"{remark}Dropout leaves nothing out." in page
    page = network(cr.BatchNorm(), *dropping).explain(X, Y).text.replace("\n  |", "")
    assert f"{remark}Dropout leaves nothing out and BatchNorm uses the mean and variance that it kept from" in page


@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan"), float("inf")])
def test_a_learning_rate_is_a_positive_number(lr):
    with pytest.raises(ArgumentError, match="learning rate is a positive number"):
        network(cr.Dense(1)).explain(X, Y, lr=lr)


def test_the_letter_of_the_learning_rate_is_that_of_the_notation():
    net = network(cr.Dense(1))
    assert "W[1]₁₁ new = W[1]₁₁ - α · ∂J/∂W[1]₁₁" in squeezed(net.explain(X[0], 1.0, "W1[0,0]", notation="columns"))
    assert "W1 new = W1 - η · ∂L/∂W1" in squeezed(net.explain(X, Y, notation="indexed"))


# Formulas


def test_an_element_and_a_symbol_that_would_share_a_name_are_refused():
    v, x = cr.symbols("X", shape=(2,)), cr.symbols("X_0")
    with pytest.raises(ArgumentError, match=r"X\[0\] and X_0 would both be called X_0: rename one"):
        cr.circuit((v * v).sum() * x, X=[1.0, -1.0], X_0=7.0)


def test_two_names_that_differ_in_an_underscore_stay_apart():
    a, b = cr.symbols("x1 x_1")
    assert "f = x1 * x_1" in cr.circuit(a * b, x1=2.0, x_1=3.0).text


def test_a_circuit_of_a_program_computes_its_first_output():
    x = cr.symbols("x")
    drawn = cr.circuit(cr.derive(x**3), x=2.0)
    assert (drawn.output, drawn.values["value"], drawn.gradients["x"]) == ("value", 8.0, 12.0)


def test_sums_of_sums_have_no_brackets():
    w, x = cr.symbols("W", shape=(2, 2)), cr.symbols("X", shape=(2,))
    assert "(" not in cr.circuit((w @ x).sum()).text.partition("f = ")[2].splitlines()[0]
