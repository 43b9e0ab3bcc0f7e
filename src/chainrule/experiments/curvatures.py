"""Curvature at a point: minimum, saddle, flat, or no place of rest at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.document import (
    Block,
    Document,
    Equations,
    Figure,
    Formula,
    Heading,
    Line,
    Listing,
    Paragraph,
    Remark,
    Shown,
    Table,
)
from chainrule.document.letters import draw_points
from chainrule.document.plots import SERIES
from chainrule.errors import require
from chainrule.experiments.figures import Curve, figure
from chainrule.experiments.problems import Problem, plane_problem, problem_of
from chainrule.experiments.surfaces import LARGEST_HESSIAN, LossSurface, Vector
from chainrule.expression import Expression, symbol
from chainrule.network import Network
from chainrule.optim import LBFGS
from chainrule.show.numbers import number_latex, number_text
from chainrule.trace import trace

TOLERANCE: Final = 1e-4
LEAST_SHARPEST: Final = 0.01
"""Where all is flatter than this, numbers are compared with this."""
LISTED: Final = 12
"""Eigenvalues up to this number are all listed, of more only the outer ones."""

VERDICTS: Final = {
    "slope": "no place of rest: the gradient is not 0, so that the loss still falls along it;",
    "flat": "the gradient is 0 and so are all second derivatives: they do not decide what kind of place this is;",
    "saddle": "the gradient is 0; the loss rises in some directions and falls in others;",
    "maximum": "the gradient is 0, and the loss falls in every direction;",
    "minimum": "the gradient is 0, and the loss rises in every direction;",
    "valley": "the gradient is 0; the loss rises in some directions, and in the others the second derivative is 0: the "
    "floor of a valley, or a minimum that second derivatives cannot tell from one;",
    "ridge": "the gradient is 0; the loss falls in some directions, and in the others the second derivative is 0.",
}
"""What the verdicts mean, in the order in which they are tried."""


@dataclass(frozen=True)
class Curvature(Shown):
    """First and second derivatives at a point, and what they say of it; print it, or look at it in a notebook.

    Attributes:
        name: what was looked at, in words.
        surface: the function itself.
        theta: the point.
        value: the function there.
        gradient: the first derivatives.
        eigenvalues: of the matrix of second derivatives, rising; of more than 500 parameters the outer ones.
        directions: the directions of the eigenvalues, as columns.
        tolerance: what counts as 0, as a share of the sharpest curvature.
    """

    name: str
    surface: LossSurface
    theta: Vector
    value: float
    gradient: Vector
    eigenvalues: Vector
    directions: NDArray[np.float64]
    tolerance: float

    @property
    def sharpest(self) -> float:
        """The largest absolute eigenvalue."""
        return float(np.abs(self.eigenvalues).max())

    @property
    def slope(self) -> float:
        """The length of the gradient."""
        return float(np.linalg.norm(self.gradient))

    @property
    def small(self) -> float:
        """What counts as 0 here."""
        return self.tolerance * max(self.sharpest, LEAST_SHARPEST)

    @property
    def whole(self) -> bool:
        """Whether the eigenvalues are all there are."""
        return len(self.eigenvalues) == len(self.theta)

    @property
    def signs(self) -> tuple[int, int, int]:
        """How many eigenvalues are below 0, 0 to within the tolerance, and above 0."""
        below, above = int((self.eigenvalues < -self.small).sum()), int((self.eigenvalues > self.small).sum())
        return below, len(self.eigenvalues) - below - above, above

    @property
    def verdict(self) -> str:
        """One of the words of :data:`VERDICTS`."""
        if self.slope > self.small:
            return "slope"
        below, flat, above = self.signs
        if not below and not above:
            return "flat"
        if below and above:
            return "saddle"
        if below:
            return "ridge" if flat else "maximum"
        return "valley" if flat else "minimum"

    def to_json(self) -> dict[str, Any]:
        """The numbers, as JSON can hold them."""
        below, flat, above = self.signs
        return {
            "of": self.name,
            "parameters": len(self.theta),
            "value": self.value,
            "gradient_norm": self.slope,
            "eigenvalues": self.eigenvalues.tolist(),
            "all_eigenvalues": self.whole,
            "negative": below,
            "zero": flat,
            "positive": above,
            "verdict": self.verdict,
        }

    @cached_property
    def document(self) -> Document:
        """The page."""
        blocks: list[Block] = [
            Paragraph(f"We look at {self.name}."),
            Paragraph(f"Verdict: {self.verdict}. That is, {VERDICTS[self.verdict].rstrip(';.')}."),
            self._numbers(),
            self._sections(),
            self._eigenvalues(),
            Heading("How the verdict is found"),
            Paragraph(
                "The length of the gradient, and an eigenvalue, count as 0 where they are at most "
                f"{number_text(self.small, 3)}: {number_text(self.tolerance)} times the sharpest curvature (or times "
                f"{LEAST_SHARPEST}, if that is more). Second derivatives come from deriving the "
                "derivatives again: the gradient times a constant vector v is a number, and its gradient is the matrix "
                "times v.",
            ),
            Listing([(f"{word}: {meaning}",) for word, meaning in VERDICTS.items()]),
        ]
        if not self.whole:
            blocks.append(
                Remark(
                    f"With more than {LARGEST_HESSIAN} parameters only the outer eigenvalues are found, by the method "
                    "of Lanczos; directions in which the loss is flat are not counted."
                )
            )
        return Document("Curvature", blocks)

    def _numbers(self) -> Equations:
        low, high = float(self.eigenvalues[0]), float(self.eigenvalues[-1])
        below, flat, above = self.signs
        counted = f"{below} below 0, {flat} at 0, {above} above 0"
        return Equations(
            _line("L", "L", self.value, "the value"),
            _line(r"\lVert g \rVert", "|g|", self.slope, "the length of the gradient"),
            _line(r"\lambda_{\max}", "lambda max", high, "the largest second derivative in any direction"),
            _line(r"\lambda_{\min}", "lambda min", low, f"the smallest one; of {len(self.eigenvalues)}: {counted}"),
        )

    def _eigenvalues(self) -> Table:
        values = self.eigenvalues
        numbers = range(len(values))
        shown = numbers if len(values) <= LISTED else [*numbers[: LISTED // 2], *numbers[-LISTED // 2 :]]
        rows = [(str(n + 1), number_text(float(values[n]), 4)) for n in shown]
        whole = "Eigenvalues of the matrix of second derivatives" + (
            "" if len(values) <= LISTED else ", the outer ones"
        )
        return Table(("number", "eigenvalue"), rows, f"{whole}.")

    def _sections(self) -> Figure:
        """Cuts through the function along the directions of the smallest and the largest eigenvalue."""
        reach = 1.0 if self.sharpest == 0 else min(2.0, max(0.5, float(np.sqrt(1.0 / self.sharpest))))
        t = np.linspace(-reach, reach, 41)
        places = t.tolist()
        curves = []
        ends = [("sharpest", -1), ("least curved", 0)] if len(self.eigenvalues) > 1 else [("only", 0)]
        for name, n in ends:
            v = self.directions[:, n]
            with np.errstate(all="ignore"):
                loss = [self.surface.value(self.theta + s * v) for s in t]
            guess = self.value + t * float(self.gradient @ v) + t**2 / 2 * float(self.eigenvalues[n])
            curves += [Curve(f"{name} direction", places, loss), Curve(f"{name}, parabola", places, guess.tolist())]

        def draw(axes: Any) -> None:
            for n, curve in enumerate(curves):
                style = {"color": SERIES[n // 2], "linestyle": "--" if n % 2 else "-"}
                axes.plot(curve.x, curve.y, label=curve.name, linewidth=1.0 if n % 2 else 1.8, **style)
            axes.plot([0], [self.value], "o", color=SERIES[2], label="the point")
            axes.legend(fontsize=8)

        points = [(curve.name, list(zip(curve.x, curve.y, strict=True))) for curve in curves[::2]]
        label = "distance from the point"
        description = "cuts through the function along the directions of its largest and smallest eigenvalue"
        caption = "Cuts through the function, and the parabolas that first and second derivatives promise."
        return figure("cuts", description, caption, draw, label, "loss", draw_points(points, label, "loss"))


def _line(latex: str, text: str, value: float, note: str) -> Line:
    return Line(Formula(latex, text), Formula(number_latex(value), number_text(value)), note)


def curvature(
    network: Network | None = None, X: Any = None, y: Any = None, *, tolerance: float = TOLERANCE
) -> Curvature:
    """The curvature of a network's loss at its parameters as they are: train it first to look at the end point.

    Args:
        network: at whose parameters to look; without network and rows, a small regression, trained by L-BFGS, is the
            example.
        X: features, as for :meth:`chainrule.network.Network.fit`.
        y: targets.
        tolerance: what counts as 0, as a share of the sharpest curvature.

    Returns:
        The gradient, the eigenvalues of the second derivatives, and a verdict: slope (no place of rest), minimum,
        saddle, flat, maximum, valley or ridge. Everything is computed in float64.

    At zero weights, with as many rows of each class, the gradient vanishes, and still it is no minimum:

    >>> import chainrule as cr
    >>> net = cr.mlp([2, 2, 1], loss="binary_cross_entropy", weights=0.0, dtype="float64")
    >>> X, y = cr.experiments.two_gaussians()
    >>> curvature(net, X, y).verdict
    'saddle'
    """
    problem = problem_of(network, X, y, _trained_plane)
    surface = LossSurface.of(problem)
    return _curvature(f"the loss of {problem.sentence}", surface, problem.network.parameters.theta, tolerance)


def curvature_of(f: Expression, *, tolerance: float = TOLERANCE, **values: float) -> Curvature:
    """The curvature of a formula at a point.

    Args:
        f: a formula in scalar symbols.
        tolerance: as for :func:`curvature`.
        values: a number for each symbol.

    >>> import chainrule as cr
    >>> x, y = cr.symbols("x y")
    >>> [curvature_of(f, x=0.0, y=0.0).verdict for f in (x**2 + y**2, x**2 - y**2, x**4 + y**4, x**2 + y**4)]
    ['minimum', 'saddle', 'flat', 'valley']
    """
    require(len(values) > 0, "give a number for each symbol, as in curvature_of(f, x=0.0, y=0.0)")
    for variable in trace({"value": f}).inputs:
        require(variable.name in values, f"give a value for {variable.name}, which occurs in the formula")
    surface = LossSurface(f, [symbol(name) for name in values], {})
    place = ", ".join(f"{name} = {number_text(value)}" for name, value in values.items())
    return _curvature(f"a formula at {place}", surface, np.array(list(values.values()), np.float64), tolerance)


def _curvature(name: str, surface: LossSurface, theta: Any, tolerance: float) -> Curvature:
    require(0 < tolerance < 1, f"tolerance is a share between 0 and 1, not {tolerance!r}")
    point = np.asarray(theta, np.float64)
    values, directions = surface.eigenpairs(point)
    return Curvature(name, surface, point, surface.value(point), surface.gradient(point), values, directions, tolerance)


def _trained_plane() -> Problem:
    problem = plane_problem()
    problem.network.fit(problem.X, problem.y, epochs=200, batch_size="all", optimizer=LBFGS())
    return problem
