"""The rules of shapes, against NumPy where it has the same rule."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule import shapes
from chainrule.errors import ShapeError

sizes = st.integers(1, 4)
some_shapes = st.lists(sizes, max_size=3).map(tuple)


@settings(max_examples=200, deadline=None)
@given(some_shapes, some_shapes)
def test_broadcasting_is_that_of_numpy(x, y):
    try:
        wanted = np.broadcast_shapes(x, y)
    except ValueError:
        with pytest.raises(ShapeError, match="do not fit"):
            shapes.broadcast(x, y)
    else:
        assert shapes.broadcast(x, y) == wanted


@settings(max_examples=100, deadline=None)
@given(some_shapes, some_shapes)
def test_matrix_products_are_those_of_numpy(x, y):
    try:
        wanted = np.matmul(np.ones(x), np.ones(y)).shape if min(len(x), len(y)) >= 2 else None
    except ValueError:
        wanted = None
    if wanted is None:
        with pytest.raises(ShapeError):
            shapes.matmul(x, y)
    else:
        assert shapes.matmul(x, y) == wanted


@settings(max_examples=100, deadline=None)
@given(st.lists(sizes, min_size=1, max_size=4).map(tuple), st.data(), st.booleans())
def test_reductions_are_those_of_numpy(shape, data, keepdims):
    rank = len(shape)
    axis = data.draw(st.one_of(st.none(), st.integers(-rank, rank - 1), hnp.valid_tuple_axes(rank)))
    assert shapes.reduce_axes(shape, axis, keepdims) == np.sum(np.ones(shape), axis=axis, keepdims=keepdims).shape


@settings(max_examples=100, deadline=None)
@given(hnp.array_shapes(max_dims=3, max_side=4), st.data())
def test_indices_are_those_of_numpy(shape, data):
    key = data.draw(hnp.basic_indices(shape, allow_newaxis=False, allow_ellipsis=False))
    steps = [k.step for k in (key if isinstance(key, tuple) else (key,)) if isinstance(k, slice)]
    if any(step not in (None, 1) for step in steps):
        return
    _, kept = shapes.parse_index(shape, key)
    assert kept == np.ones(shape)[key].shape


def test_named_sizes_agree_only_with_themselves_and_with_1():
    assert shapes.broadcast(("B", 1), (1, 8)) == ("B", 8)
    assert shapes.broadcast(("B",), ("B",)) == ("B",)
    for other in [("C",), (8,)]:
        with pytest.raises(ShapeError, match=r"sizes .*B.* differ"):
            shapes.broadcast(("B",), other)


def test_sizes_of_0_stretch_like_any_other():
    assert shapes.broadcast((0, 3), (1, 3)) == (0, 3)


@pytest.mark.parametrize(
    ("given_shape", "message"),
    [((2, -1), "negative"), ((True,), "whole number"), ((2.0,), "whole number"), (("a b",), "identifier")],
)
def test_what_is_no_shape(given_shape, message):
    with pytest.raises(ShapeError, match=message):
        shapes.as_shape(given_shape)


def test_a_single_size_is_a_shape():
    assert shapes.as_shape(3) == (3,)
    assert shapes.as_shape("B") == ("B",)
    assert shapes.as_shape([2, "B"]) == (2, "B")


def test_matrix_products_name_the_sizes_that_meet():
    with pytest.raises(ShapeError, match=r"\(2, 3\) @ \(4, 5\) does not fit: 3 columns meet 4 rows"):
        shapes.matmul((2, 3), (4, 5))
    with pytest.raises(ShapeError, match="two axes on both sides"):
        shapes.matmul((3,), (3, 2))


def test_axes():
    assert shapes.normalise_axes((-1, 0), 3) == (0, 2)
    for axis, message in [(3, "does not exist"), (-4, "does not exist"), ((0, -3), "named twice")]:
        with pytest.raises(ShapeError, match=message):
            shapes.normalise_axes(axis, 3)


def test_reshaping_keeps_the_number_of_elements_whatever_named_sizes_are():
    assert shapes.reshape(("B", 2, 6), (3, "B", 4)) == (3, "B", 4)
    for new in [("B", 13), (12,), ("C", 12)]:
        with pytest.raises(ShapeError, match="number of elements differs"):
            shapes.reshape(("B", 12), new)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ((0, 0, 0), "3 indices"),
        ((slice(None), 5), "the index 5 is outside an axis of size 5"),
        ((slice(None), slice(0, 4, 2)), "a slice without a step, not by slice"),
        (0, "can only be taken whole"),
    ],
)
def test_what_cannot_be_taken(key, message):
    with pytest.raises(ShapeError, match=message):
        shapes.parse_index(("B", 5), key)


def test_bounds_give_the_shape_of_the_part():
    assert shapes.take_bounds(("B", 5), (None, (1, 3))) == ("B", 2)
    with pytest.raises(ShapeError, match="1 bounds"):
        shapes.take_bounds(("B", 5), (None,))


def test_binding_gives_sizes_their_values_once():
    known = {}
    shapes.bind("X", ("B", 2), (7, 2), known)
    assert known == {"B": 7}
    with pytest.raises(ShapeError, match=r"y has shape \(8, 1\), but \(B, 1\) with B = 7 is needed"):
        shapes.bind("y", ("B", 1), (8, 1), known)
    with pytest.raises(ShapeError, match=r"X has shape \(7,\)"):
        shapes.bind("X", ("B", 2), (7,), known)


def test_counting():
    assert shapes.concrete(("B", 3), {"B": 2}) == (2, 3)
    assert shapes.count(("B", 3), {"B": 2}) == 6
    assert shapes.count((), {}) == 1
    assert shapes.show_shape(("B", 3)) == "(B, 3)"
