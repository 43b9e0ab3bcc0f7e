"""Simplifications: each rule, each closed form, each condition, against algebra done by hand and by other programs."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import ArgumentError, UnknownNameError
from chainrule.explain import NOTATIONS
from chainrule.explain.simplifying.rules import RULES, Facts, steps
from chainrule.explain.writing.algebra import as_sum
from chainrule.losses import LOSSES, cross_entropy, half_squared_error, mean_squared_error
from chainrule.runnable import evaluate

Z = np.array([0.3, -1.2, 0.8])
ONE_HOT = np.array([0.0, 1.0, 0.0])
SOFT = np.array([0.2, 0.5, 0.3])


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def rule_names(page, scalar):
    return [step.rule.name for step in page.derivatives[scalar].steps]


# The closed forms, as a person finds them


@pytest.mark.parametrize("outputs", [2, 3, 4, 10])
def test_softmax_with_cross_entropy_comes_down_to_q_minus_y(outputs):
    page = cr.simplification("softmax", "cross_entropy", outputs=outputs)
    assert {by: form.text for by, form in page.results.items()} == {
        f"z{j}": f"q{j} - y{j}" for j in range(1, outputs + 1)
    }


def test_the_steps_of_softmax_are_those_of_a_person():
    page = cr.simplification("softmax", "cross_entropy", z=Z, y=ONE_HOT)
    lines = [page.formula(line.expression).text for line in page.derivatives["z1_0_0"].lines]
    assert lines == [
        "-y1 * q1 * (1 - q1) / q1 + y2 * q1 * q2 / q2 + y3 * q1 * q3 / q3",
        "-y1 * (1 - q1) + y2 * q1 + y3 * q1",
        "-y1 + y1 * q1 + y2 * q1 + y3 * q1",
        "-y1 + q1 * (y1 + y2 + y3)",
        "-y1 + q1",
        "q1 - y1",
    ]


def test_the_partial_derivatives_of_softmax_are_those_of_the_books():
    page = cr.simplification("softmax")
    ends = {key: page.formula(d.end.expression).text for key, d in page.partials.items()}
    assert ends["h1_0_0", "z1_0_0"] == "q1 * (1 - q1)"
    assert ends["h1_0_1", "z1_0_0"] == "-q1 * q2"
    assert ends["L", "h1_0_2"] == "-y3 / q3"


def test_the_steps_of_the_sigmoid_are_those_of_a_person():
    page = cr.simplification("sigmoid", "binary_cross_entropy")
    lines = [page.formula(line.expression).text for line in page.derivatives["z1_0_0"].lines]
    assert lines == [
        "((1 - y) / (1 - a) - y / a) * a * (1 - a)",
        "((1 - y) * a - y * (1 - a)) * a * (1 - a) / ((1 - a) * a)",
        "(1 - y) * a - y * (1 - a)",
        "a - y * a - y + y * a",
        "a - y",
    ]


@pytest.mark.parametrize(
    ("output", "loss", "closed"),
    [
        ("linear", "half_squared_error", "p - y"),
        ("linear", "squared_error", "2 * (p - y)"),
        ("sigmoid", "squared_error", "2 * (a - y) * a * (1 - a)"),
        ("sigmoid", "cross_entropy", "-y * (1 - a)"),
        ("exp", "poisson", "p - y"),
        ("sigmoid", "poisson", "(a - y) * (1 - a)"),
        ("tanh", "half_squared_error", "(p - y) * (1 - p^2)"),
    ],
)
def test_other_outputs_and_losses_reach_the_form_that_a_person_finds(output, loss, closed):
    page = cr.simplification(output, loss)
    (form,) = page.results.values()
    assert form.text == closed


def test_a_mean_over_outputs_keeps_its_divisor_exactly():
    page = cr.simplification("linear", mean_squared_error(), outputs=3)
    assert page.results["p1"].text == "2 * (p1 - y1) / 3"


def test_smoothed_targets_take_the_place_of_targets():
    page = cr.simplification("softmax", cross_entropy(label_smoothing=0.1), z=Z, y=ONE_HOT)
    assert page.results["z2"].text == "q2 - 0.9 * y2 - 1 / 30"
    expected = softmax(Z) - (0.9 * ONE_HOT + 0.1 / 3)
    np.testing.assert_allclose(list(page.values.values()), expected, rtol=1e-13)


# Numbers, against formulas written here


@pytest.mark.parametrize(
    ("output", "loss", "y", "gradient"),
    [
        ("softmax", "cross_entropy", SOFT, softmax(Z) - SOFT),
        ("sigmoid", "binary_cross_entropy", SOFT, sigmoid(Z) - SOFT),
        ("linear", half_squared_error(), SOFT, Z - SOFT),
        ("sigmoid", "squared_error", SOFT, 2 * (sigmoid(Z) - SOFT) * sigmoid(Z) * (1 - sigmoid(Z))),
        ("exp", "poisson", SOFT, np.exp(Z) - SOFT),
    ],
)
def test_the_shortest_form_and_the_program_have_the_value_of_the_closed_form(output, loss, y, gradient):
    page = cr.simplification(output, loss, z=Z, y=y)
    np.testing.assert_allclose(list(page.values.values()), gradient, rtol=1e-12)
    np.testing.assert_allclose(list(page.computed.values()), gradient, rtol=1e-12)


PAIRS = [
    (output, name)
    for output in ("softmax", "sigmoid", "tanh", "softplus", "exp")
    for name, make in LOSSES.items()
    if output in (make().outputs or (output,))
]


@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_each_line_has_the_value_of_the_line_before(output, loss):
    page = cr.simplification(output, loss, outputs=2)
    assert page.difference < 1e-12
    np.testing.assert_allclose(list(page.values.values()), list(page.computed.values()), rtol=1e-11, atol=1e-14)


def test_pytorch_agrees_with_the_shortest_form():
    torch = pytest.importorskip("torch")
    z = torch.tensor(Z, requires_grad=True)
    torch.nn.functional.cross_entropy(z[None], torch.tensor(SOFT)[None]).backward()
    page = cr.simplification("softmax", z=Z, y=SOFT)
    np.testing.assert_allclose(list(page.values.values()), z.grad.numpy(), rtol=1e-12)


def test_where_exponentials_overflow_the_program_has_numbers_and_the_page_says_so():
    page = cr.simplification("softmax", z=[1000.0, 0.0, 0.0], y=[0, 1, 0])
    assert list(page.computed.values()) == [1.0, -1.0, 0.0]
    assert "overflow" in page.text


# Conditions


def test_each_step_with_a_condition_states_it_on_the_page():
    text = cr.simplification("softmax").text
    assert "(where q1 ≠ 0, q2 ≠ 0 and q3 ≠ 0)" in text
    assert "(where y1 + y2 + y3 = 1)" in text
    assert "(where 1 - a ≠ 0 and a ≠ 0)" in cr.simplification("sigmoid").text


def test_targets_that_do_not_add_up_to_1_end_the_derivation_at_the_general_form():
    y = np.array([0.5, 0.2, 0.1])
    page = cr.simplification("softmax", z=Z, y=y)
    assert page.results["z1"].text == "q1 * (y1 + y2 + y3) - y1"
    assert "put 1 for the sum of the targets" not in rule_names(page, "z1_0_0")
    text = " ".join(page.text.replace("|", " ").split())
    assert "since y1 + y2 + y3 is 0.8 here" in text
    assert "leads to q1 - y1" in text
    expected = softmax(Z) * y.sum() - y
    np.testing.assert_allclose(list(page.values.values()), expected, rtol=1e-12)
    np.testing.assert_allclose(list(page.computed.values()), expected, rtol=1e-12)


def test_a_loss_of_ones_own_promises_nothing_of_its_targets():
    page = cr.simplification("softmax", lambda prediction, target: -(target * cr.log(prediction)), y=ONE_HOT)
    assert page.results["z1"].text == "q1 * (y1 + y2 + y3) - y1"
    assert "y1 + y2 + y3 = 1 is not declared" in " ".join(page.text.replace("|", " ").split())


# The rules by themselves

a, b, c, d = cr.symbols("a b c d")
TOTAL = cr.exp(a) + cr.exp(c)
EXAMPLES = {
    "write a known value by its name": (b * cr.exp(a) / TOTAL, Facts(known={"d": as_sum(cr.exp(a) / TOTAL).terms[0]})),
    "bring to a common denominator": ((b / a + c / d) * a * d, Facts()),
    "cancel what stands above and below": (a * b / a, Facts()),
    "add up equal terms": (2 * a + 3 * a - b, Facts()),
    "put 1 for the sum of the targets": (3 * c * (a + b + d), Facts(ones=[frozenset("abd")])),
    "take out the common factor": (a * b + a * c + a * d, Facts()),
    "write the term without a minus first": (-a + b, Facts()),
    "multiply the brackets out": ((a + b) * c - a * c, Facts()),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@settings(max_examples=20, deadline=None)
@given(values=st.lists(st.floats(0.1, 3), min_size=3, max_size=3))
def test_a_rule_changes_the_form_and_keeps_the_value(rule, values):
    expression, facts = EXAMPLES[rule.name]
    before = as_sum(expression)
    after, _ = rule.change(before, facts)
    assert after != before
    point = dict(zip("abc", values, strict=True))
    point["d"] = np.exp(point["a"]) / (np.exp(point["a"]) + np.exp(point["c"]))
    if facts.ones:
        point["d"] = 1 - point["a"] - point["b"]
    numbers = [evaluate(form.expression + 0 * (a + b + c + d), **point) for form in (before, after)]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-9, abs=1e-12)


def test_the_documentation_lists_every_rule():
    page = (Path(__file__).parents[2] / "docs" / "simplification.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| ([a-z][a-z 1]+) \| (?!fact)", page, re.MULTILINE)) == sorted(r.name for r in RULES)


def test_brackets_stay_where_multiplying_out_makes_nothing_shorter():
    assert steps(as_sum((a + b) * (c + d)), Facts()) == []


def test_only_equal_factors_cancel():
    assert steps(as_sum(a * (b + c) / (b + d)), Facts()) == []
    (only,) = steps(as_sum(a * (b + c) / (c + b)), Facts())
    assert only.result == as_sum(a)


def test_only_a_whole_set_with_equal_factors_adds_up_to_1():
    facts = Facts(ones=[frozenset("abc")])
    assert steps(as_sum(a + b), facts) == []
    assert steps(as_sum(2 * a + b + c), facts) == []
    (only,) = steps(as_sum(2 * a + 2 * b + 2 * c), facts)
    assert only.result.expression.literal == 2


# Networks, notations, pages


def test_a_network_explains_its_own_loss_with_its_own_numbers():
    net = cr.mlp([2, 4, 3], hidden="tanh", loss="cross_entropy", dtype="float64", seed=3)
    row, target = [0.5, -1.0], 2
    page = net.simplification(row, target)
    z = net.activations([row])["z2"][0]
    np.testing.assert_allclose(list(page.values.values()), softmax(z) - np.eye(3)[target], rtol=1e-12)
    np.testing.assert_allclose(list(page.values.values()), net.gradients([row], [target])["b2"], rtol=1e-12)


@pytest.mark.parametrize(
    "layers",
    [
        [cr.Dense(3, "relu"), cr.Residual(cr.Dense(3))],
        [cr.Dense(3), cr.Activation("sigmoid")],
        [cr.Dense(3, "relu"), cr.LayerNorm()],
        [cr.Dense(3, "leaky_relu")],
    ],
)
def test_any_last_layer_has_a_derivative_by_what_it_computes(layers):
    net = cr.Network(*layers, loss="half_squared_error", inputs=2, dtype="float64", seed=1)
    page = net.simplification([0.3, 0.7], [1.0, 2.0, 3.0])
    np.testing.assert_allclose(list(page.values.values()), list(page.computed.values()), rtol=1e-12)
    assert len(page.results) == 3


@pytest.mark.parametrize("notation", NOTATIONS)
def test_every_notation_writes_the_same_numbers_and_no_line_is_too_long(notation):
    page = cr.simplification("softmax", outputs=10, notation=notation)
    np.testing.assert_allclose(list(page.values.values()), list(page.computed.values()), rtol=1e-12)
    assert max(map(len, page.text.splitlines())) <= 100


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_latex_of_a_simplification_compiles(output, tmp_path):
    cr.simplification(output).save(tmp_path / "page.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_command_prints_the_page_and_json_holds_every_line():
    printed = CliRunner().invoke(main, ["simplify", "sigmoid"], catch_exceptions=False)
    assert printed.exit_code == 0
    assert re.search(r"∂L/∂z = a - y\n", printed.output)
    told = CliRunner().invoke(main, ["simplify", "softmax", "--z", "1000,0", "--json"], catch_exceptions=False)
    record = json.loads(told.output)
    lines = record["derivatives"][1]["lines"]
    assert [line["text"] for line in lines][-1] == "q2 - y2"
    assert lines[0]["value"] is None  # exp(1000) has no number
    assert record["derivatives"][0]["program"] == 0.0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"output": "softmx"}, "did you mean 'softmax'"),
        ({"output": "softmax", "loss": "binary_cross_entropy"}, "defined for outputs of sigmoid"),
        ({"output": "softmax", "outputs": 1}, "at least 2 outputs"),
        ({"output": "softmax", "outputs": 11}, "at most 10"),
        ({"output": "softmax", "z": [1.0, 2.0], "y": [1.0]}, "2 finite numbers"),
        ({"output": "sigmoid", "z": float("nan")}, "finite"),
        ({"output": "sigmoid", "z": "one"}, "one number for each output"),
        ({"output": "sigmoid", "notation": "greek"}, "unknown notation"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(words, reason):
    with pytest.raises((ArgumentError, UnknownNameError), match=reason):
        cr.simplification(**words)


def test_several_rows_are_refused():
    net = cr.mlp([2, 1], seed=0)
    with pytest.raises(ArgumentError, match="one row, but 2 were given"):
        net.simplification([[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0])
