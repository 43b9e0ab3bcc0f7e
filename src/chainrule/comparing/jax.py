"""JAX: a forward pass by hand, jax.grad, and the optimisers of optax."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.comparing.definitions import (
    AdagradInside,
    Definition,
    adam_elsewhere,
    coarse_definition,
    mean_definition,
    root_definition,
)
from chainrule.comparing.task import Array, LeftOut, Part, Task, has_codes, known_loss, parts_of
from chainrule.nn import Activation, BatchNorm, Dense, Embedding, LayerNorm
from chainrule.nn.activations import activation_name
from chainrule.optim import SGD, Adagrad, Adam, AdamW, RMSProp


class Jax:
    """A compiled step: loss and gradient by jax, update by optax."""

    def __init__(self, task: Task) -> None:
        import jax
        import optax

        self.name = f"JAX {jax.__version__}, optax {optax.__version__}"
        self.task, self.theirs = task, task
        parts = parts_of(task.network)
        losses = _losses()
        loss = known_loss(task, list(losses))
        activations = {place: _activation(p.layer) for place, p in enumerate(parts) if isinstance(p.layer, Activation)}
        self.definitions: list[Definition] = []
        if task.outputs > 1 and not loss.mean_outputs and loss.name != "cross_entropy":
            self.definitions.append(mean_definition("optax.losses, followed by jax.numpy.mean as in its examples"))
        optimizer = self._optimizer()

        def objective(parameters: Mapping[str, Any], X: Any, Y: Any) -> Any:
            each = losses[loss.name](_forward(parts, activations, parameters, X), Y, **loss.settings)
            value = each.mean() if loss.mean_outputs else each.sum() / len(Y)
            for w in (parameters[name] for name in task.penalised):
                value = value + task.network.l2 * (w * w).sum() + task.network.l1 * abs(w).sum()
            return value

        def step(parameters: Any, state: Any, X: Any, Y: Any) -> Any:
            value, gradients = jax.value_and_grad(objective)(parameters, X, Y)
            changes, state = optimizer.update(gradients, state, parameters)
            return optax.apply_updates(parameters, changes), state, value

        self.compiled = jax.jit(step)
        self.X = task.X.astype(np.int64) if has_codes(parts) else task.X
        with precision(task.network.dtype):
            self.parameters = {name: jax.numpy.asarray(a.copy()) for name, a in task.network.parameters.items()}
            self.state = optimizer.init(self.parameters)

    def _optimizer(self) -> Any:
        """The optimiser; where its definition is another one, the task with that."""
        import optax

        given = self.task.optimizer
        lr, decay = self.task.lr, given.weight_decay
        if isinstance(given, Adam) and self.task.network.dtype == "float32":
            self.theirs = self.task.under(optimizer=adam_elsewhere(given, outside=False, coarse=True))
            self.definitions.append(coarse_definition("optax.tree.bias_correction"))
        match given:
            case AdamW(beta1=b1, beta2=b2, epsilon=epsilon):
                return optax.adamw(lr, b1=b1, b2=b2, eps=epsilon, weight_decay=decay)
            case Adam(beta1=b1, beta2=b2, epsilon=epsilon):
                made = optax.adam(lr, b1=b1, b2=b2, eps=epsilon)
            case SGD(momentum=momentum, nesterov=nesterov):
                made = optax.sgd(lr, momentum=momentum or None, nesterov=nesterov)
            case RMSProp(rho=rho, epsilon=epsilon):
                made = optax.rmsprop(lr, decay=rho, eps=epsilon, eps_in_sqrt=False)
                self.definitions.append(
                    Definition(
                        "the epsilon of RMSProp",
                        "g / (sqrt(v) + epsilon)",
                        "by default g / sqrt(v + epsilon)",
                        "eps_in_sqrt is set to False",
                        "optax.rmsprop",
                    )
                )
            case Adagrad(lr=rate, epsilon=epsilon):
                made = optax.adagrad(lr, initial_accumulator_value=0.0, eps=epsilon)
                self.theirs = self.task.under(optimizer=AdagradInside(rate, weight_decay=decay, epsilon=epsilon))
                self.definitions += [
                    root_definition("Adagrad", "s", "optax.scale_by_rss"),
                    start_of_sums("optax.adagrad"),
                ]
            case other:
                raise LeftOut(f"no counterpart in optax for the optimizer {type(other).__name__}")
        return optax.chain(optax.add_decayed_weights(decay), made) if decay else made

    def step(self, rows: NDArray[Any]) -> float:
        """One call of the compiled step."""
        with precision(self.task.network.dtype):
            batch = self.X[rows], self.task.Y[rows]
            self.parameters, self.state, value = self.compiled(self.parameters, self.state, *batch)
            return float(value)

    def weights(self) -> dict[str, Array]:
        """Copies of the parameters."""
        return {name: np.array(values) for name, values in self.parameters.items()}


def precision(dtype: str) -> AbstractContextManager[Any]:
    """JAX computes in float64 only where it is told to."""
    import jax

    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(dtype == "float64")  # type: ignore[no-any-return]
    from jax.experimental import enable_x64  # its place before JAX 0.8

    return enable_x64(dtype == "float64")  # type: ignore[no-any-return]


def start_of_sums(source: str) -> Definition:
    """Where Adagrad starts."""
    return Definition("the start of Adagrad", "s = 0", "by default s = 0.1", "its start is set to 0", source)


def _losses() -> dict[str, Callable[..., Any]]:
    """Losses of each output of each row; the cross-entropy of each row."""
    import optax

    return {
        "squared_error": optax.squared_error,
        "half_squared_error": optax.l2_loss,
        "mean_squared_error": optax.squared_error,
        "absolute_error": lambda p, y: abs(p - y),
        "huber": optax.huber_loss,
        "binary_cross_entropy": optax.sigmoid_binary_cross_entropy,
        "cross_entropy": optax.softmax_cross_entropy,
    }


def _forward(
    parts: Sequence[Part], activations: Mapping[int, Callable[[Any], Any]], parameters: Mapping[str, Any], X: Any
) -> Any:
    """The output of a batch in training."""
    h = X
    for place, part in enumerate(parts):
        own = [parameters[name] for name in part.names]
        match part.layer:
            case Dense():
                h = h @ own[0] + own[1] if len(own) > 1 else h @ own[0]
            case Activation():
                h = activations[place](h)
            case BatchNorm(epsilon=epsilon):
                mean, variance = h.mean(axis=0), h.var(axis=0)
                h = own[0] * (h - mean) / (variance + epsilon) ** 0.5 + own[1]
            case LayerNorm(epsilon=epsilon):
                mean, variance = h.mean(axis=-1, keepdims=True), h.var(axis=-1, keepdims=True)
                h = own[0] * (h - mean) / (variance + epsilon) ** 0.5 + own[1]
            case Embedding():
                h = own[0][h].reshape(len(h), -1)
            case _:
                h = h.reshape(len(h), -1)
    return h


def _activation(layer: Activation) -> Callable[[Any], Any]:
    from jax import nn
    from jax import numpy as jnp

    name, settings = activation_name(layer.activation) or "linear", layer.settings
    functions: dict[str, Callable[[Any], Any]] = {
        "linear": lambda x: x,
        "relu": nn.relu,
        "leaky_relu": lambda x: nn.leaky_relu(x, settings.get("slope", 0.01)),
        "elu": lambda x: nn.elu(x, settings.get("alpha", 1.0)),
        "selu": nn.selu,
        "gelu": lambda x: nn.gelu(x, approximate=False),
        "gelu_tanh": lambda x: nn.gelu(x, approximate=True),
        "silu": nn.silu,
        "mish": nn.mish,
        "softsign": nn.soft_sign,
        "hard_tanh": nn.hard_tanh,
        "tanh": jnp.tanh,
        "sigmoid": nn.sigmoid,
        "softplus": nn.softplus,
        "softmax": nn.softmax,
        "log_softmax": nn.log_softmax,
        "exp": jnp.exp,
        "sin": jnp.sin,
    }
    if name not in functions:
        raise LeftOut(f"jax.nn has no activation {name}")
    return functions[name]
