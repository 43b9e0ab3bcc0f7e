"""Answers judged: digits, formulas, what follows from what, messages."""

import json

import numpy as np
import pytest

import chainrule as cr

ROW = {"X": [1.0, 2.0], "y": 1.0}


@pytest.fixture(scope="module")
def net():
    """W1 = [[0.5, -1], [1, 0.25]], b1 = [0.1, 0.2], W2 = [[1], [-2]], b2 = [0.5]."""
    made = cr.mlp([2, 2, 1], hidden="tanh", dtype="float64")
    made.parameters["W1"] = [[0.5, -1.0], [1.0, 0.25]]
    made.parameters["b1"] = [0.1, 0.2]
    made.parameters["W2"] = [[1.0], [-2.0]]
    made.parameters["b2"] = [0.5]
    return made


# By hand
Z1 = np.array([0.5 + 2.0 + 0.1, -1.0 + 0.5 + 0.2])
H1 = np.tanh(Z1)
P = H1[0] - 2 * H1[1] + 0.5
SLOPE = 2 * (P - 1)


def one(net, asked, answer, **settings):
    return cr.check_my_work(net, {asked: answer}, **ROW, **settings)[asked]


@pytest.mark.parametrize("digits", [2, 3, 5, 8])
def test_a_number_is_right_if_the_right_value_rounds_to_it(net, digits):
    assert one(net, "L", f"{(P - 1) ** 2:.{digits}f}").right
    assert not one(net, "L", f"{(P - 1) ** 2 + 2 * 10**-digits:.{digits}f}").right


@pytest.mark.parametrize(
    "answer",
    [
        "2 (z2 - Y) W2[1,0] (1 - h1[1]^2) X[0]",
        "2*(z2[0] - Y[0]) * W2[1,0] * (1 - h1[1]*h1[1]) * X[0]",
        "dL/dz2 · dz2/dh1[1] · dh1[1]/dz1[1] · dz1[1]/dW1[0,1]",
        "dL/dz2 · W2[1,0] · tanh'(z1[1]) · X[0] = -2(Y - z2) W2[1,0] (1 - tanh(z1[1])^2) X[0]",
        "(dL/dh1[1]) (1 - h1[1]^2) X[0]",
        f"{SLOPE:.15g} * (-2) * {1 - H1[1] ** 2:.15g}",
    ],
)
def test_a_formula_may_be_written_in_any_way(net, answer):
    assert one(net, "dL/dW1[0,1]", answer).right


def test_a_formula_that_is_right_by_chance_at_the_own_numbers_is_wrong(net):
    """X[0] is 1, so that leaving it out changes no number here; and -2 stands for a weight."""
    verdict = one(net, "dL/dW1[0,1]", "2 (z2 - Y) W2[1,0] (1 - h1[1]^2)")
    assert verdict.kinds == ("missing factor",)
    assert one(net, "dL/dW1[0,1]", f"{SLOPE * -2 * (1 - H1[1] ** 2):.8f}").right


def test_an_answer_that_follows_from_a_wrong_one_is_told_apart(net):
    wrong = Z1[0] + 1
    answers = {"z1[0]": f"{wrong:.6f}", "h1[0]": f"{np.tanh(wrong):.6f}", "h1[1]": f"{H1[1]:.6f}"}
    marked = cr.check_my_work(net, answers, **ROW)
    assert not marked["z1[0]"].right
    assert marked["h1[0]"].follows == ("z1[0]",)
    assert "follows from z1[0] as it should" in marked["h1[0]"].sentence
    assert marked["h1[1]"].right
    assert marked.score == 1


def test_a_derivative_that_follows_from_a_wrong_derivative_is_told_apart(net):
    answers = {"dL/dz2": f"{-SLOPE:.6f}", "dL/dW2[0,0]": f"{-SLOPE * H1[0]:.6f}", "b2 new": f"{0.5 + 0.1 * SLOPE:.6f}"}
    marked = cr.check_my_work(net, answers, **ROW)
    assert marked["dL/dz2"].kinds[0] == "sign"
    assert marked["dL/dW2[0,0]"].follows == ("dL/dz2",)
    assert marked["b2 new"].follows == ("dL/dz2",)


