"""Circuits and paths: against closed forms, and against the complex step."""

import math
from itertools import combinations
from xml.etree import ElementTree

import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, UnknownNameError
from chainrule.explain.drawings.layout import heights

AT = {"x3": 1.0, "x4": 2.0, "x5": 0.5, "w3": -1.0, "w4": 0.25}


@pytest.fixture
def formula():
    x3, x4, x5, w3, w4 = cr.symbols("x3 x4 x5 w3 w4")
    return (x3 + x5) - cr.sigmoid(w3 * x3 + w4 * x4)


def test_two_paths_meet_as_one_and_minus_the_slope_times_the_weight(formula):
    net = AT["w3"] * AT["x3"] + AT["w4"] * AT["x4"]
    s = 1 / (1 + math.exp(-net))
    slope = s * (1 - s)
    found = cr.paths(formula, "x3", **AT)
    factors = [[factor.value for factor in path.factors] for path in found.paths]
    assert factors == [[1, 1], pytest.approx([-1, slope, AT["w3"]], rel=1e-14)]
    assert [path.value for path in found.paths] == [1, pytest.approx(-slope * AT["w3"], rel=1e-14)]
    assert found.value == pytest.approx(1 - slope * AT["w3"], rel=1e-14)
    assert "(-1) · σ'(net) · w3" in found.text
    assert "1 · 1" in found.text


def test_every_wire_has_its_value_and_its_gradient(formula):
    net = AT["w3"] * AT["x3"] + AT["w4"] * AT["x4"]
    s = 1 / (1 + math.exp(-net))
    slope = s * (1 - s)
    drawn = cr.circuit(formula, **AT)
    assert drawn.values == pytest.approx({**AT, "total": 1.5, "net": net, "s": s, "f": 1.5 - s}, rel=1e-14)
    expected = {"x3": 1 - slope * AT["w3"], "x4": -slope * AT["w4"], "x5": 1, "w3": -slope, "w4": -slope * 2}
    expected |= {"total": 1, "s": -1, "net": -slope, "f": 1}
    assert drawn.gradients == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("x*y + x + y*y", {"x": 0.7, "y": -1.3}),
        ("exp(x*y)*sin(x) - y/(1 + x^2)", {"x": 0.7, "y": -1.3}),
        ("tanh(x + y + x*y) * tanh(x)", {"x": 0.2, "y": 0.9}),
        ("sqrt(x)*log(x + y^2)/x", {"x": 1.7, "y": 0.4}),
    ],
)
def test_gradients_and_sums_over_paths_agree_with_the_complex_step(text, at):
    from cmath import exp, log, sin, sqrt, tanh

    from chainrule.explain.grammar import parse_formula

    functions = {"exp": exp, "log": log, "sin": sin, "sqrt": sqrt, "tanh": tanh}
    drawn = cr.circuit(parse_formula(text), **at)
    for name in at:
        shifted = {**at, name: at[name] + 1e-30j}
        slope = eval(text.replace("^", "**"), {**functions, **shifted}).imag / 1e-30
        assert drawn.gradients[name] == pytest.approx(slope, rel=1e-12)
        assert cr.paths(parse_formula(text), name, **at).value == pytest.approx(slope, rel=1e-12)


def test_a_value_that_is_read_twice_in_a_sum_gives_two_paths():
    x, y = cr.symbols("x y")
    assert len(cr.paths(x * y + x, "x").paths) == 2
    assert len(cr.paths(x * y + y, "x").paths) == 1


def test_the_number_of_paths_through_a_ladder_doubles_with_each_rung_and_is_not_listed_for_ever():
    x = cr.symbols("x")
    f = x
    for _ in range(12):
        f = cr.tanh(f) * cr.sigmoid(f)
    with pytest.raises(ArgumentError, match=r"4,096 paths lead to x.*limit is 1000"):
        _ = cr.paths(f, "x", x=0.5).value


def test_an_unknown_symbol_is_named_with_those_that_exist(formula):
    with pytest.raises(UnknownNameError, match="x3"):
        cr.paths(formula, "x9")


