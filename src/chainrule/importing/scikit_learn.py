"""Networks from scikit-learn's multilayer perceptrons."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from chainrule.errors import ArgumentError, require
from chainrule.importing.pieces import Piece, assemble, dense
from chainrule.network import Network
from chainrule.nn import Activation

ACTIVATIONS: Final = {
    "identity": "linear",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "softmax": "softmax",
    "exp": "exp",
}
"""scikit-learn's names of activations, and ours."""


def from_sklearn(model: Any, *, loss: Any = None) -> Network:
    """The network of a fitted ``MLPClassifier`` or ``MLPRegressor``, with the same predictions.

    The outputs of a classifier are probabilities: of ``classes_[1]`` where there are two classes, of each class in the
    order of ``classes_`` where there are more, of each label where a row may have several. What stays behind: the
    classes themselves (they are the places in ``classes_``), the penalty ``alpha`` and the state of the optimiser.

    Args:
        model: the fitted model, not a pipeline: its preprocessing stays with scikit-learn.
        loss: of further training; by default that of the model (``half_squared_error`` for ``MLPRegressor``).

    Returns:
        A network in the precision of the model.

    Raises:
        ArgumentError: for another model, or one that was not fitted.

    >>> from sklearn.neural_network import MLPRegressor
    >>> import chainrule as cr
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 2.0, 3.0]
    >>> model = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", random_state=0).fit(X, y)
    >>> net = cr.from_sklearn(model)
    >>> bool(abs(net.predict(X)[:, 0] - model.predict(X)).max() < 1e-12)
    True
    """
    name = type(model).__name__
    if name not in ("MLPClassifier", "MLPRegressor"):
        raise ArgumentError(
            f"from_sklearn takes a fitted MLPClassifier or MLPRegressor, not {name}: of a pipeline, give its last step"
        )
    require(hasattr(model, "coefs_"), f"the {name} was not fitted: call its fit first")
    output = ACTIVATIONS[model.out_activation_]
    inner = [ACTIVATIONS[model.activation]] * (len(model.coefs_) - 1)
    pieces: list[Piece] = []
    for W, b, activation in zip(model.coefs_, model.intercepts_, [*inner, output], strict=True):
        pieces += [dense(np.asarray(W), np.asarray(b)), Piece(Activation(activation))]
    if loss is None and output == "linear":
        loss = "half_squared_error"
    return assemble(pieces, model.n_features_in_, loss, str(model.coefs_[0].dtype))
