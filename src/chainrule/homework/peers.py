"""The same descent in other libraries, where they are installed: same start, same rows, same updates."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Start = Mapping[str, Floats]


@dataclass(frozen=True)
class Peer:
    """A library's descent.

    Attributes:
        name: the library and its version.
        losses: of the training rows, before each update.
        predictions: of the test rows, after the last update.
    """

    name: str
    losses: tuple[float, ...]
    predictions: Floats


def scikit_learn(start: Start, X: Floats, y: Floats, X_test: Floats, rate: float, updates: int) -> Peer | None:
    """Full-batch descent of the cross-entropy by ``MLPClassifier`` with one hidden tanh layer, from given weights.

    Its first fit makes the arrays, which are then set to the given values; the second, a warm start, goes on from
    there.
    """
    if find_spec("sklearn") is None:
        return None
    import sklearn
    from sklearn.neural_network import MLPClassifier

    settings: dict[str, Any] = {"solver": "sgd", "learning_rate_init": rate, "momentum": 0.0, "alpha": 0.0, "tol": 0.0}
    model = MLPClassifier(
        (start["W1"].shape[1],),
        activation="tanh",
        batch_size=len(X),
        shuffle=False,
        warm_start=True,
        max_iter=1,
        n_iter_no_change=updates + 1,
        **settings,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that it has not converged
        model.fit(X, y)
        arrays = [*model.coefs_, *model.intercepts_]
        for array, name in zip(arrays, ("W1", "W2", "b1", "b2"), strict=True):
            array[...] = start[name]
        model.set_params(max_iter=updates)
        model.fit(X, y)
    losses = tuple(map(float, model.loss_curve_[1:]))
    return Peer(f"scikit-learn {sklearn.__version__}", losses, model.predict_proba(X_test)[:, 1])


def pytorch(
    start: Start,
    X: Floats,
    y: Floats,
    X_test: Floats,
    rate: float,
    updates: int,
    loss: Literal["squared_error", "binary_cross_entropy"],
) -> Peer | None:
    """Full-batch descent by PyTorch in float64: one hidden tanh layer, a sigmoid, from given weights."""
    if find_spec("torch") is None:
        return None
    import torch
    from torch import nn

    model = nn.Sequential(
        nn.Linear(*start["W1"].shape), nn.Tanh(), nn.Linear(*start["W2"].shape), nn.Sigmoid()
    ).double()
    with torch.no_grad():
        for parameter, name in zip(model.parameters(), ("W1", "b1", "W2", "b2"), strict=True):
            parameter.copy_(torch.from_numpy(start[name].T.copy()))
    criterion = nn.MSELoss() if loss == "squared_error" else nn.BCELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    rows, targets = torch.from_numpy(X), torch.from_numpy(y)[:, None]
    losses = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more of them only wait for each other in a step as small as this
    try:
        for _ in range(updates):
            optimizer.zero_grad()
            value = criterion(model(rows), targets)
            value.backward()
            optimizer.step()
            losses.append(value.item())
    finally:
        torch.set_num_threads(threads)
    with torch.no_grad():
        predictions = model(torch.from_numpy(X_test)).numpy()[:, 0]
    return Peer(f"PyTorch {torch.__version__}", tuple(losses), predictions)
