"""The measured defaults: what a table of so many rows is learnt with. docs/defaults.md has the evidence for each."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import log2, sqrt
from typing import Any, Final, Literal

from chainrule.data import Task
from chainrule.errors import ArgumentError, require, whole_number
from chainrule.losses import Loss, binary_cross_entropy, cross_entropy, mean_squared_error
from chainrule.network import Network
from chainrule.nn import Activation, Columns, Dense, Dropout, Embedding, Join, Layer, Periodic
from chainrule.nn.activations import activation_of
from chainrule.optim import AdamW
from chainrule.schedules import Cosine

EMBEDDING_SIZE: Final = 8
"""Columns that a category turns into, where there are too many for one column each."""


MEASURED_ROWS: Final = 10_000
"""The defaults were measured on tables of up to so many rows."""

MOST_WAVED_FEATURES: Final = 500
"""Wider tables get no waves: they would take most of the time."""


@dataclass(frozen=True)
class Recipe:
    """Everything that is chosen before training.

    Attributes:
        hidden: units of each hidden layer; none for a linear model.
        activation: of the hidden layers.
        frequencies: waves that :class:`chainrule.Periodic` makes of each column of numbers; 0 for none.
        frequency_scale: how fast they start.
        clip: where numbers are bent, in standard deviations.
        dropout: share of hidden units that a step leaves out.
        label_smoothing: share of a class target that is spread over all classes.
        lr: the learning rate from which half a cosine leads down to 0.
        weight_decay: of AdamW.
        beta2: of AdamW.
        batch_size: rows of a step.
        epochs: passes over the rows.
        patience: epochs without a better one after which a member stops; ``None``: never.
        members: networks that are trained, each with other rows held back, and averaged.
    """

    hidden: tuple[int, ...] = (128, 128)
    activation: str = "silu"
    frequencies: int = 4
    frequency_scale: float = 0.1
    clip: float = 3.0
    dropout: float = 0.0
    label_smoothing: float = 0.1
    lr: float = 6e-3
    weight_decay: float = 0.02
    beta2: float = 0.95
    batch_size: int | Literal["all"] = 64
    epochs: int = 50
    patience: int | None = None
    members: int = 4

    def __post_init__(self) -> None:
        require(
            all(isinstance(units, int) and units > 0 for units in self.hidden),
            f"hidden gives the units of each hidden layer, whole numbers above 0, not {list(self.hidden)!r}",
        )
        activation_of(self.activation)
        for name in ("epochs", "members"):
            whole_number(name, getattr(self, name), 1)

    @classmethod
    def choose(cls, rows: int, features: int) -> Recipe:
        """The measured defaults for a table.

        Up to 10,000 rows they are those of the class. Beyond, they are chosen so that the time grows more slowly than
        the table: fewer passes, fewer members, larger batches. Very wide tables go without waves.

        Args:
            rows: to learn from.
            features: of a row, encoded.
        """
        ratio = max(rows / MEASURED_ROWS, 1.0)
        return cls(
            frequencies=cls.frequencies if features <= MOST_WAVED_FEATURES else 0,
            batch_size=min(64 << int(log2(ratio) / 2), 512),
            epochs=max(round(cls.epochs / sqrt(ratio)), 3),
            members=max(round(cls.members / ratio ** (1 / 3)), 1),
        )

    def but(self, **given: Any) -> Recipe:
        """With what was given in the place of what was chosen; ``None`` leaves the choice."""
        unknown = [name for name in given if name not in self.__dataclass_fields__]
        if unknown:
            raise ArgumentError(f"a recipe has no {unknown[0]!r}")
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    def layers(self, features: int, numbers: int, categories: tuple[int, ...], outputs: int) -> list[Layer]:
        """The layers of a member.

        Args:
            features: columns of the encoded table: ``numbers`` of them numbers, at the front; at the end one of codes
                for each of ``categories``, which says how many codes; zeros and ones between them.
            numbers: how many columns are numbers.
            categories: how many codes each column of codes has.
            outputs: of the network.
        """
        plain = features - len(categories)
        bent = numbers > 0 and len(self.hidden) > 0  # without hidden layers the model is linear
        encoded: list[Layer] = [Activation("smooth_clip", {"limit": self.clip})] if bent else []
        if bent and self.frequencies:
            encoded.append(Periodic(numbers, self.frequencies, self.frequency_scale))
        if categories:
            tables = [[Columns(plain + n), Embedding(size, EMBEDDING_SIZE)] for n, size in enumerate(categories)]
            first = [[Columns(*range(plain)), *encoded]] if plain else []
            encoded = [Join(*first, *tables)] if len(first) + len(tables) > 1 else [*tables[0][1:]]
        layers = encoded
        for units in self.hidden:
            layers.append(Dense(units, self.activation))
            if self.dropout:
                layers.append(Dropout(self.dropout))
        return [*layers, Dense(outputs)]

    def loss(self, task: Task, outputs: int) -> Loss:
        """The loss that a member is trained with."""
        if task == "regression":
            return mean_squared_error()
        kind = binary_cross_entropy if outputs == 1 else cross_entropy
        return kind(label_smoothing=self.label_smoothing)

    def network(
        self, task: Task, features: int, numbers: int, categories: tuple[int, ...], outputs: int, seed: int
    ) -> Network:
        """A member before it is trained; arguments as for :meth:`layers`."""
        layers = self.layers(features, numbers, categories, outputs)
        return Network(*layers, loss=self.loss(task, outputs), inputs=features, seed=seed)

    def batch_rows(self, rows: int) -> int | Literal["all"]:
        """Rows of a step: fewer where the table is small, so that an epoch has some steps."""
        return self.batch_size if self.batch_size == "all" else min(self.batch_size, max(16, rows // 4))

    @property
    def optimizer(self) -> AdamW:
        """AdamW under half a cosine."""
        return AdamW(Cosine(self.lr), weight_decay=self.weight_decay, beta2=self.beta2)

    def to_json(self) -> dict[str, Any]:
        """All settings, as JSON can hold them."""
        return {**asdict(self), "hidden": list(self.hidden)}
