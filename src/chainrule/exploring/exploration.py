"""What became of networks that were trained at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.document import Block, Document, Figure, Paragraph, Shown, Table
from chainrule.document.plots import LINES, SERIES, plot
from chainrule.errors import require
from chainrule.show.numbers import counted, exact_text, number_text, seconds_text
from chainrule.training.figures import MOST_SPREAD, logarithmic, spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

TITLE: Final = "Many networks at once"
HEADING: Final = ("learning rate", "starts", "not finite", "best", "median", "worst")


@dataclass(frozen=True, eq=False)
class Exploration(Shown):
    """What became of each network: one for each learning rate and starting point, all starts of the first rate first.

    Print it, or look at it in a notebook.

    Attributes:
        losses: the training loss of each epoch, shape (epochs, networks).
        scores: by which networks are compared: the validation loss at the end where there are validation rows, else
            the training loss of the last epoch; infinite or undefined where training failed.
        seeds: of the starting point of each network.
        rates: the learning rate of each network; that from which its schedule starts, or to which it rises.
        best: the number of the best network, whose parameters the network has now.
        watched: what the scores are, ``"validation loss"`` or ``"training loss"``.
        seconds: of training, all networks together.
        stopped: why training ended, in words.
    """

    losses: NDArray[np.float64]
    scores: NDArray[np.float64]
    seeds: NDArray[np.int64]
    rates: NDArray[np.float64]
    best: int
    watched: str
    seconds: float
    stopped: str

    @property
    def best_seed(self) -> int:
        """The seed of the best network's starting point: ``net.reset(seed)`` draws it again."""
        return int(self.seeds[self.best])

    @property
    def best_rate(self) -> float:
        """The learning rate of the best network."""
        return float(self.rates[self.best])

    def ends(self, rate: float) -> NDArray[np.float64]:
        """The scores of the networks that had a learning rate and stayed finite, rising.

        Raises:
            ArgumentError: where none had it.
        """
        known = ", ".join(map(exact_text, self._rates))
        require(rate in self._rates, f"no network had the learning rate {rate!r}; there are: {known}")
        scores = self.scores[self.rates == rate]
        return np.sort(scores[np.isfinite(scores)])

    @property
    def verdict(self) -> str:
        """How training ended, and which network was best."""
        tried = counted(len(set(self.seeds.tolist())), "starting point")
        if len(self._rates) > 1:
            tried += f" with each of {len(self._rates)} learning rates"
        best = f"best {self.watched} {number_text(float(self.scores[self.best]), 4)}"
        return (
            f"{self.stopped} in {seconds_text(self.seconds)}; {tried}: {best}, from seed {self.best_seed} at the "
            f"learning rate {exact_text(self.best_rate)}."
        )

    @property
    def _rates(self) -> list[float]:
        """Each learning rate once, as they were given."""
        return list(dict.fromkeys(self.rates.tolist()))

    def to_json(self) -> dict[str, Any]:
        """The numbers of each network at the end, as JSON can hold them."""
        columns = zip(self.seeds.tolist(), self.rates.tolist(), self.scores.tolist(), strict=True)
        networks = [{"seed": s, "rate": r, "score": x if np.isfinite(x) else None} for s, r, x in columns]
        chosen = {"best": self.best, "watched": self.watched, "epochs": len(self.losses)}
        return chosen | {"seconds": self.seconds, "stopped": self.stopped, "networks": networks}

    @property
    def text(self) -> str:
        """The page for a terminal, which needs no picture drawn."""
        return Document(TITLE, self._words()).text

    @cached_property
    def document(self) -> Document:
        """The page: which network was best, and the spread over the starts for each learning rate."""
        return Document(TITLE, [*self._words(), self._figure()])

    def _words(self) -> list[Block]:
        caption = f"The {self.watched} at the end, over the starting points."
        return [Paragraph(self.verdict), Table(HEADING, [self._row(rate) for rate in self._rates], caption)]

    def _row(self, rate: float) -> Sequence[str]:
        ends, starts = self.ends(rate), int((self.rates == rate).sum())
        quantiles = np.quantile(ends, (0, 0.5, 1)).tolist() if len(ends) else []
        texts = [number_text(q, 4) for q in quantiles] or 3 * ["-"]
        return (exact_text(rate), str(starts), str(starts - len(ends)), *texts)

    def _figure(self) -> Figure:
        description = (
            "Training loss over the epochs: the median start of each learning rate, between lowest and highest"
        )

        def draw(canvas: Canvas) -> None:
            from cycler import cycler

            axes = canvas.add_subplot()
            axes.set_prop_cycle(cycler(linestyle=LINES) * cycler(color=SERIES))
            self.plot(axes)

        return Figure(plot("exploration", description, draw), description, f"{description}.")

    def plot(self, axes: Any = None) -> Any:
        """Draw the training losses on Matplotlib axes (new ones by default), and return them.

        A line for each learning rate is the median over the starting points that stayed finite, in each epoch; the band
        around it reaches from the lowest to the highest.
        """
        if axes is None:
            from matplotlib.figure import Figure

            axes = Figure(figsize=(7, 4), layout="constrained").add_subplot()
        epochs = range(1, len(self.losses) + 1)
        marker = "o" if len(epochs) == 1 else None
        sound = np.isfinite(self.scores)
        for rate in self._rates:
            losses = self.losses[:, sound & (self.rates == rate)]
            if losses.size:
                low, middle, high = np.quantile(losses, (0, 0.5, 1), axis=1)
                (line,) = axes.plot(epochs, middle, marker=marker, label=f"learning rate {exact_text(rate)}")
                axes.fill_between(epochs, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        if spread(self.losses[:, sound].ravel().tolist()) > MOST_SPREAD:
            logarithmic(axes)
        axes.set(xlabel="epoch", ylabel="training loss")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        axes.legend()
        return axes