def test_a_circuit_without_numbers_has_formulas_only(formula):
    page = cr.circuit(formula)
    assert "net = w3 * x3 + w4 * x4" in page.text
    with pytest.raises(ArgumentError, match="value for x3"):
        _ = page.values


# The picture


def test_the_picture_is_well_formed_and_says_in_words_what_it_shows(formula):
    root = ElementTree.fromstring(cr.circuit(formula, **AT).svg)
    assert root.get("role") == "img"
    assert "x3 has the value 1 and the gradient 1.235" in root.get("aria-label")
    texts = {"".join(text.itertext()) for text in root.iter("text")}
    assert texts >= {"Σ", "σ", "+", "−", "-0.47", "1.235"}


def test_a_picture_in_a_file_of_its_own_has_colours_for_light_and_dark(formula, tmp_path):
    place = cr.circuit(formula, **AT).save(tmp_path / "circuit.svg")
    text = place.read_text()
    ElementTree.fromstring(text)
    assert "prefers-color-scheme: dark" in text
    used = {part.split(")")[0].split(",")[0] for part in text.split("var(")[1:]}
    assert all(f"{name}:" in text for name in used)


def test_a_network_is_drawn_with_its_weights_on_the_wires(two_two_one):
    drawn = two_two_one(hidden="sigmoid", output="sigmoid").circuit([1.0, 2.0], 1.0, notation="indexed")
    texts = ["".join(text.itertext()).strip("\u200b") for text in ElementTree.fromstring(drawn.svg).iter("text")]
    weights = ["W111", "W112", "W121", "W122", "W211", "W221", "b11", "b12", "b21"]
    assert all(texts.count(name) == 1 for name in weights)
    assert texts.count("Σ") == texts.count("σ") == 3
    values = two_two_one().parameters
    assert all(f"{w:g}" in texts for name in values for w in values[name].flat)


def test_gates_of_a_column_keep_their_distance():
    columns = {"a": 0, "b": 0, "c": 0, "p": 1, "q": 1, "r": 1, "s": 1, "f": 2}
    wires = [(x, y) for x in "abc" for y in "pqrs"] + [(x, "f") for x in "pqrs"]
    placed = heights(columns, wires)
    for one, other in combinations(columns, 2):
        if columns[one] == columns[other]:
            assert abs(placed[one, columns[one]] - placed[other, columns[other]]) >= 1 - 1e-12


def test_a_wire_past_a_column_goes_around_its_gates():
    columns = {"x": 0, "y": 0, "p": 1, "q": 1, "f": 2}
    placed = heights(columns, [("x", "p"), ("y", "q"), ("p", "f"), ("q", "f"), ("x", "f")])
    assert all(abs(placed["x", 1] - placed[gate, 1]) >= 0.7 for gate in "pq")


def test_wires_that_need_not_cross_do_not_cross():
    columns = {"a": 0, "b": 0, "c": 0, "r": 1, "q": 1, "p": 1}
    placed = heights(columns, [("a", "p"), ("b", "q"), ("c", "r")])
    order = [sorted(column, key=lambda n: placed[n, columns[n]]) for column in ("abc", "pqr")]
    assert order[1] == [{"a": "p", "b": "q", "c": "r"}[name] for name in order[0]]


def test_a_circuit_that_no_picture_can_show_says_so():
    net = cr.mlp([4, 8, 8, 1], dtype="float64")
    drawn = net.circuit([1.0, 2.0, 3.0, 4.0], 1.0)
    assert "too large for a picture" in drawn.text
    with pytest.raises(ArgumentError, match="limit is 60"):
        _ = drawn.svg


def test_a_network_of_thousands_of_parameters_is_refused_with_the_limit():
    with pytest.raises(ArgumentError, match=r"6,401 parameters.*limit is 400"):
        cr.mlp([62, 100, 1]).circuit([0.0] * 62, 1.0)


def test_a_circuit_has_room_for_one_row(two_two_one):
    with pytest.raises(ArgumentError, match="2 were given"):
        two_two_one().circuit([[1.0, 2.0], [3.0, 4.0]], [1.0, 0.0])
