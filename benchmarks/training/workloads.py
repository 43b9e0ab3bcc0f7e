"""What is trained: each workload once, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Workload:
    """A network, its loss, how it is trained, and on how much.

    Attributes:
        name: what the command line and the tables call it.
        sizes: features, units of each hidden layer, outputs.
        hidden: the activation of the hidden layers. The last layer has the one that the loss wants.
        loss: a loss of :mod:`chainrule.losses`.
        optimizer: the name of one of chainrule's optimisers; all its settings but ``lr`` are its defaults.
        lr: the learning rate.
        batch: rows in a step.
        rows: rows in an epoch, a multiple of ``batch``.
        precision: ``"float32"`` or ``"float64"``.
    """

    name: str
    sizes: tuple[int, ...]
    hidden: str
    loss: str
    optimizer: str
    lr: float
    batch: int
    rows: int
    precision: str = "float32"

    @property
    def weights(self) -> list[tuple[int, int]]:
        """The shape of each layer's weights."""
        return list(zip(self.sizes, self.sizes[1:], strict=False))

    @property
    def flops_per_row(self) -> int:
        """Operations of the matrix products for a row: forward, for the weights, and for what is below.

        Nothing is wanted below the first layer. Activations, loss and optimiser do not count.
        """
        products = [2 * inputs * units for inputs, units in self.weights]
        return 3 * sum(products) - products[0]

    @property
    def title(self) -> str:
        """The workload in a line."""
        sizes = "-".join(map(str, self.sizes))
        loss = self.loss.replace("_", " ")
        return f"{self.name}: {sizes}, {self.hidden}, {loss}, {self.optimizer}, batch {self.batch}, {self.precision}"


_FLOAT32 = (
    Workload("tiny", (2, 2, 1), "sigmoid", "binary_cross_entropy", "SGD", 0.1, 1, 20_000),
    Workload("table", (20, 64, 64, 1), "relu", "binary_cross_entropy", "Adam", 1e-3, 32, 12_800),
    Workload("digits", (784, 128, 10), "relu", "cross_entropy", "Adam", 1e-3, 64, 6_400),
    Workload("deep", (100,) * 7, "relu", "mean_squared_error", "Adam", 1e-3, 128, 12_800),
    Workload("wide", (784, 1000, 1000, 1), "relu", "binary_cross_entropy", "Adam", 1e-4, 128, 1_280),
    Workload("odd", (37, 53, 29, 3), "tanh", "huber", "RMSProp", 1e-3, 17, 6_800),
    Workload("gelu", (300, 257, 5), "gelu", "cross_entropy", "AdamW", 1e-3, 100, 5_000),
)

WORKLOADS = {w.name: w for w in _FLOAT32} | {
    f"{w.name}-float64": replace(w, name=f"{w.name}-float64", precision="float64") for w in _FLOAT32
}
