"""The loss as a hill over a plane through the end of a descent, with the path that led there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from chainrule.document import Block, Document, Figure, Paragraph, Remark, Shown, Table
from chainrule.document.letters import draw_heights
from chainrule.document.plots import SERIES, TEXT, plot
from chainrule.errors import ArgumentError, require, whole_number
from chainrule.experiments.descents import Descent, descend
from chainrule.experiments.figures import figure
from chainrule.experiments.problems import Problem, classes_problem, problem_of
from chainrule.experiments.surfaces import LossSurface
from chainrule.network import Network
from chainrule.optim import SGD
from chainrule.show.numbers import exact_text, number_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MARGIN: Final = 0.35
"""The map reaches beyond the path by this share of the path's larger extent."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Landscape(Shown):
    """The loss over a plane of parameters; print it, or look at it in a notebook.

    Attributes:
        problem: what was trained on what.
        descent: the training whose path is drawn.
        names: what the two axes are.
        kind: how the plane was chosen, in words.
        axes: coordinates of the map, along each of the two directions.
        heights: the loss at each place, shape (second axis, first axis).
        path: the parameters at the start and after each epoch, in the coordinates of the map, shape (epochs + 1, 2).
        path_heights: the loss in the plane under each place of the path.
        captured: the share of the path's movement that lies in the plane: of the sum of squared distances from the
            end, the part along the plane.
        rate: the learning rate.
    """

    problem: Problem
    descent: Descent
    names: tuple[str, str]
    kind: str
    axes: tuple[Vector, Vector]
    heights: NDArray[np.float64]
    path: NDArray[np.float64]
    path_heights: Vector
    captured: float
    rate: float

    def to_json(self) -> dict[str, Any]:
        """The numbers, as JSON can hold them."""
        heights = [[h if np.isfinite(h) else None for h in row] for row in self.heights.tolist()]
        return {
            "problem": self.problem.sentence,
            "plane": self.kind,
            "names": self.names,
            "axes": [axis.tolist() for axis in self.axes],
            "losses": heights,
            "path": self.path.tolist(),
            "path_heights": self.path_heights.tolist(),
            "captured": self.captured,
        }

    @cached_property
    def document(self) -> Document:
        """The page."""
        epochs = len(self.descent.path) - 1
        row, column = np.unravel_index(np.nanargmin(self.heights), self.heights.shape)
        lowest = [number_text(axis[n], 3) for axis, n in zip(self.axes, (column, row), strict=True)]
        blocks: list[Block] = [
            Paragraph(
                f"We train {self.problem.sentence}: {epochs} epochs of full-batch gradient descent with the "
                f"learning rate {exact_text(self.rate)}. The map shows the loss over {self.kind}; all other parameters "
                "(or directions) stay as they are at the end of the descent."
            ),
            self._contours(),
            self._hill(),
            Table(
                ("", *self.names, "loss on the map", "loss of the descent"),
                [
                    ("start", *self._place(0), number_text(self.descent.start, 4)),
                    ("end", *self._place(-1), number_text(self.descent.end, 4)),
                    ("lowest", *lowest, number_text(float(self.heights[row, column]), 4), ""),
                ],
            ),
            Remark(
                f"The path runs through {self.descent.path.shape[1]} dimensions, and the map shows two: "
                f"{self.captured:.1%} of its movement lies in this plane. Elsewhere on the path the other parameters "
                "are not those of the map, so its loss differs from the height of the map under it, except at its end."
            ),
        ]
        return Document("The loss as a hill", blocks)

    def _place(self, n: int) -> list[str]:
        return [number_text(float(c), 3) for c in (*self.path[n], self.path_heights[n])]

    def _levels(self) -> NDArray[np.float64]:
        """Heights at which lines are drawn: as much of the map lies between any two."""
        finite = self.heights[np.isfinite(self.heights)]
        return np.unique(np.quantile(finite, np.linspace(0, 1, 13)))

    def _contours(self) -> Figure:
        x, y = self.axes
        levels = self._levels()

        def draw(axes: Any) -> None:
            for n, (low, high) in enumerate(pairwise(levels)):
                axes.contourf(x, y, self.heights, [low, high], colors=[SERIES[0]], alpha=0.05 + 0.045 * n)
            lines = axes.contour(x, y, self.heights, levels[1:-1], colors=[SERIES[0]], linewidths=0.7)
            axes.clabel(lines, levels[2:-2:3], fmt=lambda v: number_text(v, 2), fontsize=7, colors=[TEXT])
            axes.plot(*self.path.T, color=SERIES[1], linewidth=1.8, marker=".", markersize=4, label="descent")
            axes.plot(*self.path[0], "o", color=SERIES[1], markersize=6, label="start")
            axes.plot(*self.path[-1], "*", color=SERIES[1], markersize=11, label="end")
            axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
            axes.grid(visible=False)
            axes.legend(loc="best", fontsize=8)

        ends = [(axis[0], axis[-1]) for axis in self.axes]
        places = [tuple((c - a) / (b - a) for c, (a, b) in zip(p, ends, strict=True)) for p in self.path]
        shown = draw_heights(self.heights[::2, ::2].tolist(), [(px, py) for px, py in places])
        numbers = [[number_text(float(v), 3) for v in end] for end in ends]
        words = "; ".join(f"{a} from {low} to {high}" for a, (low, high) in zip(self.names, numbers, strict=True))
        text = f"{shown}\nacross: {words.replace('; ', '; upwards: ')}\nS start, o path, E end; the denser, the higher."
        description = (
            f"contour lines of the loss over {self.names[0]} and {self.names[1]}, with the path of the descent"
        )
        return figure("contours", description, "Lines of equal loss, and the descent.", draw, *self.names, text)

    def _hill(self) -> Figure:
        description = (
            f"the loss as a surface over {self.names[0]} and {self.names[1]}, with the path of the descent on it"
        )
        # A cliff at the edge would flatten everything else.
        top = float(np.quantile(self.heights[np.isfinite(self.heights)], 0.95))
        surface = np.where(self.heights <= top, self.heights, np.nan)

        def draw(canvas: Canvas) -> None:
            axes: Any = canvas.add_subplot(projection="3d")
            x, y = np.meshgrid(*self.axes)
            axes.plot_wireframe(x, y, surface, color=SERIES[0], linewidth=0.6, rcount=20, ccount=20)
            axes.plot(*self.path.T, self.path_heights, color=SERIES[1], linewidth=2)
            axes.plot(*self.path[-1:].T, self.path_heights[-1:], "*", color=SERIES[1], markersize=10)
            axes.set(xlabel=self.names[0], ylabel=self.names[1])
            for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
                axis.set_pane_color((1, 1, 1, 0))
            axes.tick_params(labelsize=7)

        svg = plot("hill", description, draw, (4.6, 4.2))
        caption = "The same as a surface whose height is the loss, with the path projected on it."
        return Figure(svg, description, caption)


