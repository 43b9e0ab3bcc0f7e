"""A 2-2-1 linear network that predicts a student's package from CGPA and IQ, one row at a time.

Every weight starts at 1, every bias at 0; the loss is the squared error, summed over outputs. Features are
standardised: with an IQ near 100 next to a CGPA near 7, one learning rate cannot suit both.

Run it: python examples/student_regression.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

TABLE = Path(__file__).with_name("students.csv")


def load() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """CGPA and IQ, standardised, and the package in lakhs a year."""
    table = np.genfromtxt(TABLE, delimiter=",", names=True)
    X = np.column_stack([table["cgpa"], table["iq"]])
    return (X - X.mean(axis=0)) / X.std(axis=0), table["package"]


def network() -> cr.Network:
    """Two inputs, two hidden units, one output; nine parameters."""
    return cr.mlp([2, 2, 1], hidden="linear", loss="squared_error", weights=1.0, biases=0.0, dtype="float64")


def main() -> None:
    """Show the nine derivatives, train for 30 epochs, and compare with least squares."""
    X, y = load()
    net = network()
    print(net.program())
    print("gradients of the first row:")
    for name, gradient in net.gradients(X[:1], y[:1]).items():
        print(f"  d{name} = {np.round(gradient, 4).tolist()}")
    history = net.fit(X, y, epochs=30, batch_size=1, optimizer=cr.SGD(0.01), seed=0)
    for epoch in (1, 2, 3, 10, 30):
        print(f"epoch {epoch:2d}: average loss {history.loss[epoch - 1]:.4f}")
    design = np.column_stack([X, np.ones(len(X))])
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    print(f"loss of the trained network {net.loss(X, y):.4f}, of least squares {np.mean(residual**2):.4f}")
    same = np.allclose(net.parameters["W1"][:, 0], net.parameters["W1"][:, 1])
    print(f"the two hidden units are still equal: {same} (equal weights get equal gradients)")


if __name__ == "__main__":
    main()
