"""Homework 1: the six rules against formulas written by hand, against PyTorch and against other choices of letters."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner

from chainrule.cli import main
from chainrule.errors import ArgumentError
from chainrule.explain import NOTATIONS
from chainrule.homework import homework_1

X = np.array([[1.0, 2.0], [-0.5, 0.3], [0.2, -1.5]])
Y = np.array([1.0, 0.0, 1.0])
WEIGHTS = [0.1, -0.2, 0.3, 0.4, -0.5, 0.6]


def by_hand(X, y, weights, factor):
    """The mean over rows of the derivative by each weight, written out without a loop over layers."""
    w11, w12, w21, w22, v1, v2 = weights
    slopes = []
    for (x1, x2), t in zip(X, y, strict=True):
        h1, h2 = np.tanh(x1 * w11 + x2 * w21), np.tanh(x1 * w12 + x2 * w22)
        p = 1 / (1 + np.exp(-(v1 * h1 + v2 * h2)))
        delta = factor * (p - t) * p * (1 - p)
        d1, d2 = delta * v1 * (1 - h1**2), delta * v2 * (1 - h2**2)
        slopes.append([d1 * x1, d2 * x1, d1 * x2, d2 * x2, delta * h1, delta * h2])
    return np.mean(slopes, axis=0)


@pytest.mark.parametrize(("half", "factor"), [(False, 2.0), (True, 1.0)])
def test_the_numbers_are_those_of_the_formulas_by_hand(half, factor):
    work = homework_1(X, Y, weights=WEIGHTS, half=half, rate=0.25)
    expected = by_hand(X, Y, WEIGHTS, factor)
    np.testing.assert_allclose(work.gradients, expected, rtol=1e-13)
    np.testing.assert_allclose(work.checked, expected, rtol=1e-13)
    np.testing.assert_allclose(work.updated, np.array(WEIGHTS) - 0.25 * expected, rtol=1e-14)
    assert work.error < 1e-13


def test_the_rules_read_as_a_person_writes_them():
    work = homework_1(notation="indexed")
    assert [rule.step.text for rule in work.rules] == [
        "W111 - lr * 2 * (Y' - Y) * Y' * (1 - Y') * W211 * (1 - O11^2) * X1",
        "W112 - lr * 2 * (Y' - Y) * Y' * (1 - Y') * W221 * (1 - O12^2) * X1",
        "W121 - lr * 2 * (Y' - Y) * Y' * (1 - Y') * W211 * (1 - O11^2) * X2",
        "W122 - lr * 2 * (Y' - Y) * Y' * (1 - Y') * W221 * (1 - O12^2) * X2",
        "W211 - lr * 2 * (Y' - Y) * Y' * (1 - Y') * O11",
        "W221 - lr * 2 * (Y' - Y) * Y' * (1 - Y') * O12",
    ]
    assert work.rules[4].chain.text == "∂L/∂Y' · ∂Y'/∂Z21 · ∂Z21/∂W211"


def test_the_half_takes_the_factor_two_away():
    whole, half = (homework_1(notation="names", half=half) for half in (False, True))
    assert [r.gradient.text for r in whole.rules] == [f"2 * {r.gradient.text}" for r in half.rules]
    np.testing.assert_allclose(whole.gradients, 2 * np.array(half.gradients), rtol=1e-15)


def test_pytorch_computes_the_same_update():
    torch = pytest.importorskip("torch")
    W1 = torch.tensor(np.reshape(WEIGHTS[:4], (2, 2)), requires_grad=True)
    W2 = torch.tensor(np.reshape(WEIGHTS[4:], (2, 1)), requires_grad=True)
    output = torch.sigmoid(torch.tanh(torch.tensor(X) @ W1) @ W2)
    torch.nn.functional.mse_loss(output, torch.tensor(Y)[:, None]).backward()
    with torch.no_grad():
        updated = torch.cat([(w - 0.1 * w.grad).ravel() for w in (W1, W2)])
    np.testing.assert_allclose(homework_1(X, Y, weights=WEIGHTS).updated, updated.numpy(), rtol=1e-12)


@pytest.mark.parametrize("notation", NOTATIONS)
def test_letters_change_no_number(notation):
    work = homework_1(X, Y, weights=WEIGHTS, notation=notation)
    np.testing.assert_allclose(sorted(work.gradients), sorted(by_hand(X, Y, WEIGHTS, 2.0)), rtol=1e-13)
    assert max(map(len, work.text.splitlines())) <= 100


def test_the_page_says_how_many_weights_there_are_and_what_the_rows_do():
    text = " ".join(homework_1(X, Y, weights=WEIGHTS).text.split())
    assert "4 weights of the hidden layer and 2 of the output, 6 in all" in text
    assert "the mean over 3 rows" in text


def test_a_saturated_unit_is_named_where_digits_are_lost():
    work = homework_1([[9.0, 0.0]], weights=[1.0, 1.0, 1.0, 1.0, 0.5, 0.5])
    assert work.error > 1e-12
    assert "1 - h^2 keeps few digits" in " ".join(work.text.split())


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_of_the_homework_compiles(tmp_path):
    homework_1(notation="phi").save(tmp_path / "page.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_command_takes_a_row_and_weights_and_gives_json():
    words = ["homework", "1", "--x", "1,2", "--y", "1", "--weights", ",".join(map(str, WEIGHTS)), "--json"]
    record = json.loads(CliRunner().invoke(main, words, catch_exceptions=False).output)
    expected = by_hand(X[:1], Y[:1], WEIGHTS, 2.0)
    np.testing.assert_allclose([rule["gradient"] for rule in record["rules"]], expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"X": [1.0]}, "rows of 2 finite features"),
        ({"X": [1.0, float("nan")]}, "finite"),
        ({"X": X, "y": [1.0]}, "each with a finite target"),
        ({"weights": [1.0]}, "6 weights, not 1"),
        ({"weights": [float("nan")] * 6}, "weights are finite"),
        ({"rate": float("nan")}, "the learning rate must be above 0"),
        ({"notation": "greek"}, "unknown notation"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(given, reason):
    with pytest.raises((ArgumentError, ValueError), match=reason):
        homework_1(**given)
