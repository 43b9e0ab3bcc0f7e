"""Homework 3: MNIST's digit 1 against digit 2, with 784-1000-1000-1 and with smaller networks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.data import mnist
from chainrule.document import Block, Document, Heading, Listing, Paragraph, Shown, Table
from chainrule.errors import require, whole_number
from chainrule.experiments.figures import Curve, loss_curves
from chainrule.homework.judging import Comparison, Score, compare, score
from chainrule.network import mlp
from chainrule.optim import Adam
from chainrule.schedules import Cosine
from chainrule.show.numbers import counted, exact_text, number_text
from chainrule.training import whole_runs

HIDDEN: Final[tuple[tuple[int, ...], ...]] = ((1000, 1000), (100,), (10,), ())
DIGITS: Final = (1, 2)
BATCH_SIZE: Final = 128
RATE: Final = 1e-3


@dataclass(frozen=True)
class Classifier:
    """A network after training.

    Attributes:
        sizes: pixels, hidden units of each layer, outputs.
        parameters: how many it has.
        losses: of the training images in each epoch, averaged over its steps.
        test_losses: of the test images after each epoch.
        seconds: of training, the test loss after each epoch included.
        right: which test images are right.
    """

    sizes: tuple[int, ...]
    parameters: int
    losses: tuple[float, ...]
    test_losses: tuple[float, ...]
    seconds: float
    right: NDArray[np.bool_]

    @property
    def name(self) -> str:
        """Its sizes, such as 784-10-1; without hidden layers it is logistic regression."""
        sizes = "-".join(map(str, self.sizes))
        return sizes if len(self.sizes) > 2 else f"{sizes} (logistic regression)"

    @property
    def test(self) -> Score:
        """How many test images are right."""
        return score(self.right)


@dataclass(frozen=True)
class Homework3(Shown):
    """Digits 1 and 2, told apart by networks of several sizes; print it, or look at it in a notebook.

    Attributes:
        rows: training images.
        epochs: passes over them.
        seed: of the starting weights and of shuffling.
        engine: what computed.
        classifiers: the networks; the first is the one that the homework asks for.
    """

    rows: int
    epochs: int
    seed: int
    engine: str
    classifiers: tuple[Classifier, ...]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The first network beside each of the others, on the test images."""
        first, *others = self.classifiers
        return tuple(compare(first.right, other.right) for other in others)

    @property
    def as_good(self) -> tuple[Classifier, ...]:
        """The other networks to which the test images do not show the first to be superior."""
        pairs = zip(self.classifiers[1:], self.comparisons, strict=True)
        return tuple(other for other, c in pairs if not (c.differ and c.first_only > c.second_only))

    @property
    def worth_it(self) -> bool:
        """Whether the test images show that the first network is better than every other one."""
        return not self.as_good

    @property
    def discussion(self) -> list[str]:
        """Sentences that the figures support, each chosen by a rule."""
        first, *others = self.classifiers
        sentences = [_beside(first, other, c) for other, c in zip(others, self.comparisons, strict=True)]
        linear = next((c for c in self.classifiers if len(c.sizes) == 2), None)
        if linear is not None:
            sentences.append(
                f"A network without hidden layers draws one plane through the {linear.sizes[0]} dimensions, and has "
                f"{linear.test.share:.2%} of the test images on the right side: that much needs no hidden layer, and "
                f"{linear.test.rows - linear.test.right} of {linear.test.rows:,} images are left for one to gain."
            )
        sentences.append(
            f"The network {first.name} has {first.parameters:,} parameters for {self.rows:,} training images, "
            f"{first.parameters / self.rows:,.0f} for each."
        )
        return [*sentences, self._verdict()]

    def _verdict(self) -> str:
        first = self.classifiers[0]
        if self.worth_it:
            return "Worth it: the test images show that the large network is better than each smaller one."
        small = min(self.as_good, key=lambda c: c.parameters)
        apart = self.comparisons[self.classifiers.index(small) - 1]
        images = counted(apart.first_only + apart.second_only, "image")
        return (
            f"Not worth it for these two digits: as far as these test images tell, {small.name} does as well, with "
            f"{small.parameters / first.parameters:.2%} of the parameters and {small.seconds / first.seconds:.0%} of "
            f"the time. The two differ on {images}: with another seed the decision may be another one."
        )

    def to_json(self) -> dict[str, Any]:
        """The numbers, as JSON can hold them."""
        return {
            "digits": DIGITS,
            "training_images": self.rows,
            "epochs": self.epochs,
            "seed": self.seed,
            "engine": self.engine,
            "networks": [
                {
                    "sizes": c.sizes,
                    "parameters": c.parameters,
                    "seconds": c.seconds,
                    "loss_end": c.losses[-1],
                    "test_loss_end": c.test_losses[-1],
                    "test_right": c.test.right,
                    "test_images": c.test.rows,
                    "test_accuracy": c.test.share,
                    "test_interval": c.test.interval,
                }
                for c in self.classifiers
            ],
            "worth_it": self.worth_it,
            "discussion": self.discussion,
        }

    @cached_property
    def document(self) -> Document:
        """The page."""
        epochs = range(1, self.epochs + 1)
        blocks: list[Block] = [
            Paragraph(
                f"Images of the digits {DIGITS[0]} and {DIGITS[1]} of MNIST: {self.rows:,} to learn from, "
                f"{self.classifiers[0].test.rows:,} to test. Hidden layers are ReLU, the output is a sigmoid, and the "
                f"cross-entropy is minimised by Adam with a rate that falls from {exact_text(RATE)} along half a "
                f"cosine: {self.epochs} epochs with {BATCH_SIZE} images in a step, for each network (engine: "
                f"{self.engine})."
            ),
            self._results(),
            Paragraph(
                "Accuracies are those of the test images, with Wilson's interval of 95%; seconds are those of this "
                "machine."
            ),
            Heading("Learning graphs"),
            loss_curves(
                "training",
                [Curve(c.name, epochs, c.losses) for c in self.classifiers],
                "epoch",
                "The loss of the training images, averaged over the steps of each epoch.",
            ),
            loss_curves(
                "test",
                [Curve(c.name, epochs, c.test_losses) for c in self.classifiers],
                "epoch",
                "The loss of the test images after each epoch.",
            ),
            Heading("Is the large network worth it?"),
            Listing([(sentence,) for sentence in self.discussion]),
        ]
        return Document("Homework 3: MNIST, 1 against 2", blocks)

    def _results(self) -> Table:
        rows = []
        for c in self.classifiers:
            low, high = c.test.interval
            wrong = str(c.test.rows - c.test.right)
            interval = f"{low:.2%}\u00a0to\u00a0{high:.2%}"
            rows.append(
                (c.name, f"{c.parameters:,}", number_text(c.seconds, 3), f"{c.test.share:.2%}", wrong, interval)
            )
        return Table(("network", "parameters", "seconds", "accuracy", "wrong", "interval"), rows)


