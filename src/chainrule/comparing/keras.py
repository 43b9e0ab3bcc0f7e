"""Keras: a Sequential of its own layers, compiled with one of its optimisers, one ``train_on_batch`` for each step."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chainrule.comparing.definitions import (
    AdagradInside,
    Definition,
    RMSPropInside,
    adam_definition,
    adam_elsewhere,
    coarse_definition,
    mean_definition,
    root_definition,
)
from chainrule.comparing.jax import start_of_sums
from chainrule.comparing.pytorch import one_thread
from chainrule.comparing.task import LOGITS, Array, LeftOut, Part, Task, has_codes, known_loss, parts_of
from chainrule.importing.keras import ACTIVATIONS
from chainrule.nn import Activation, BatchNorm, Dense, Embedding, LayerNorm
from chainrule.nn.activations import activation_name
from chainrule.optim import SGD, Adagrad, Adam, AdamW, RMSProp

BACKENDS: Final = {"torch": "torch", "jax": "jax", "tensorflow": "tensorflow"}
"""Keras's backends, and the packages that they need; the first that is installed is taken."""

_NAMES: Final = {str(a.activation): name for name, a in ACTIVATIONS.items() if not a.settings}
"""Our activations, and Keras's names of them."""

_PRECISION: Final = Definition(
    "the precision",
    "all in float64 where float64 is asked for",
    "operations of two arrays give float32 for two of float64, on every backend but TensorFlow",
    "the steps are made in float32 there, and here as well to compare with",
    "keras/src/backend/common/dtypes.py, BIT64_TO_BIT32_DTYPE",
)


class Keras:
    """A Sequential and one of Keras's optimisers."""

    def __init__(self, task: Task) -> None:
        keras = _imported()
        self.name = f"Keras {keras.__version__} on {keras.backend.backend()}"
        self.definitions: list[Definition] = []
        if task.network.dtype == "float64" and keras.backend.backend() != "tensorflow":
            task = task.under(dtype="float32")
            self.definitions.append(_PRECISION)
        self.task = self.theirs = task
        parts = parts_of(task.network)
        losses = _losses()
        self.loss = known_loss(task, list(losses))
        self.X = task.X.astype(np.int64) if has_codes(parts) else task.X
        with self._settings():
            self.variables = self._build(keras, parts)
            self.model.compile(optimizer=self._optimizer(keras), loss=self._of_rows(losses[self.loss.name]))
        self.definitions += _definitions(task, parts)

    def _build(self, keras: Any, parts: list[Part]) -> dict[str, Any]:
        """Make the model, at the starting weights; its variables by our names."""
        layers = [_layer(part, self.task) for part in parts]
        self.model = keras.Sequential([keras.Input(self.X.shape[1:], dtype=str(self.X.dtype)), *layers])
        pairs = zip(parts, layers, strict=True)
        found = {n: v for part, layer in pairs for n, v in zip(part.names, layer.trainable_weights, strict=True)}
        for name, variable in found.items():
            variable.assign(self.task.network.parameters[name].copy())
        return found

    def _of_rows(self, each: Callable[..., Any]) -> Callable[[Any, Any], Any]:
        """The loss of each row in our definition; Keras takes their mean."""
        factor = 1 if self.loss.mean_outputs or self.loss.name == "cross_entropy" else self.task.outputs
        return lambda y, p: factor * each(y, p, **self.loss.settings)

    @contextmanager
    def _settings(self) -> Iterator[None]:
        """Everything in the precision of the task, which is a setting of the whole process, and in one thread."""
        import keras

        dtype = self.task.network.dtype
        before = keras.config.floatx(), keras.config.dtype_policy()
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        try:
            with one_thread() if keras.backend.backend() == "torch" else nullcontext():
                yield
        finally:
            keras.config.set_floatx(before[0])
            keras.config.set_dtype_policy(before[1])

    def _optimizer(self, keras: Any) -> Any:
        """The optimiser; where its definition is another one, the task with that."""
        task, lr, given = self.task, self.task.lr, self.task.optimizer
        if given.weight_decay and type(given) is not AdamW:
            raise LeftOut("its weight_decay is the decoupled one of AdamW in every optimizer: give l2= or AdamW")
        match given:
            case Adam(beta1=b1, beta2=b2, epsilon=epsilon):
                coarse, source = task.network.dtype == "float32", "keras/src/optimizers/adam.py, update_step"
                self.theirs = task.under(optimizer=adam_elsewhere(given, outside=True, coarse=coarse))
                self.definitions += [adam_definition(source), *([coarse_definition(source)] if coarse else [])]
                settings = {"learning_rate": lr, "beta_1": b1, "beta_2": b2, "epsilon": epsilon}
                if isinstance(given, AdamW):
                    return keras.optimizers.AdamW(**settings, weight_decay=given.weight_decay)
                return keras.optimizers.Adam(**settings)
            case SGD(momentum=momentum, nesterov=nesterov):
                return keras.optimizers.SGD(lr, momentum=momentum, nesterov=nesterov)
            case RMSProp(rho=rho, epsilon=epsilon):
                self.theirs = task.under(optimizer=RMSPropInside(given.lr, rho=rho, epsilon=epsilon))
                self.definitions.append(root_definition("RMSProp", "v", "keras/src/optimizers/rmsprop.py, update_step"))
                return keras.optimizers.RMSprop(lr, rho=rho, epsilon=epsilon)
            case Adagrad(epsilon=epsilon):
                self.theirs = task.under(optimizer=AdagradInside(given.lr, epsilon=epsilon))
                source = "keras/src/optimizers/adagrad.py, update_step"
                self.definitions += [root_definition("Adagrad", "s", source), start_of_sums(source)]
                return keras.optimizers.Adagrad(lr, initial_accumulator_value=0.0, epsilon=epsilon)
            case other:
                raise LeftOut(f"no counterpart there for the optimizer {type(other).__name__}")

    def step(self, rows: NDArray[Any]) -> float:
        """One ``train_on_batch``."""
        with self._settings():
            return float(self.model.train_on_batch(self.X[rows], self.task.Y[rows]))

    def weights(self) -> dict[str, Array]:
        """Copies of the variables."""
        import keras

        return {name: np.array(keras.ops.convert_to_numpy(variable)) for name, variable in self.variables.items()}


