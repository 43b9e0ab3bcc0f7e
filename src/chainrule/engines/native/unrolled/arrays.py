"""Operations on arrays of nodes: most only move elements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.native.unrolled.graph import Graph, Node
from chainrule.shapes import normalise_axes

Nodes: TypeAlias = NDArray[np.object_]
"""An array of nodes."""

Writer: TypeAlias = Callable[..., Nodes]
"""From the graph, the shape of the result, the attributes and the arrays, the result."""


def box(x: object) -> Nodes:
    """An array without axes."""
    array = np.empty((), object)
    array[()] = x
    return array


def each(function: Callable[..., Node], *arrays: NDArray[Any]) -> Nodes:
    """The function of each element; the arrays broadcast."""
    result = np.frompyfunc(function, len(arrays), 1)(*arrays)
    return result if isinstance(result, np.ndarray) else box(result)


def _reduced(combine: Callable[[list[Node]], Node], x: Nodes, axis: Any, shape: tuple[int, ...]) -> Nodes:
    axes = normalise_axes(axis, x.ndim)
    kept = [a for a in range(x.ndim) if a not in axes]
    rows = np.transpose(x, (*kept, *axes)).reshape(int(np.prod([x.shape[a] for a in kept], dtype=int)), -1)
    result = np.empty(len(rows), object)
    for i, row in enumerate(rows):
        result[i] = combine(list(row))
    return result.reshape(shape)


def _sum(graph: Graph, shape: tuple[int, ...], attributes: Mapping[str, Any], x: Nodes) -> Nodes:
    floats = each(graph.as_float, x)
    return _reduced(graph.add, floats, attributes["axis"], shape)


def _max(graph: Graph, shape: tuple[int, ...], attributes: Mapping[str, Any], x: Nodes) -> Nodes:
    def largest(elements: list[Node]) -> Node:
        return reduce(lambda a, b: graph.node("maximum", [a, b]), elements)

    return _reduced(largest, x, attributes["axis"], shape)


def _matmul(graph: Graph, shape: tuple[int, ...], attributes: Mapping[str, Any], x: Nodes, y: Nodes) -> Nodes:
    products = each(graph.multiply, x[..., :, None, :], np.swapaxes(y, -1, -2)[..., None, :, :])
    return _reduced(graph.add, products, -1, shape)


def _padded(graph: Graph, shape: tuple[int, ...], attributes: Mapping[str, Any], x: Nodes) -> Nodes:
    result = np.full(shape, graph.number(0.0, "float"), object)
    result[tuple(slice(w[0], w[0] + n) for w, n in zip(attributes["widths"], x.shape, strict=True))] = x
    return result


def _part(graph: Graph, shape: tuple[int, ...], attributes: Mapping[str, Any], x: Nodes) -> Nodes:
    return x[tuple(slice(None) if b is None else slice(*b) for b in attributes["bounds"])]


ARRAYS: dict[str, Writer] = {
    "sum": _sum,
    "max": _max,
    "matmul": _matmul,
    "pad": _padded,
    "slice": _part,
    "transpose": lambda graph, shape, attributes, x: np.transpose(x, attributes["axes"]),
    "reshape": lambda graph, shape, attributes, x: x.reshape(shape),
    "broadcast_to": lambda graph, shape, attributes, x: np.broadcast_to(x, shape),
    "concatenate": lambda graph, shape, attributes, *parts: np.concatenate(parts, axis=attributes["axis"]),
}
"""Every operation that is not done element by element."""