def test_numbers_from_rounded_numbers_are_right(net):
    z, h = round(Z1[0], 1), round(float(np.tanh(round(Z1[0], 1))), 4)
    assert f"{h:.4f}" == f"{H1[0]:.4f}"
    coarse = {"h1[0]": "1.0", "h1[1]": "-0.29", "z2": f"{1.0 - 2 * -0.29 + 0.5:.4f}"}
    assert abs(1.0 - 2 * -0.29 + 0.5 - P) > 1e-3
    assert cr.check_my_work(net, coarse, **ROW).right
    assert z == pytest.approx(Z1[0])


def test_the_first_wrong_step_of_several_is_named(net):
    verdict = one(net, "dL/dW2[0,0]", "dL/dz2 · dz2/dW2[0,0] = 2 (z2 - Y) h1[1] = 2 (z2 - Y) h1[0]")
    assert verdict.step == 2
    assert verdict.causes == ("h1[1] stands where h1[0] belongs",)
    assert verdict.sentence.startswith("step 2: ")


def test_two_slips_at_once_are_named(net):
    verdict = one(net, "dL/dW1[0,1]", "-2 (z2 - Y) W2[1,0] X[0]")
    assert set(verdict.kinds[0].split(", ")) == {"sign", "activation derivative"}


def test_what_no_slip_explains_is_said_to_be_so_with_the_first_wrong_factor(net):
    verdict = one(net, "dL/dW1[0,1]", "2 (z2 - Y) (W2[1,0] + 17 h1[0]) (1 - h1[1]^2) X[0]")
    assert verdict.kinds == ("unknown",)
    assert verdict.factor[0].text == "∂z2[0]/∂h1[1]"


def test_arrays_are_judged_as_wholes_and_by_their_elements(net):
    dz1 = SLOPE * np.array([1.0, -2.0]) * (1 - H1**2)
    right = np.outer([1.0, 2.0], dz1)
    assert one(net, "dL/dW1", right.round(6).tolist()).right
    assert one(net, "dL/dW1", (-right).round(6)).kinds == ("sign",)
    spoiled = right.copy()
    spoiled[0, 1] = 17.0
    verdict = one(net, "dL/dW1", spoiled.round(6).tolist())
    assert verdict.causes == ("∂L/∂W1[0,1]: 17 is explained by no usual slip",)


def test_formulas_over_arrays_need_their_shapes(net):
    assert one(net, "dL/dW1", "X^T @ (dL/dz2 @ W2^T * (1 - h1^2))").right
    assert one(net, "dL/dW1", "X^T @ dL/dz1 * 2").kinds == ("factor 2",)
    verdict = one(net, "dL/dW2", "h1")
    assert not verdict.right


def test_a_batch_needs_its_mean_and_the_sum_over_its_rows(net):
    X, y = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[1.0], [0.0]])
    marked = cr.check_my_work(net, {"dL/dW2": "h1^T @ dL/dz2", "dL/db2": "sum_rows(dL/dz2)"}, X=X, y=y)
    assert marked.right
    verdict = cr.check_my_work(net, {"dL/db1": "dL/dz1"}, X=X, y=y)["dL/db1"]
    assert verdict.kinds == ("sum over rows",)


def test_of_two_rows_a_factor_2_and_a_missing_mean_are_both_named(net):
    verdict = cr.check_my_work(net, {"dL/dz2[0,0]": "2 (z2[0,0] - Y[0,0])"}, X=[[1.0, 2.0]] * 2, y=[1.0, 0.0])[
        "dL/dz2[0,0]"
    ]
    assert set(verdict.kinds) == {"factor 2", "mean"}


def test_formulas_alone_are_a_problem_too():
    problem = {"z": "w x + b", "a": "σ(z)", "L": "-(y ln(a) + (1 - y) ln(1 - a))"}
    values = {"w": 0.5, "x": 2.0, "b": -1.0, "y": 1.0}
    marked = cr.check_my_work(problem, {"a": 0.5, "dL/dw": "(a - y) x", "dL/db": -0.5, "∂a/∂z": 0.5}, values=values)
    assert [v.right for v in marked.verdicts] == [True, True, True, False]
    assert cr.check_my_work("3 x^2", {"df/dx": "6x"}).right


