"""Notations: the letters and conventions of the courses that they stand for."""

from dataclasses import replace

import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, UnknownNameError
from chainrule.explain import NOTATIONS

WRITTEN = {
    "names": ("W1[0,1]", ["X[0]", "z1[1]", "h1[1]", "z2[0]", "h2[0]", "Y[0]", "W2[1,0]", "b1[1]", "L", "σ(z1[1])"]),
    "textbook": ("W⁽¹⁾₁₂", ["x1", "z⁽¹⁾₂", "h⁽¹⁾₂", "z⁽²⁾₁", "ŷ", "y", "W⁽²⁾₂₁", "b⁽¹⁾₂", "L", "σ(z⁽¹⁾₂)"]),
    "columns": ("W[1]₂₁", ["x1", "z[1]₂", "a[1]₂", "z[2]₁", "ŷ", "y", "W[2]₁₂", "b[1]₂", "J", "σ(z[1]₂)"]),
    "indexed": ("W112", ["X1", "Z12", "O12", "Z21", "Y'", "Y", "W221", "b12", "L", "σ(Z12)"]),
    "net": ("w⁽¹⁾₁₂", ["x1", "net⁽¹⁾₂", "o⁽¹⁾₂", "net⁽²⁾₁", "f", "y", "w⁽²⁾₂₁", "b⁽¹⁾₂", "E", "σ(net⁽¹⁾₂)"]),
    "phi": (
        "w⁽¹⁾₂₁",
        ["x⁽¹⁾₁", "t⁽¹⁾₂", "x⁽²⁾₂", "t⁽²⁾₁", "x⁽³⁾₁", "y", "w⁽²⁾₁₂", "b⁽¹⁾₂", "L", "φ(t⁽¹⁾₂)", "φ'(t⁽¹⁾₂)"],
    ),
}


def test_every_notation_is_checked_here():
    assert set(WRITTEN) == set(NOTATIONS)


@pytest.mark.parametrize("notation", WRITTEN)
def test_a_weight_and_the_values_that_it_reaches_have_the_letters_of_the_course(two_two_one, notation):
    weight, names = WRITTEN[notation]
    net = two_two_one(hidden="sigmoid", output="sigmoid", loss="binary_cross_entropy")
    text = net.explain([1.5, -0.5], 1.0, "W1[0,1]", notation=notation).text
    assert text.startswith(f"The derivative of {names[8]} by {weight}")
    assert all(name in text for name in names), [name for name in names if name not in text]


@pytest.mark.parametrize("notation", NOTATIONS)
def test_the_page_states_its_conventions_as_it_follows_them(two_two_one, notation):
    text = " ".join(two_two_one().explain([1.5, -0.5], 1.0, "W1[0,1]", notation=notation).text.replace("|", "").split())
    columns, to_first = notation in ("columns", "phi"), notation in ("columns", "phi")
    assert ("W a + b with column vectors" in text) == columns
    assert ("x W + b with rows as samples" in text) == (not columns)
    assert ("(to, from)" in text) == to_first
    assert f"counted from {0 if notation == 'names' else 1}" in text


@pytest.mark.parametrize("notation", ["columns", "phi"])
def test_with_columns_the_weight_stands_before_the_value(two_two_one, notation):
    text = two_two_one().explain([1.5, -0.5], 1.0, notation=notation).text
    weights, value = {"columns": ("W[1]", "x"), "phi": ("w⁽¹⁾", "x⁽¹⁾")}[notation]
    assert f"{weights} @ {value}" in text


def test_a_linear_layer_has_one_name_where_a_course_has_one(two_two_one):
    net = two_two_one(hidden="linear", output="linear")
    text = net.explain([1.5, -0.5], 1.0, "W1[0,1]", notation="indexed").text
    assert "O12 = X1 * W112 + X2 * W122 + b12" in text
    assert "Z" not in text


def test_several_outputs_are_numbered_and_a_single_one_is_not():
    two = cr.mlp([2, 2, 2], dtype="float64").explain([1.0, 2.0], [1.0, 0.0], "b2[1]", notation="textbook").text
    one = cr.mlp([2, 2, 1], dtype="float64").explain([1.0, 2.0], [1.0], "b2[0]", notation="textbook").text
    assert "ŷ2" in two
    assert "ŷ1" not in one


def test_letters_of_ones_own(two_two_one):
    mine = replace(
        NOTATIONS["textbook"], name="mine", weight="v^{<l>}_{<i><j>}", names={"X[0]": "c", "X[1]": "q"}, rate=r"\alpha"
    )
    page = two_two_one().explain([6.3, 100.0], 7.0, "W1[0,1]", notation=mine)
    assert "c * v¹₁₂ + q * v¹₂₂" in page.text
    assert r"\alpha" in page.latex


def test_features_have_the_names_of_a_table(two_two_one):
    mine = replace(NOTATIONS["indexed"], features=("age", "share (%)=low_1"))
    page, whole = (two_two_one().explain([6.3, 100.0], 7.0, by, notation=mine) for by in ("W1[0,1]", None))
    assert "Z12 = age * W112 + [share (%)=low_1] * W122 + b12" in page.text
    assert r"\mathit{age} \, W_{112} + [\text{share (\%)=low\_1}] \, W_{122}" in page.latex
    assert "<mtext>share&#x000A0;(%)=low_1</mtext>" in page.html
    assert "column of X in which they stand: 1 age, 2 share (%)=low_1." in whole.text


def test_an_unknown_notation_is_refused_with_those_that_exist(two_two_one):
    with pytest.raises(UnknownNameError, match="textbook"):
        two_two_one().explain([1.0, 2.0], 1.0, notation="greek")
    with pytest.raises(ArgumentError, match="from 0 or from 1"):
        replace(NOTATIONS["names"], first=2)