def _beside(first: Classifier, other: Classifier, comparison: Comparison) -> str:
    """The large network beside a smaller one, in a sentence."""
    cost = (
        f"{first.name} has {first.parameters / other.parameters:,.0f} times the parameters of {other.name} "
        f"and takes {first.seconds / other.seconds:,.1f} times as long"
    )
    counts = (
        f"of {first.test.rows:,} test images it alone gets {comparison.first_only} right, the smaller one alone "
        f"{comparison.second_only} (sign test p = {number_text(comparison.p_value, 2)})"
    )
    if not comparison.differ:
        return f"{cost}; {counts}: no difference is shown."
    better = "the large one" if comparison.first_only > comparison.second_only else "the smaller one"
    return f"{cost}; {counts}: {better} is better."


def homework_3(
    folder: str | os.PathLike[str] | None = None,
    *,
    epochs: int = 5,
    seed: int = 0,
    engine: str = "native",
    hidden: Sequence[Sequence[int]] = HIDDEN,
) -> Homework3:
    """MNIST's digit 1 against digit 2 with 784-1000-1000-1, and with smaller networks, to see whether it is worth it.

    Args:
        folder: where MNIST's four files are; the environment variable ``CHAINRULE_MNIST`` if not given.
        epochs: passes over the 12,700 training images, for each network.
        seed: of the starting weights and of shuffling.
        engine: what computes, for every network the same so that their seconds can be compared.
        hidden: the hidden units of each network; the first is compared with the others, ``()`` is logistic regression.

    Returns:
        A page with sizes, seconds, accuracies with intervals, learning graphs, and a verdict by the sign test.

    Raises:
        DataError: where the files are missing; says which, and where they go.
    """
    epochs = whole_number("epochs", epochs, 1)
    require(len(hidden) > 1, "give at least two networks to compare, as in hidden=((1000, 1000), ())")
    X, y, X_test, y_test = mnist(folder, digits=DIGITS)
    data = (X, y == DIGITS[1], X_test, y_test == DIGITS[1])
    with whole_runs():
        found = [_train(tuple(units), epochs, seed, engine, *data) for units in hidden]
    return Homework3(len(X), epochs, seed, engine, tuple(found))


def _train(
    hidden: tuple[int, ...],
    epochs: int,
    seed: int,
    engine: str,
    X: NDArray[np.float32],
    y: NDArray[np.bool_],
    X_test: NDArray[np.float32],
    y_test: NDArray[np.bool_],
) -> Classifier:
    sizes = (X.shape[1], *hidden, 1)
    network = mlp(sizes, hidden="relu", loss="binary_cross_entropy", seed=seed)
    history = network.fit(
        X,
        y,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        optimizer=Adam(Cosine(RATE)),
        validation=(X_test, y_test),
        engine=engine,
    )
    right = (network.predict(X_test)[:, 0] > 0.5) == y_test
    count = network.parameters.theta.size
    return Classifier(sizes, count, tuple(history.loss), tuple(history.validation_loss), sum(history.seconds), right)