def landscape(
    network: Network | None = None,
    X: Any = None,
    y: Any = None,
    *,
    over: tuple[str, str] | Literal["random", "path"] = "path",
    rate: float = 0.5,
    epochs: int = 60,
    points: int = 41,
    seed: int = 0,
) -> Landscape:
    """Descend, then draw the loss over a plane through the end of the descent, with the path on it.

    Args:
        network: a copy of it is trained, from its parameters as they are; without network and rows, two Gaussians
            and a small classifier are the example.
        X: features, as for :meth:`chainrule.network.Network.fit`.
        y: targets.
        over: two elements of parameters, ``("W1[0,0]", "W2[1,0]")``; ``"random"``: two random directions, each
            layer's columns scaled to the length of the network's own; or ``"path"``: the two directions in which the
            path extends most, its principal components.
        rate: the learning rate of full-batch gradient descent.
        epochs: how many steps it makes.
        points: places along each axis.
        seed: of random directions.

    Returns:
        The map, shown as contour lines and as a surface. The path is projected on the plane.

    Source: H. Li, Z. Xu, G. Taylor, C. Studer and T. Goldstein, "Visualizing the loss landscape of neural nets",
    NeurIPS 2018: filter-wise normalisation in section 4, paths in section 7.

    >>> found = landscape(epochs=10, points=5)
    >>> found.heights.shape, found.captured > 0.9
    ((5, 5), True)
    """
    points = whole_number("points", points, 3)
    problem = problem_of(network, X, y, classes_problem)
    found = descend(problem, epochs=whole_number("epochs", epochs, 2), batch_size="all", optimizer=SGD(rate))
    require(bool(np.isfinite(found.losses).all()), "the descent does not stay finite: try a smaller rate")
    path = found.path.astype(np.float64)
    end = path[-1]
    directions, names, kind = _plane(problem.network, path, over, seed)
    offsets = (path - end) @ np.linalg.pinv(directions).T
    inside = offsets @ directions.T
    total = float(((path - end) ** 2).sum())
    origin = _coordinates(problem.network, over, end)
    axes = _axes(offsets, points)
    surface = LossSurface.of(Problem(problem.rows_name, found.network, problem.X, problem.y))
    a, b = axes
    heights = np.array([[surface.value(end + directions @ (u, v)) for u in a] for v in b])
    under = np.array([surface.value(place) for place in end + inside])
    shown = (axes[0] + origin[0], axes[1] + origin[1])
    captured = float((inside**2).sum()) / total if total else 1.0
    return Landscape(problem, found, names, kind, shown, heights, offsets + origin, under, captured, rate)


