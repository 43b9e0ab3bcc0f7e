"""Slips that stand in published courses, given as they stand there: each is named by its cause."""

from dataclasses import replace

import pytest

import chainrule as cr
from chainrule.work import formula_problem, mark
from chainrule.work.counts import parameter_counts, training_counts
from chainrule.work.files import work_of


def regression(answers):
    """Two linear hidden units and squared error, with weights of 1 and biases of 0."""
    net = cr.mlp([2, 2, 1], hidden="linear", weights=1.0, biases=0.0, dtype="float64")
    return cr.check_my_work(net, answers, X=[6.3, 100.0], y=7.0, notation="indexed")


def classification(answers):
    net = cr.mlp([2, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", dtype="float64", seed=3)
    return cr.check_my_work(net, answers, X=[0.63, 1.0], y=1, notation="indexed")


NINE = {
    "dL/dW211": "-2(Y - Y') O11",
    "dL/dW221": "-2(Y - Y') O12",
    "dL/db21": "-2(Y - Y')",
    "dL/dW111": "-2(Y - Y') W211 X1",
    "dL/dW121": "-2(Y - Y') W211 X2",
    "dL/db11": "-2(Y - Y') W211",
    "dL/dW112": "-2(Y - Y') W221 X1",
    "dL/dW122": "-2(Y - Y') W221 X2",
    "dL/db12": "-2(Y - Y') W221",
}

NINE_OF_CLASSIFICATION = {
    "dL/dW211": "−(Y−Y′)O11",
    "dL/dW221": "−(Y−Y′)O12",
    "dL/db21": "−(Y−Y′)",
    "dL/dW111": "-(Y - Y') W211O11(1 - O11)X1",
    "dL/dW121": "-(Y - Y') W211O11(1 - O11)X2",
    "dL/db11": "-(Y - Y') W211O11(1 - O11)",
    "dL/dW112": "-(Y - Y') W221O12(1 - O12)X1",
    "dL/dW122": "-(Y - Y') W221O12(1 - O12)X2",
    "dL/db12": "-(Y - Y') W221O12(1 - O12)",
}


def test_the_nine_derivatives_of_a_tutorial_are_right_in_both_forms():
    assert regression(NINE).right
    assert classification(NINE_OF_CLASSIFICATION).right


@pytest.mark.parametrize(
    ("asked", "answer", "kind", "cause", "factor"),
    [
        ("δO11/δb21", 1, "other quantity", "this is ∂O11/∂b11", None),
        ("Y'", "W211 O11 + W221 O12 + b12", "index", "b12 stands where b21 belongs", None),
        ("Y'", "W211[W111 X1 + W121 X2 + b11] + W221[W112 X1 + W122 X2 + b12] + b12", "index",
         "b12 stands where b21 belongs", None),
        ("δL/δW221", "-2(Y - Y') O11", "index", "O11 stands where O12 belongs", "∂Y'/∂W221"),
        ("dO12/dW111", "X1", "other quantity", "this is ∂O12/∂W112", None),
        ("dL/dW211", "-(Y - Y') O11", "factor 2", "it is half as large as it should be", "∂L/∂Y'"),
    ],
)  # fmt: skip
def test_index_slips_and_a_half_in_a_regression_are_named(asked, answer, kind, cause, factor):
    verdict = regression({asked: answer})[asked]
    assert not verdict.right
    assert verdict.kinds[0] == kind
    assert verdict.causes[0].startswith(cause)
    assert (verdict.factor[0].text if verdict.factor else None) == factor


def test_a_derivative_under_the_name_of_another_weight_is_named():
    verdict = classification({"dL/dW111": NINE_OF_CLASSIFICATION["dL/dW112"]})["dL/dW111"]
    assert verdict.causes == ("this is ∂L/∂W112",)


def test_the_wrong_target_in_the_third_term_of_a_softmax_is_named():
    net = cr.Network(cr.Dense(3), loss="cross_entropy", inputs=2, dtype="float64")
    terms = "{}·1/p{}·∂p{}/∂z1"
    written = "-(" + " + ".join(terms.format(y, n, n) for n, y in ((1, "y1"), (2, "y2"), (3, "y1"))) + ")"
    named = written.replace("p", "ŷ").replace("∂z1", "∂z1[0,0]")
    verdict = cr.check_my_work(net, {"dL/dz1[0,0]": named}, X=[1, 2], y=[1], notation="textbook")["dL/dz1[0,0]"]
    assert verdict.causes == ("y1 stands where y3 belongs",)
    assert verdict.factor[0].text == "∂L/∂ŷ3"


def test_the_logarithm_of_another_probability_is_named():
    loss = {"L": "-(y1 ln(p1) + y2 ln(p2) + y3 ln(p3))"}
    values = {"y1": 1, "y2": 0, "y3": 0, "p1": 0.8, "p2": 0.1, "p3": 0.1}
    problem = formula_problem(loss, values, 0.1)
    assert mark(problem, {"L": "0.2"}).right
    verdict = mark(problem, {"L": "2.3"})["L"]
    assert verdict.causes == ("p2 stands where p1 belongs", "p3 stands where p1 belongs")


@pytest.mark.parametrize(
    ("asked", "answer", "cause"),
    [
        ("dL/da1", "W2 × dL/dz2", "W2 has to be transposed: W2^T"),
        ("dL/dW2", "dL/dz2 × a1", "a1 has to be transposed: a1^T"),
        ("dL/dW1", "dL/dz1 × x", "x has to be transposed: x^T"),
    ],
)
def test_products_in_columns_without_their_transposes_are_named(asked, answer, cause):
    net = cr.mlp([2, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", dtype="float64", seed=3)
    verdict = cr.check_my_work(net, {asked: answer}, X=[0.63, 1.0], y=1, notation="columns")[asked]
    assert verdict.kinds == ("transpose",)
    assert verdict.causes == (cause,)


def test_four_weights_of_six_are_named():
    net = cr.mlp([2, 2, 1], hidden="tanh", output="sigmoid", bias=False)
    verdict = cr.check_my_work(net, {"parameters": 4}, X=[1, 2], y=1)["parameters"]
    assert verdict.causes == ("W1 alone has 4; W2 counts too",)


def test_a_sum_over_rows_where_the_loss_is_their_mean_is_named():
    net = cr.mlp([1, 1], loss="squared_error", weights=1.0, biases=0.0, dtype="float64")
    data = {"X": [[1.0], [2.0]], "y": [3.0, 5.0]}  # errors -2 and -3
    assert cr.check_my_work(net, {"L": 6.5}, **data).right
    verdict = cr.check_my_work(net, {"L": 13}, **data)["L"]
    assert "this is the sum over the rows, but the loss is their mean" in verdict.causes


@pytest.mark.parametrize(
    ("asked", "answer", "cause"),
    [
        ("batches", 2000, None),
        ("batches", 50, "this is the size of a batch, not the number of batches"),
        ("updates", 6000, None),
        ("updates", 2000, "these are the updates of one epoch; the epochs are missing"),
        ("parameters", 60_600, None),
        ("parameters", 60_000, "these are the weights; the biases count too"),
        ("parameters", 50_500, "the 10100 of W1 and b1 are missing"),
    ],
)
def test_counts_of_parameters_batches_and_updates(asked, answer, cause):
    """Six matrices of 100 x 100 and six biases of 100; 100,000 rows in batches of 50, three times."""
    shapes = {f"{letter}{n}": shape for n in range(1, 7) for letter, shape in (("W", (100, 100)), ("b", (100,)))}
    problem = formula_problem({"f": "x^2"}, {"x": 1}, 0.1)
    problem = replace(problem, counts=parameter_counts(shapes) | training_counts(100_000, 50, 3))
    verdict = mark(problem, {asked: answer})[asked]
    assert verdict.right == (cause is None)
    if cause:
        assert verdict.causes[0] == cause


def test_a_file_counts_batches_and_updates_too():
    training = {"rows": 100_000, "batch_size": 50, "epochs": 3}
    described = {"formulas": {"f": "x^2"}, "values": {"x": 2}, "training": training, "answers": {"updates": 6000}}
    assert work_of(described).check().right