def test_angles_in_degrees_are_named():
    verdict = cr.check_my_work("sin(x)", {"f": f"{np.sin(np.pi / 180):.6f}"}, values={"x": 1.0})["f"]
    assert verdict.kinds == ("degrees",)


def test_empty_answers_count_as_not_answered(net):
    marked = cr.check_my_work(net, {"L": "", "z1[0]": f"{Z1[0]:.4f}"}, **ROW)
    assert (marked.score, list(marked.blank), marked.right) == (1, ["L"], False)
    nothing = cr.check_my_work(net, {"L": ""}, **ROW)
    assert nothing.document.title == "Checked work: nothing is answered yet"
    assert not nothing.right


@pytest.mark.parametrize(
    ("asked", "answer", "message"),
    [
        ("W9", 1, "unknown quantity 'W9'"),
        ("z1[0] new", 1, "unknown parameter"),
        ("L", "2 +", "the answer for L: cannot read '2 \\+' at character 4"),
        ("L", "q^2", "unknown name 'q'"),
        ("L", True, "no number"),
        ("L", [1, 2], "has numbers in the shape 2, but needs one"),
        ("dL/dW1", [1, 2, 3], "needs 2 x 2"),
        ("dL/dW1", [[1, 2], [3]], "no number, formula or list"),
        ("L", None, "no number"),
        ("parameters", "many", "is a whole number, not 'many'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(net, asked, answer, message):
    with pytest.raises(ValueError, match=message):
        one(net, asked, answer)


def test_a_network_without_data_and_one_that_is_too_large_are_refused(net):
    with pytest.raises(cr.ArgumentError, match="needs its data"):
        cr.check_my_work(net, {"L": 1})
    with pytest.raises(cr.ArgumentError, match="by what was asked"):
        cr.check_my_work(net, [1], **ROW)
    with pytest.raises(cr.ArgumentError, match="too many for work that is done by hand"):
        cr.check_my_work(cr.mlp([20, 20, 1]), {"L": 1}, X=[0.0] * 20, y=1.0)


def test_infinite_and_undefined_numbers_are_no_answers(net):
    for answer in (float("nan"), float("inf")):
        with pytest.raises(cr.ArgumentError, match="no number"):
            one(net, "L", answer)
    for answer in ("1/0", "ln(0)", "9^9^9^9^9", "1e999", "9" * 400):
        assert not one(net, "L", answer).right


def test_the_last_step_may_be_the_rounded_number(net):
    formula = "2 (z2 - Y) W2[1,0] (1 - h1[1]^2) X[0]"
    value = SLOPE * -2 * (1 - H1[1] ** 2)
    assert one(net, "dL/dW1[0,1]", f"{formula} = {value:.2f}").right
    verdict = one(net, "dL/dW1[0,1]", f"{formula} = {value + 0.02:.2f}")
    assert (verdict.right, verdict.step) == (False, 2)


def test_pages_show_in_every_form(net, tmp_path):
    marked = cr.check_my_work(net, {"L": 1.0, "dL/dz2": "(z2 - Y)"}, **ROW)
    assert "Checked work: 0 of 2 answers right" in str(marked)
    assert "<table" in marked._repr_html_()
    assert marked.latex.endswith("\\end{document}\n")
    assert json.loads(json.dumps(marked.to_json()))["answers"][1]["first_wrong_factor"] == "∂L/∂z2[0]"
    assert marked.save(tmp_path / "checked.html").read_text().startswith("<!doctype html>")
    assert max(map(len, marked.text.splitlines())) <= 100


def test_the_longest_formulas_are_judged_or_refused():
    long = "+".join(["x"] * 250)
    assert cr.check_my_work("125 x^2", {"df/dx": long}, values={"x": 1.0}).right
    assert cr.check_my_work("x" + "+x" * 99, {"df/dx": 100, "f": "100 x"}, values={"x": 1.0}).right
    with pytest.raises(cr.ArgumentError, match="more than 100 operations one within another"):
        cr.check_my_work(long, {"df/dx": 250}, values={"x": 1.0})