def _plane(
    network: Network, path: NDArray[np.float64], over: tuple[str, str] | str, seed: int
) -> tuple[NDArray[np.float64], tuple[str, str], str]:
    """Two directions as columns, their names, and the plane in words."""
    end = path[-1]
    if over == "path":
        directions = np.linalg.svd(path - end, full_matrices=False)[2][:2].T
        return directions, ("first direction", "second direction"), "the two directions in which the path extends most"
    if over == "random":
        rng = np.random.default_rng(seed)
        directions = np.column_stack([_filter_normalised(network, end, rng) for _ in range(2)])
        words = "two random directions, each unit's weights scaled to the length of the network's own"
        return directions, ("first direction", "second direction"), words
    if isinstance(over, str) or len(over) != 2:
        raise ArgumentError(f"over is 'random', 'path' or two elements such as ('W1[0,0]', 'W2[0,0]'), not {over!r}")
    units = np.zeros((len(end), 2))
    for n, name in enumerate(over):
        units[_index(network, name), n] = 1
    require(over[0] != over[1], f"the two axes are both {over[0]}: choose two elements")
    return units, (over[0], over[1]), f"the parameters {over[0]} and {over[1]}"


def _coordinates(network: Network, over: tuple[str, str] | str, end: Vector) -> Vector:
    """Where the end of the path lies: at the parameters' own values, or at 0 where axes are directions."""
    return np.zeros(2) if isinstance(over, str) else end[[_index(network, name) for name in over]]


def _index(network: Network, name: str) -> int:
    """The place of an element such as ``W1[0,1]`` in the flat vector."""
    array, _, inside = name.replace(" ", "").rstrip("]").partition("[")
    numbers = np.arange(network.parameters.theta.size)
    places = network.parameters.views_of(numbers)
    known = ", ".join(f"{key}{list(value.shape)}" for key, value in places.items())
    try:
        place = places[array][tuple(int(i) for i in inside.split(","))] if inside else places[array]
        return int(place)
    except (KeyError, ValueError, IndexError, TypeError):
        raise ArgumentError(
            f"{name!r} is no element of a parameter: write one as W1[0,1]; the shapes are {known}"
        ) from None


def _filter_normalised(network: Network, theta: Vector, rng: np.random.Generator) -> Vector:
    """A random direction; the weights into each unit are as long as the network's own, and so is each bias vector."""
    own = network.parameters.views_of(theta)
    parts = []
    for values in own.values():
        drawn = rng.standard_normal(values.shape)
        axis = 0 if values.ndim > 1 else None
        length = np.linalg.norm(drawn, axis=axis, keepdims=axis is not None)
        parts.append(np.ravel(drawn / length * np.linalg.norm(values, axis=axis, keepdims=axis is not None)))
    return np.concatenate(parts)


def _axes(offsets: NDArray[np.float64], points: int) -> tuple[Vector, Vector]:
    """Coordinates around the path, by the same margin in both directions."""
    low, high = offsets.min(axis=0), offsets.max(axis=0)
    extent = float((high - low).max())
    margin = MARGIN * extent if extent else 1.0
    return (
        np.linspace(low[0] - margin, high[0] + margin, points),
        np.linspace(low[1] - margin, high[1] + margin, points),
    )
