"""The grammar of formulas against arithmetic by hand and NumPy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.explain.grammar import parse_formula, read_formula
from chainrule.expression import symbol


def value(text, names=None, **values):
    return float(cr.evaluate(parse_formula(text, names), **values))


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("2x(1-x)", {"x": 3.0}, -12.0),
        ("-x^2", {"x": 3.0}, -9.0),
        ("(-x)**2", {"x": 3.0}, 9.0),
        ("2^3^2", {}, 512.0),
        ("8/4/2", {}, 1.0),
        ("1 - 2 - 3", {}, -4.0),
        ("2^-1", {}, 0.5),
        ("|x| - |y| + 2|x y|", {"x": -3.0, "y": 2.0}, 13.0),
        ("1/2 (y - p)²", {"y": 1.0, "p": 3.0}, 2.0),
        ("−2·(Y − y)×3", {"Y": 1.0, "y": 0.5}, -3.0),
        ("x₁ + X₁₂", {"x1": 2.0, "X12": 1.5}, 3.5),
        ("w_{12} a", {"w_12": 2.0, "a": 1.5}, 3.0),
        ("W1[0, 1] + Y'", {"W1_0_1": 2.0, "Y_prime": 0.25}, 2.25),
        ("ln p + log10(p) + log2(p)", {"p": 0.5}, math.log(0.5) + math.log10(0.5) - 1),
        ("e^x + pi", {"x": 1.0}, math.e + math.pi),
        ("σ(z)(1 − σ(z)) - sigmoid'(z)", {"z": 0.3}, 0.0),
        ("tanh'(z)", {"z": 0.3}, 1 / math.cosh(0.3) ** 2),
        ("max(0, z) + max(z, 2)", {"z": -1.0}, 2.0),
        ("x.y.(2)", {"x": 3.0, "y": 5.0}, 30.0),
        (".5x + 2e-1", {"x": 1.0}, 0.7),
        ("[1 + {2 (3 - x)}] x", {"x": 1.0}, 5.0),
    ],
)
def test_formulas_mean_what_people_mean(text, values, expected):
    assert value(text, **values) == pytest.approx(expected, rel=1e-14, abs=1e-15)


def test_known_names_may_stand_together_and_hold_primes_and_fractions():
    spelled = {"W211": "w", "O11": "o", "Y": "y", "Y'": "p", "dL/dY'": "g", "W(1)_12": "v"}
    names = {spelling: symbol(name) for spelling, name in spelled.items()}
    assert value("-(Y - Y')W211O11(1 - O11)", names, y=1, p=0.5, w=2, o=0.25) == -0.5 * 2 * 0.25 * 0.75
    assert value("dL / dY' · W(1)_12", names, g=3, v=2) == 6


def test_arrays_multiply_as_matrices_unless_a_star_says_otherwise():
    names = {"W": symbol("W", (2, 2)), "a": symbol("a", (2, 1)), "s": symbol("s")}
    W, a = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0], [6.0]])
    for text, expected in {
        "W a": W @ a,
        "W × a": W @ a,
        "W^T @ a": W.T @ a,
        "W.T a": W.T @ a,
        "W * W": W * W,
        "W W": W @ W,
        "s W": 3 * W,
        "outer(a, a)": a @ a.T,
        "a aᵀ": a @ a.T,
        "tanh'(a)": 1 / np.cosh(a) ** 2,
    }.items():
        formula = parse_formula(text, names)
        given = {name: array for name, array in {"W": W, "a": a, "s": 3.0}.items() if name in used(formula)}
        found = cr.evaluate(formula, **given)
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def used(expression):
    return {expression.name} if expression.is_symbol else set().union(*map(used, expression.arguments))


def test_shapes_that_do_not_fit_are_refused_with_their_place():
    names = {"W": symbol("W", (2, 3)), "a": symbol("a", (2, 1))}
    term = read_formula("2 + W a", names)
    with pytest.raises(cr.ShapeError, match=r"at character 5: .*\(2, 3\).*\(2, 1\)"):
        term.expression()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x +", "at character 4, the end: a number, a name or a bracket belongs here"),
        ("(x", r"'\)' is missing"),
        ("x)", "an operator belongs here"),
        ("1,5", "write a decimal point, not a comma"),
        ("a / b c", "can be read in two ways"),
        ("sin(x, y)", "sin takes 1 argument, not 2"),
        ("max(x)", "max takes 2 arguments, not 1"),
        ("x" * 501, "too long"),
        ("x" * 90, "a name of 90 letters is too long"),
        ("(" * 60 + "x" + ")" * 60, "nested more than 50 deep"),
        ("2^" * 60 + "x", "nested more than 50 deep"),
        ("1e999", "too large a number"),
        ("__import__('os')", "at character 1, '_'"),
        ("x; y", "at character 2, ';'"),
        ("", "the end"),
    ],
)
def test_what_cannot_be_read_is_refused_with_place_and_remedy(text, message):
    with pytest.raises(cr.ArgumentError, match=message):
        parse_formula(text)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(cr.UnknownNameError, match="at character 3: unknown name 'O21': did you mean 'O12'"):
        parse_formula("2 O21", {"O12": symbol("O12"), "b": symbol("b")})


def test_powers_of_numbers_do_not_fill_the_memory():
    assert parse_formula("9^9^9^9").operation is not None


SIGNS = "xyzWab'_012.9+-*/^()[]{}|,=@·×²ᵀσ∂ "
WORDS = ["sin", "max", "outer", "softmax", "sum", "log10", "tanh'", "power", "sum_rows", "clip", "T", "e", "relu'"]


@given(st.lists(st.sampled_from([*SIGNS, *WORDS]), max_size=12).map("".join))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused_in_one_line(text):
    arrays = {"W": symbol("W", (2, 2)), "a": symbol("a", (2, 1)), "b": symbol("b", ("B", 2)), "x": symbol("x")}
    for names in (None, arrays):
        message = ""
        try:
            parse_formula(text, names)
        except cr.ChainruleError as error:
            message = str(error)
        assert "\n" not in message
