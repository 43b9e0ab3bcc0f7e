"""scikit-learn's multilayer perceptrons, one call of ``partial_fit`` for each step."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.comparing.definitions import COMPUTED_HERE, Definition, adam_definition, adam_elsewhere
from chainrule.comparing.task import Array, LeftOut, Task, known_loss
from chainrule.importing.scikit_learn import ACTIVATIONS
from chainrule.losses import half_squared_error
from chainrule.nn import Dense
from chainrule.nn.activations import activation_name
from chainrule.optim import SGD, Adam

_HIDDEN: Final = {ours: theirs for theirs, ours in ACTIVATIONS.items() if theirs not in ("softmax", "exp")}
_SQUARED: Final = {"squared_error": 2.0, "half_squared_error": 1.0, "mean_squared_error": 2.0}
"""Losses of numbers, and how many times the half of the square they are."""
_LOSSES: Final = (*_SQUARED, "binary_cross_entropy", "cross_entropy")
_PERCEPTRON: Final = "sklearn/neural_network/_multilayer_perceptron.py, "
_OPTIMIZERS: Final = "sklearn/neural_network/_stochastic_optimizers.py, "


class ScikitLearn:
    """An ``MLPClassifier`` or ``MLPRegressor``."""

    def __init__(self, task: Task) -> None:
        import sklearn

        self.name = f"scikit-learn {sklearn.__version__}"
        self.task = task
        self.loss = known_loss(task, _LOSSES)
        self.squared = self.loss.name in _SQUARED
        self.layers = _dense_layers(task)
        self.y = self._targets()
        self.model = self._started()
        self.theirs, self.definitions = self._translated()

    def _targets(self) -> Array:
        """Targets as its fit takes them."""
        Y = self.task.Y
        if not self.squared and not np.isin(Y, (0, 1)).all():
            raise LeftOut("MLPClassifier takes classes as targets, not probabilities")
        if self.loss.name == "cross_entropy":
            if self.task.outputs < 3:
                raise LeftOut("MLPClassifier has one sigmoid output for two classes, where this network has a softmax")
            return np.asarray(Y.argmax(axis=1))
        return np.asarray(Y[:, 0] if Y.shape[1] == 1 else Y).astype(Y.dtype if self.squared else np.int64)

    def _settings(self) -> dict[str, Any]:
        """The arguments of its constructor."""
        task, optimizer = self.task, self.task.optimizer
        units = tuple(layer.units for layer in self.layers[:-1])
        hidden = _HIDDEN[activation_name(self.layers[0].activation) or "linear"] if units else "identity"
        settings: dict[str, Any] = {"hidden_layer_sizes": units, "activation": hidden, "learning_rate_init": task.lr}
        settings |= {"alpha": 2 * task.network.l2 * task.rows, "batch_size": task.rows, "shuffle": False}
        if optimizer.weight_decay or task.network.l1:
            raise LeftOut("its only penalty is L2 on weights: give l2= in the place of weight_decay or l1")
        if type(optimizer) is Adam:
            betas = {"beta_1": optimizer.beta1, "beta_2": optimizer.beta2}
            return settings | {"solver": "adam", "epsilon": optimizer.epsilon, **betas}
        if type(optimizer) is SGD:
            momentum = {"momentum": optimizer.momentum, "nesterovs_momentum": optimizer.nesterov}
            return settings | {"solver": "sgd", **momentum}
        raise LeftOut(f"no counterpart there for the optimizer {type(optimizer).__name__}: only for SGD and Adam")

    def _started(self) -> Any:
        """A model at the starting weights."""
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        model = (MLPRegressor if self.squared else MLPClassifier)(random_state=0, **self._settings())
        classes = {} if self.squared else {"classes": np.arange(max(2, self.task.outputs))}
        first, start = self.task.batches[0], self.task.network.parameters
        model.partial_fit(self.task.X[first], self.y[first], **classes)  # makes the arrays
        for number, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True), 1):
            W[...], b[...] = start[f"W{number}"], start[f"b{number}"]
        del model._optimizer  # its slots begin at 0 again
        return model

    def _translated(self) -> tuple[Task, list[Definition]]:
        """The task with its definitions, and what these are."""
        optimizer, loss = self.task.optimizer, self.loss
        found: list[Definition] = []
        if self.squared:
            k = self.task.outputs
            ours = self.loss.name == "half_squared_error" or (self.loss.name == "mean_squared_error" and k == 2)
            found.append(
                Definition(
                    "the squared error and its gradient",
                    {
                        "squared_error": "(p - y)^2, added up over the outputs",
                        "half_squared_error": "(p - y)^2 / 2, added up over the outputs",
                        "mean_squared_error": "(p - y)^2, the mean over the outputs",
                    }[self.loss.name],
                    "MLPRegressor states half the square, its mean over the outputs, but descends by the gradient of "
                    f"its sum over the outputs: {k} times the gradient of what it states"
                    if k > 1
                    else "MLPRegressor states and derives half the square",
                    "its gradient is ours, so the steps are the same" if ours else COMPUTED_HERE,
                    _PERCEPTRON + "_backprop (deltas[last] = activations[-1] - y), and _base.py, squared_loss",
                )
            )
            loss = half_squared_error()
        if self.task.network.l2:
            found.append(
                Definition(
                    "the L2 penalty",
                    "l2 times the sum of w^2",
                    "alpha / (2 n) times the sum of w^2, n the rows of the batch",
                    f"alpha is set to 2 n l2 = {2 * self.task.rows * self.task.network.l2:g}",
                    _PERCEPTRON + "_backprop and _compute_loss_grad",
                )
            )
        if isinstance(optimizer, Adam):
            found.append(adam_definition(_OPTIMIZERS + "AdamOptimizer._get_updates"))
            optimizer = adam_elsewhere(optimizer, outside=True)
        elif isinstance(optimizer, SGD) and optimizer.momentum:
            found.append(
                Definition(
                    "the velocity of momentum",
                    "v = mu v + g, then theta - lr v",
                    "v = mu v - lr g, then theta + v",
                    "nothing: with a constant learning rate both are the same steps",
                    _OPTIMIZERS + "SGDOptimizer._get_updates",
                )
            )
        changed = loss.name != self.loss.name or optimizer is not self.task.optimizer
        return (self.task.under(optimizer=optimizer, loss=loss) if changed else self.task), found

    def step(self, rows: NDArray[Any]) -> float:
        """One call of ``partial_fit``; its loss, in the place of its own definition in ours."""
        l2 = self.task.network.l2
        penalty = l2 * sum(float((W * W).sum()) for W in self.model.coefs_) if l2 else 0.0
        with np.errstate(all="ignore"):  # a learning rate that is much too high
            self.model.partial_fit(self.task.X[rows], self.y[rows])
        if not self.squared:
            return float(self.model.loss_)
        outputs = 1 if self.loss.mean_outputs else self.task.outputs
        return _SQUARED[self.loss.name] * outputs * (float(self.model.loss_) - penalty) + penalty

    def weights(self) -> dict[str, Array]:
        """Copies of ``coefs_`` and ``intercepts_``."""
        found: dict[str, Array] = {}
        for number, (W, b) in enumerate(zip(self.model.coefs_, self.model.intercepts_, strict=True), 1):
            found |= {f"W{number}": W.copy(), f"b{number}": b.copy()}
        return found


def _dense_layers(task: Task) -> list[Dense]:
    """The layers, if they are those of a multilayer perceptron."""
    layers = list(task.network.layers)
    for place, layer in enumerate(layers, 1):
        if not isinstance(layer, Dense) or not layer.bias:
            what = "Dense without biases" if isinstance(layer, Dense) else type(layer).__name__
            raise LeftOut(f"its perceptrons have Dense layers with biases alone, and layer {place} is {what}")
    found = [layer for layer in layers if isinstance(layer, Dense)]
    hidden = {activation_name(layer.activation) or "linear" for layer in found[:-1]}
    if len(hidden) > 1 or not hidden <= set(_HIDDEN):
        raise LeftOut(
            f"its hidden layers have one activation of {', '.join(sorted(_HIDDEN))}, not {', '.join(sorted(hidden))}"
        )
    last = activation_name(found[-1].activation)
    if last not in (None, task.network.loss_function.link):
        raise LeftOut(f"its output for {task.network.loss_function.name} is not {last}")
    return found
