"""The stepper: the same numbers as a loop over net.gradients, on and back."""

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError

ROWS, TARGETS = np.array([[1.5, -0.5], [0.2, 0.8]]), np.array([1.0, 0.0])


@pytest.fixture
def net(two_two_one):
    return two_two_one(hidden="tanh", output="sigmoid", loss="squared_error")


@pytest.fixture
def stepper(net):
    return net.stepper(ROWS, TARGETS, notation="textbook", lr=0.5)


def test_passes_follow_the_path_of_descent_row_by_row(net, stepper):
    follower = cr.mlp([2, 2, 1], hidden="tanh", output="sigmoid", dtype="float64")
    for name in net.parameters:
        follower.parameters[name] = net.parameters[name]
    for n in range(5):
        row = slice(n % 2, n % 2 + 1)
        gradients = follower.gradients(ROWS[row], TARGETS[row])
        for name in follower.parameters:
            follower.parameters[name] = follower.parameters[name] - 0.5 * gradients[name]
        stepper.step(stepper.length)
        for element, value in stepper.parameters.items():
            name, _, index = element.partition("[")
            expected = follower.parameters[name][tuple(map(int, index.rstrip("]").split(",")))]
            assert value == pytest.approx(expected, rel=1e-12)


def test_rewinding_returns_to_the_starting_weights_and_to_the_same_steps(stepper):
    start, weights = str(stepper), stepper.parameters
    first = [str(stepper.step()) for _ in range(30)]
    assert stepper.parameters != weights
    stepper.rewind()
    assert (str(stepper), stepper.parameters) == (start, weights)
    assert [str(stepper.step()) for _ in range(30)] == first


def test_back_undoes_a_step_and_stops_at_the_start(stepper):
    shown = [str(stepper), *(str(stepper.step()) for _ in range(25))]
    assert [str(stepper.back()) for _ in range(25)] == shown[-2::-1]
    assert str(stepper.back()) == shown[0]
    assert stepper.current is None


def test_explaining_leaves_the_network_as_it_was(net, stepper):
    stepper.step(100)
    assert net.parameters["b2"][0] == 0.3


def test_a_pass_has_every_value_every_derivative_and_the_update(stepper):
    steps = stepper.to_json(1)["passes"][0]["steps"]
    titles = [step["title"] for step in steps]
    forward, parameters, values = 7, 9, 6
    assert titles == [
        *(f"Forward, {n} of {forward}" for n in range(1, forward + 1)),
        *(f"Backward, {n} of {parameters + values}" for n in range(1, parameters + values + 1)),
        "Update, 1 of 1",
    ]


def test_a_derivative_is_worked_out_only_when_those_that_it_needs_are(stepper):
    known = {"L"}
    for step in stepper.to_json(1)["passes"][0]["steps"]:
        if step["title"].startswith("Backward"):
            left, _, right = step["text"].partition(" = ")
            needed = {part.removeprefix("∂L/∂").split(" ")[0] for part in right.split() if part.startswith("∂L/∂")}
            assert needed <= known, step
            known.add(left.removeprefix("∂L/∂"))


def test_gradients_of_the_first_pass_are_those_of_training(net, stepper):
    for name, gradient in net.gradients(ROWS[:1], TARGETS[:1]).items():
        before, after = net.parameters[name], stepper.to_json(1)["passes"][0]["updated"]
        for index in np.ndindex(gradient.shape):
            spelled = f"{name}[{','.join(map(str, index))}]"
            assert (before[index] - after[spelled]) / 0.5 == pytest.approx(gradient[index], rel=1e-12)


def test_the_equation_is_shown_with_letters_numbers_and_result(stepper):
    shown = str(stepper.step(6).current)
    assert shown.startswith("Forward, 6 of 7: ŷ = σ(z⁽²⁾₁) = σ(")
    assert shown.count(" = ") == 3


def test_numbers_that_are_not_known_yet_are_not_shown(stepper):
    values = [line for line in str(stepper.step(2)).splitlines() if "tanh" in line]
    assert all(line.rstrip().endswith(")") for line in values[:2])
    assert ">0.5<" in stepper._repr_html_()
    assert "data-since" not in stepper._repr_html_()


def test_the_page_marks_each_number_with_its_step_and_lists_all_steps(stepper):
    page = stepper.page(2)
    assert page.count('class="step ') == 2 * stepper.length
    for step in range(1, stepper.length):
        assert page.count(f'data-since="{step}"') == 2
    assert page.count("<script>") == 1
    assert "http" not in page.replace("http://www.w3.org/1998/Math/MathML", "")


def test_steps_are_written_as_text_and_latex_too(stepper, tmp_path):
    text = stepper.save(tmp_path / "steps.txt", 2).read_text()
    assert text.count("Forward, 1 of 7") == 2
    assert r"\begin{align*}" in stepper.save(tmp_path / "steps.tex").read_text()
    json.dumps(stepper.to_json())


def test_a_network_that_is_too_large_is_refused(two_two_one):
    with pytest.raises(ArgumentError, match="2-2-1"):
        cr.mlp([5, 8, 8, 1]).stepper([0.0] * 5, 1.0)
    with pytest.raises(ArgumentError, match="limit is 400"):
        cr.mlp([50, 50, 1]).stepper([0.0] * 50, 1.0)


def test_probabilities_of_classes_are_gone_through_too():
    net = cr.mlp([2, 3], loss="cross_entropy", dtype="float64", seed=1)
    stepper = net.stepper([[1.0, 2.0]], [2], lr=1.0)
    gradients = net.gradients([[1.0, 2.0]], [2])
    stepper.step(stepper.length)
    for j in range(3):
        expected = net.parameters["W1"][1, j] - gradients["W1"][1, j]
        assert stepper.parameters[f"W1[1,{j}]"] == pytest.approx(expected, rel=1e-12)
