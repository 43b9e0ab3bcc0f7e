"""The page of homework 2: tables, pictures, and a discussion made of sentences that the figures support."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from chainrule.document import Block, Document, Figure, Formula, Heading, Listing, Paragraph, Table
from chainrule.document.plots import SERIES, TEXT
from chainrule.experiments.figures import Curve, figure, loss_curves
from chainrule.homework.judging import Comparison, Score, compare
from chainrule.show.numbers import counted, exact_text, number_text

if TYPE_CHECKING:
    from chainrule.homework.two_gaussians import Beside, Homework2, Trained

COINCIDE: Final = 1e-9
"""Curves that differ by no more than this, relative to their values, are taken for the same."""
SATISFACTORY: Final = 0.02
"""A network whose accuracy is expected to be within this of the best possible is satisfactory."""
LEVEL: Final = 0.01
"""A test loss that ends within this share of its lowest value has not risen again."""
COLUMNS, ROWS = 64, 22
"""Of the map that a terminal shows."""


def page(work: Homework2) -> Document:
    """The whole page."""
    blocks: list[Block] = [
        _task(work),
        *_results(work),
        Heading("Learning graphs"),
        *_learning_graphs(work),
        Heading("Where the answer changes"),
        *(_boundary(work, run) for run in work.runs[:2]),
        Heading("Discussion"),
        Listing([(sentence,) for sentence in discussion(work)]),
        Heading("The best possible"),
        Paragraph(
            "For two Gaussians of equal covariance, no rule can expect more right answers than ",
            Formula(r"\Phi\!\left(\tfrac{1}{2} \sqrt{m^{\top} S^{-1} m}\right)", "Phi(sqrt(m' inverse(S) m) / 2)"),
            f" = {work.best_possible:.1%}, with the mean m of class 1, the covariance S, and the distribution function "
            "Phi of the standard normal.",
        ),
    ]
    return Document("Homework 2: two Gaussians", blocks)


def discussion(work: Homework2) -> list[str]:
    """Sentences that the figures support, each chosen by a rule."""
    _, biased, crossed = work.runs
    return [
        _without_bias(work),
        f"With biases the boundary is free to move: {_satisfactory(work, biased)}",
        f"The test points without and with biases: {_told_apart(work.bias_matters)}",
        f"Squared error or cross-entropy, on the test points: {_told_apart(compare(biased.right, crossed.right))}",
        *map(_coincidence, work.beside),
        *map(_learning, work.runs),
    ]


def _task(work: Homework2) -> Paragraph:
    points, held = len(work.y), len(work.test_rows)
    means = ", ".join(number_text(m) for m in work.mean)
    apart = "can" if work.separable else "cannot"
    return Paragraph(
        f"{points // 2} points of each class: class 0 around the origin, class 1 around ({means}), both with variance "
        f"1 and correlation {exact_text(work.correlation)} of the two features. A line {apart} separate them. "
        f"{points - held} points are for training, {held} for testing. The networks have two tanh units and a sigmoid; "
        f"all start from the same weights and make {work.updates} updates with all training points and the learning "
        f"rate {exact_text(work.rate)}."
    )


def _results(work: Homework2) -> list[Block]:
    rows = [
        (
            run.name,
            number_text(run.losses[-1], 4),
            f"{run.training.share:.1%}",
            f"{run.test.share:.1%}",
            _ends(run.test),
            f"{run.fresh.share:.1%}",
        )
        for run in work.runs
    ]
    rows += [
        (
            f"{b.peer.name}, as {b.of.name}",
            number_text(b.peer.losses[-1], 4),
            "",
            f"{b.test.share:.1%}",
            _ends(b.test),
            "",
        )
        for b in work.beside
    ]
    absent = f" Not installed here: {', '.join(work.missing)}." if work.missing else ""
    words = (
        f"The loss before the last update, and accuracies. The interval is Wilson's, of 95%, from the test points; the "
        f"last column counts {work.runs[0].fresh.rows:,} further points of the same Gaussians.{absent}"
    )
    return [Table(("", "loss", "training", "test", "interval", "further"), rows), Paragraph(words)]


def _ends(found: Score) -> str:
    low, high = found.interval
    return f"{low:.1%}\u00a0to\u00a0{high:.1%}"


def _learning_graphs(work: Homework2) -> list[Figure]:
    """One figure for each loss, since their values cannot be compared."""
    updates = range(1, work.updates + 1)
    figures = []
    for loss in dict.fromkeys(run.loss for run in work.runs):
        runs = [run for run in work.runs if run.loss == loss]
        pairs = [(run.name, run.losses) for run in runs]
        pairs += [(b.peer.name, b.peer.losses) for b in work.beside if b.of.loss == loss]
        pairs += [(f"{run.name}: test", run.test_losses) for run in runs]
        curves = [Curve(name, updates, losses) for name, losses in pairs]
        caption = f"The {loss.replace('_', ' ')} of the training points, and where stated of the test points."
        figures.append(loss_curves(loss.replace("_", "-"), curves, "update", caption, log_x=True))
    return figures


def _boundary(work: Homework2, run: Trained) -> Figure:
    low, high = work.X.min(axis=0) - 0.5, work.X.max(axis=0) + 0.5
    x, y = (np.linspace(a, b, n) for a, b, n in zip(low, high, (COLUMNS, ROWS), strict=True))
    answer = run.network.predict(np.array([[u, v] for v in y for u in x])).reshape(ROWS, COLUMNS)
    held = np.isin(np.arange(len(work.y)), work.test_rows)

    def draw(axes: Any) -> None:
        axes.contourf(x, y, answer, [0.5, 1.0], colors=[SERIES[1]], alpha=0.12)
        axes.contour(x, y, answer, [0.5], colors=[TEXT], linewidths=1.4)
        for code, colour in ((0, SERIES[0]), (1, SERIES[1])):
            for chosen, marker, kind in ((~held, ".", "training"), (held, "x", "test")):
                rows = (work.y == code) & chosen
                axes.plot(*work.X[rows].T, marker, color=colour, markersize=5, label=f"class {code}, {kind}")
        axes.plot([0], [0], "+", color=TEXT, markersize=12, label="origin")
        axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)

    marks = np.where(answer > 0.5, ":", " ")
    places = np.rint((work.X - low) / (high - low) * (COLUMNS - 1, ROWS - 1)).astype(int)
    marks[places[:, 1], places[:, 0]] = np.where(work.y > 0.5, "1", "0")
    text = "\n".join("".join(row).rstrip() for row in reversed(marks.tolist()))
    name = run.name.replace(" ", "-")
    description = f"the points, and the boundary of the network {run.name}"
    caption = f"{run.name.capitalize()}: on the line the answer is 1/2; in the shaded part it is class 1."
    return figure(name, description, caption, draw, "feature 1", "feature 2", text)


def _without_bias(work: Homework2) -> str:
    network = work.runs[0].network
    odd = float(np.abs(network.predict(work.X) + network.predict(-work.X) - 1).max())
    middle = float(network.predict(np.zeros((1, 2)))[0, 0])
    return (
        "Without biases the network is bound to the origin: tanh is odd, so the answer to -x is 1 minus the answer to "
        f"x (on all points to within {number_text(odd, 2)}), and the answer at the origin is {number_text(middle)} "
        "whatever the weights. Class 0 lies around the origin, so half of it is expected to be wrong, and no weights "
        f"can be expected to get more than 75% right. {_satisfactory(work, work.runs[0])}"
    )


def _satisfactory(work: Homework2, run: Trained) -> str:
    expected, best = run.fresh.share, work.best_possible
    result = f"{run.test} of the test points are right, and {expected:.1%} of the further points"
    if expected >= best - SATISFACTORY:
        return f"{result}. That is satisfactory: no rule can expect more than {best:.1%}."
    return f"{result}. That is not satisfactory: the best rule can expect {best:.1%}."


def _told_apart(comparison: Comparison) -> str:
    counts = (
        f"{counted(comparison.first_only, 'point')} only the first gets right, {comparison.second_only} only the "
        f"second (sign test p = {number_text(comparison.p_value, 2)})"
    )
    if comparison.differ:
        return f"{counts}: they tell the two apart."
    return f"{counts}: they are too few to tell the two apart."


def _coincidence(beside: Beside) -> str:
    name, of, difference = beside.peer.name, beside.of.name, number_text(beside.difference, 2)
    updates = len(beside.peer.losses)
    if beside.difference <= COINCIDE:
        return (
            f"{name} makes the same {updates} updates as the network {of}: the two learning graphs differ by at most "
            f"{difference} of their values, which is rounding."
        )
    return f"{name} does not follow the network {of}: over {updates} updates the graphs differ by up to {difference}."


def _learning(run: Trained) -> str:
    lowest = int(np.argmin(run.test_losses))
    least, end = run.test_losses[lowest], run.test_losses[-1]
    goes = "falls" if run.losses[-1] < run.losses[0] else "does not fall: it goes"
    words = (
        f"Learning graph of the network {run.name}: the training loss {goes} from {number_text(run.losses[0], 3)} to "
        f"{number_text(run.losses[-1], 3)}; the test loss "
    )
    if end <= (1 + LEVEL) * least:
        return f"{words}ends at {number_text(end, 3)}, within {LEVEL:.0%} of its lowest."
    words += (
        f"is lowest after {counted(lowest + 1, 'update')}, {number_text(least, 3)}, and ends at {number_text(end, 3)}"
    )
    if run.losses[-1] < min(run.losses[0], run.losses[lowest]):
        return f"{words}, while the training loss goes on falling: it overfits."
    return f"{words}; the training loss does not go on falling either, so that is not overfitting."