def _imported() -> Any:
    """Keras, on a backend that is installed where none was chosen."""
    if "keras" not in sys.modules and "KERAS_BACKEND" not in os.environ:
        found = [backend for backend, package in BACKENDS.items() if find_spec(package)]
        if not found:
            raise LeftOut(f"Keras needs one of {', '.join(BACKENDS)}: pip install torch")
        os.environ["KERAS_BACKEND"] = found[0]
        try:
            import keras
        finally:
            del os.environ["KERAS_BACKEND"]
    import keras

    return keras


def _losses() -> dict[str, Callable[..., Any]]:
    """Losses of a row: means over the outputs, but for the cross-entropy."""
    from keras import losses

    return {
        "squared_error": losses.mean_squared_error,
        "half_squared_error": lambda y, p: losses.mean_squared_error(y, p) / 2,
        "mean_squared_error": losses.mean_squared_error,
        "absolute_error": losses.mean_absolute_error,
        "huber": losses.huber,
        "binary_cross_entropy": lambda y, z: losses.binary_crossentropy(y, z, from_logits=True),
        "cross_entropy": lambda y, z: losses.categorical_crossentropy(y, z, from_logits=True),
    }


def _layer(part: Part, task: Task) -> Any:
    """A part of the forward pass as a layer."""
    from keras import layers, regularizers

    l1, l2 = task.network.l1, task.network.l2
    penalty = regularizers.L1L2(l1, l2) if task.penalised else None
    match part.layer:
        case Dense(units=units, bias=bias):
            return layers.Dense(units, use_bias=bias, kernel_regularizer=penalty)
        case Activation():
            return _activation(part.layer)
        case BatchNorm(momentum=momentum, epsilon=epsilon):
            return layers.BatchNormalization(momentum=momentum, epsilon=epsilon)
        case LayerNorm(epsilon=epsilon):
            return layers.LayerNormalization(epsilon=epsilon)
        case Embedding(categories=categories, size=size):
            return layers.Embedding(categories, size, embeddings_regularizer=penalty)
        case _:
            return layers.Flatten()


def _activation(layer: Activation) -> Any:
    from keras import activations, layers

    name, settings = activation_name(layer.activation) or "linear", layer.settings
    match name:
        case "leaky_relu":
            return layers.LeakyReLU(negative_slope=settings.get("slope", 0.01))
        case "elu":
            return layers.ELU(settings.get("alpha", 1.0))
        case "gelu_tanh":
            return layers.Activation(lambda x: activations.gelu(x, approximate=True))
        case _ if name in _NAMES:
            return layers.Activation(_NAMES[name])
        case _:
            raise LeftOut(f"keras.activations has no {name}")


def _definitions(task: Task, parts: list[Part]) -> list[Definition]:
    found = []
    loss = task.network.loss_function
    if task.outputs > 1 and not loss.mean_outputs and loss.name != "cross_entropy":
        found.append(mean_definition("keras/src/losses/losses.py"))
    if loss.name in LOGITS:
        found.append(
            Definition(
                "the logarithm of a probability",
                "from what enters the output's activation, so that it never is that of 0",
                "by default of probabilities, kept between 1e-7 and 1 - 1e-7",
                "from_logits is set to True",
                "keras.losses.BinaryCrossentropy and CategoricalCrossentropy",
            )
        )
    if any(isinstance(part.layer, BatchNorm | LayerNorm) for part in parts):
        found.append(
            Definition(
                "the settings of normalisations",
                "epsilon 1e-5, momentum 0.9",
                "by default epsilon 1e-3, momentum 0.99",
                "they are set to those of the network",
                "keras.layers.BatchNormalization and LayerNormalization",
            )
        )
    return found
