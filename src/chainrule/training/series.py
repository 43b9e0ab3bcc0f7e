"""What became of the numbers of a network's layers during training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerSeries:
    """The norms and units of one layer at a few epochs, on the same rows each time.

    Attributes:
        layer: where it is in the network: ``"layer 1 (Dense)"``.
        parameters: the names of its parameters: ``("W1", "b1")``.
        units: the name of its activations: ``"h1"``; empty where it has no activation function.
        epochs: when it was looked at; 0 is before the first step, and the last is of the weights that were kept.
        weight_norms: the root of the sum of squares of its parameters.
        gradient_norms: the same of the loss's derivative by them.
        signals: the same of the loss's derivative by what the layer computes before its activation function;
            0 where the simplified program has no such line.
        dead: the share of its units whose slope is 0 in every row: none of the rows can change them.
        saturated: the share of its units that lie in a flat end of a bounded activation function in nearly every row.
    """

    layer: str
    parameters: tuple[str, ...]
    units: str
    epochs: tuple[int, ...]
    weight_norms: tuple[float, ...]
    gradient_norms: tuple[float, ...]
    signals: tuple[float, ...]
    dead: tuple[float, ...]
    saturated: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("parameters", "epochs", "weight_norms", "gradient_norms", "signals", "dead", "saturated"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON knows lists only
