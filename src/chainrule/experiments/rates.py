"""The effect of the learning rate: the same start, the same rows, several rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, Final, Literal

from chainrule.document import Block, Document, Formula, Heading, Listing, Paragraph, Shown, Table
from chainrule.errors import require
from chainrule.experiments.descents import Descent, descend
from chainrule.experiments.figures import Curve, loss_curves
from chainrule.experiments.problems import Problem, plane_problem, problem_of
from chainrule.experiments.surfaces import LARGEST_HESSIAN, LossSurface
from chainrule.experiments.verdicts import RULES, SHARE_OF_BEST, Verdict, epochs_to_most, verdicts
from chainrule.network import Network
from chainrule.optim import SGD
from chainrule.show.numbers import exact_text, number_latex, number_text
from chainrule.training import whole_runs

RATES: Final = (0.01, 0.1, 1.0)


@dataclass(frozen=True)
class LearningRates(Shown):
    """What each learning rate made of the same start; print it, or look at it in a notebook.

    Attributes:
        problem: what was trained on what.
        rates: the learning rates.
        descents: how each went.
        verdicts: a verdict on each, by the rules that the page states.
        epochs: passes over the rows.
        batch_size: rows in a step, or ``"all"``.
        sharpest: the largest eigenvalue of the loss's second derivatives at the start; ``None`` where it is not known.
    """

    problem: Problem
    rates: tuple[float, ...]
    descents: tuple[Descent, ...]
    verdicts: tuple[Verdict, ...]
    epochs: int
    batch_size: int | Literal["all"]
    sharpest: float | None

    @property
    def best(self) -> float | None:
        """The rate whose loss is the lowest at the end; ``None`` where no loss ends below its start."""
        end, rate = min((d.end, rate) for d, rate in zip(self.descents, self.rates, strict=True))
        return rate if end < self.descents[0].start else None

    def to_json(self) -> dict[str, Any]:
        """The numbers, as JSON can hold them."""
        rows = zip(self.rates, self.descents, self.verdicts, strict=True)
        return {
            "problem": self.problem.sentence,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "best": self.best,
            "sharpest_curvature_at_start": self.sharpest,
            "rates": [
                {
                    "rate": rate,
                    "verdict": verdict.word,
                    "reason": verdict.reason,
                    "losses": [loss if isfinite(loss) else None for loss in descent.losses],
                }
                for rate, descent, verdict in rows
            ],
        }

    @cached_property
    def document(self) -> Document:
        """The page."""
        curves = [
            Curve(f"rate {exact_text(r)}", range(len(d.losses)), d.losses)
            for r, d in zip(self.rates, self.descents, strict=True)
        ]
        rows = zip(self.rates, self.descents, self.verdicts, epochs_to_most(self.descents), strict=True)
        table = Table(
            ("rate", "verdict", "because", "loss at the end", f"epochs to {SHARE_OF_BEST:.0%}"),
            [
                (exact_text(rate), verdict.word, verdict.reason, number_text(descent.end, 4), str(reached or "never"))
                for rate, descent, verdict, reached in rows
            ],
        )
        best = (
            "With none of these rates does the loss end below its start."
            if self.best is None
            else f"Of these rates, {exact_text(self.best)} ends lowest."
        )
        batch = "all rows in each step" if self.batch_size == "all" else f"{self.batch_size} rows in each step"
        blocks: list[Block] = [
            Paragraph(
                f"We train {self.problem.sentence}: {self.epochs} epochs of gradient descent, {batch}, from the "
                f"same starting values with each rate. {best}"
            ),
            loss_curves("rates", curves, "epoch", "The loss of all rows after each epoch."),
            table,
            Paragraph(
                f"The loss is {number_text(self.descents[0].start, 4)} at the start. The last column counts the "
                f"epochs until it fell by {SHARE_OF_BEST:.0%} of the best fall."
            ),
            Heading("How the verdicts are found"),
            Paragraph("The first of these that holds:"),
            Listing([(rule,) for rule in RULES]),
            *self._limit(),
        ]
        return Document("The effect of the learning rate", blocks)

    def _limit(self) -> list[Block]:
        """What second derivatives say of the rates."""
        if self.sharpest is None or self.sharpest <= 0:
            return []
        limits = [
            Formula(rf"{n} / \lambda = {number_latex(n / self.sharpest, 3)}", number_text(n / self.sharpest, 3))
            for n in (1, 2)
        ]
        return [
            Heading("What the curvature says"),
            Paragraph(
                "Along a direction in which the loss has the second derivative ",
                Formula(r"\lambda", "lambda"),
                ", each step multiplies the distance to the bottom by ",
                Formula(r"1 - \eta \lambda", "1 - rate * lambda"),
                ". It shrinks below the rate ",
                _over(1),
                ", changes its side with every step and still shrinks up to ",
                _over(2),
                ", and grows above that. At the start, the sharpest direction has ",
                Formula(rf"\lambda = {number_latex(self.sharpest, 4)}", f"lambda = {number_text(self.sharpest, 4)}"),
                ", so the two limits are there ",
                limits[0],
                " and ",
                limits[1],
                ". The curvature changes along the way, so these are limits for the first steps only.",
            ),
        ]


def _over(n: int) -> Formula:
    return Formula(rf"{n} / \lambda", f"{n} / lambda")


def learning_rates(
    network: Network | None = None,
    X: Any = None,
    y: Any = None,
    *,
    rates: Sequence[float] = RATES,
    epochs: int = 30,
    batch_size: int | Literal["all"] = "all",
    seed: int | None = None,
) -> LearningRates:
    """Train from the same start with several learning rates, and judge each.

    Args:
        network: copies of it are trained, from its parameters as they are; without network and rows, a small
            regression is the example.
        X: features, as for :meth:`chainrule.network.Network.fit`.
        y: targets.
        rates: the learning rates of plain gradient descent.
        epochs: passes over the rows.
        batch_size: rows in a step; the noise of small batches can make a descent look as if it oscillated.
        seed: of shuffling; the network's by default.

    Returns:
        The descents with a verdict on each: too slow, good, oscillates, diverges, or settles higher. ``verdicts.RULES``
        holds the rules, and the page states them.

    >>> found = learning_rates()
    >>> [(rate, verdict.word) for rate, verdict in zip(found.rates, found.verdicts)]
    [(0.01, 'too slow'), (0.1, 'good'), (1.0, 'diverges')]
    """
    require(len(rates) > 0, "give at least one learning rate, as in rates=(0.01, 0.1, 1.0)")
    problem = problem_of(network, X, y, plane_problem)
    with whole_runs():
        descents = tuple(
            descend(problem, epochs=epochs, batch_size=batch_size, optimizer=SGD(rate), seed=seed) for rate in rates
        )
    theta = problem.network.parameters.theta
    sharpest = None
    if batch_size == "all" and theta.size <= LARGEST_HESSIAN:
        surface = LossSurface.of(problem)
        sharpest = float(surface.eigenvalues(theta)[-1])
    return LearningRates(problem, tuple(rates), descents, verdicts(descents), epochs, batch_size, sharpest)
