"""Rows a second in training: the NumPy engine, scikit-learn's MLPClassifier, PyTorch eager with fused Adam.

The network is 20-64-64-1 with ReLU, binary cross-entropy, Adam, batches of 32, float32. All start from the same
weights; the rows are those of a fixed random problem. Run it: python -m benchmarks.training
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule as cr
from benchmarks.measure import interleaved, spread, write

ROWS, FEATURES, BATCH, RATE = 6400, 20, 32, 1e-3
SIZES = (FEATURES, 64, 64, 1)
Array = NDArray[np.float32]


def problem() -> tuple[Array, Array]:
    """Rows, and 0 or 1 by a smooth rule with noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    score = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.3 * rng.normal(size=ROWS)
    return X, (score > 0).astype(np.float32)


def ours(X: Array, y: Array, epochs: int) -> Callable[[], float]:
    """Training with chainrule."""

    def run() -> float:
        net = cr.mlp(SIZES, hidden="relu", loss="binary_cross_entropy", seed=0)
        history = net.fit(X, y, epochs=epochs, batch_size=BATCH, optimizer=cr.Adam(RATE), engine="numpy")
        return history.loss[-1]

    return run


def start_weights() -> dict[str, Array]:
    """The weights that all contenders start from."""
    net = cr.mlp(SIZES, hidden="relu", loss="binary_cross_entropy", seed=0)
    return {name: values.copy() for name, values in net.parameters.items()}


def scikit_learn(X: Array, y: Array, epochs: int) -> Callable[[], float]:
    """Training with scikit-learn's MLPClassifier, from the same weights."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    start = start_weights()

    def run() -> float:
        model = MLPClassifier(
            SIZES[1:-1], batch_size=BATCH, learning_rate_init=RATE, alpha=0.0, max_iter=epochs, tol=0.0,
            n_iter_no_change=epochs + 1, warm_start=True, random_state=0,
        )  # fmt: skip
        model.partial_fit(X[:BATCH], y[:BATCH], classes=[0, 1])  # makes the arrays that are set below
        model.coefs_ = [start[f"W{i}"].copy() for i in (1, 2, 3)]
        model.intercepts_ = [start[f"b{i}"].copy() for i in (1, 2, 3)]
        del model._optimizer
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)
        return float(model.loss_)

    return run


def pytorch(X: Array, y: Array, epochs: int) -> Callable[[], float]:
    """Training with PyTorch, eager, fused Adam, from the same weights."""
    import torch

    start = start_weights()
    rows, targets = torch.from_numpy(X), torch.from_numpy(y[:, None])

    def run() -> float:
        layers: list[Any] = []
        for i in (1, 2, 3):
            linear = torch.nn.Linear(SIZES[i - 1], SIZES[i])
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(start[f"W{i}"].T.copy()))
                linear.bias.copy_(torch.from_numpy(start[f"b{i}"]))
            layers += [linear, torch.nn.ReLU()]
        net = torch.nn.Sequential(*layers[:-1])
        optimizer = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
        loss_function = torch.nn.BCEWithLogitsLoss()
        total = 0.0
        for _ in range(epochs):
            order = torch.randperm(len(rows))
            losses = []
            for first in range(0, len(rows), BATCH):
                batch = order[first : first + BATCH]
                optimizer.zero_grad(set_to_none=True)
                loss = loss_function(net(rows[batch]), targets[batch])
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
            total = float(torch.stack(losses).mean())
        return total

    return run


def main() -> None:
    """Time all contenders in one interleaved run, print the table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    X, y = problem()
    makers: dict[str, Callable[[Array, Array, int], Callable[[], float]]] = {"chainrule, NumPy engine": ours}
    for name, maker in (("scikit-learn MLPClassifier", scikit_learn), ("PyTorch eager, fused Adam", pytorch)):
        try:
            maker(X, y, 1)
        except ImportError as error:
            print(f"{name}: left out ({error})")
        else:
            makers[name] = maker
    runs = {name: maker(X, y, arguments.epochs) for name, maker in makers.items()}
    losses = {name: run() for name, run in runs.items()}
    seconds = interleaved(runs, arguments.rounds)
    rows = ROWS * arguments.epochs
    own = spread(seconds["chainrule, NumPy engine"])
    table = {}
    print(
        f"{'-'.join(map(str, SIZES))}, ReLU, binary cross-entropy, Adam, batch {BATCH}, float32, {rows:,} rows a round"
    )
    print(f"{'':28}  {'us/row: min':>11}  {'median':>7}  {'rows/s':>9}  {'ratio':>6}  {'last loss':>9}")
    for name, values in seconds.items():
        s = spread(values)
        ratio = s["median"] / own["median"]
        table[name] = {
            "seconds": values,
            **s,
            "rows_per_second": rows / s["median"],
            "ratio": ratio,
            "loss": losses[name],
        }
        print(
            f"{name:28}  {1e6 * s['min'] / rows:11.2f}  {1e6 * s['median'] / rows:7.2f}  {rows / s['median']:9,.0f}  "
            f"{ratio:6.2f}  {losses[name]:9.4f}"
        )
    path = write("training", {"workload": {"sizes": SIZES, "batch": BATCH, "rows": rows}, "contenders": table})
    print(f"written: {path}")


if __name__ == "__main__":
    main()
