"""A 2-2-1 network of sigmoids that predicts whether a student is placed, one row at a time.

Every weight starts at 1, every bias at 0; the loss is the binary cross-entropy, with a - y as its
derivative by the last z.

Run it: python examples/student_classification.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

TABLE = Path(__file__).with_name("students.csv")


def load() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """CGPA and IQ, standardised, and 1 for placed."""
    table = np.genfromtxt(TABLE, delimiter=",", names=True)
    X = np.column_stack([table["cgpa"], table["iq"]])
    return (X - X.mean(axis=0)) / X.std(axis=0), table["placed"]


def network() -> cr.Network:
    """Two inputs, two hidden sigmoids, one sigmoid; nine parameters."""
    return cr.mlp(
        [2, 2, 1],
        hidden="sigmoid",
        output="sigmoid",
        loss="binary_cross_entropy",
        weights=1.0,
        biases=0.0,
        dtype="float64",
    )


def main() -> None:
    """Show the program, train, and list each student's probability."""
    X, y = load()
    net = network()
    print(net.program())
    history = net.fit(X, y, epochs=200, batch_size=1, optimizer=cr.SGD(0.5), metrics=["accuracy"], seed=0)
    for epoch in (1, 10, 100, 200):
        print(f"epoch {epoch:3d}: average loss {history.loss[epoch - 1]:.4f}")
    for row, (placed, probability) in enumerate(zip(y, net.predict(X)[:, 0], strict=True), 1):
        print(f"student {row}: placed {placed:.0f}, predicted probability {probability:.2f}")


if __name__ == "__main__":
    main()
