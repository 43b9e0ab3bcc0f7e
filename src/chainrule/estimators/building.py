"""From the parameters of an estimator to layers, starting values and an optimiser."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

import numpy as np

from chainrule.estimators.features import Features
from chainrule.estimators.parameters import Parameters
from chainrule.estimators.settings import Settings
from chainrule.expression import Expression, symbol
from chainrule.network import Network
from chainrule.nn import Activation, BatchNorm, Dense, Dropout, Layer, LayerNorm, Residual
from chainrule.ops.arithmetic import floor, where
from chainrule.optim import LBFGS, SGD, Adagrad, Adam, AdamW, Optimizer, RMSProp
from chainrule.program import Program
from chainrule.recipes import Recipe
from chainrule.schedules import Cosine, ReduceOnPlateau, Schedule
from chainrule.trace import trace

SMALLEST_RATE: Final = 1e-6
"""Where ``learning_rate="adaptive"`` ends, as in scikit-learn."""


def layers_before_the_outputs(settings: Settings, features: Features) -> list[Layer]:
    """What is done with encoded features, and the hidden layers with what stands between them."""
    layers: list[Layer] = []
    width: int | None = len(features.names)
    if settings.recipe is not None or features.categories:
        sizes = (1,) if settings.hidden_layer_sizes else ()
        bare = replace(settings.recipe or Recipe(frequencies=0), hidden=sizes, dropout=0.0)
        whole = bare.layers(len(features.names), features.numbers, features.categories, 1)
        layers = whole[: -1 - len(sizes)]
        width = None
    for size, activation in zip(settings.hidden_layer_sizes, settings.activation, strict=True):
        if isinstance(size, Layer):
            layers.append(size)
            width = getattr(size, "units", None)
            continue
        block: list[Layer] = [Dense(size, activation)]
        if settings.normalization is not None:
            norm = BatchNorm() if settings.normalization == "batch" else LayerNorm()
            block = [Dense(size), norm, Activation(activation)]
        if settings.dropout:
            block.append(Dropout(settings.dropout))
        layers += [Residual(*block)] if settings.residual and width == size else block
        width = size
    return layers


def start(network: Network, settings: Settings, seed: int) -> None:
    """Draw starting values; for scikit-learn's recipe as scikit-learn draws them from the same seed.

    These are uniform, weights and biases alike. Glorot and Bengio (2010).
    """
    if settings.recipe is not None:
        network.reset(seed)
        return
    rng = np.random.RandomState(seed)
    factor = 2.0 if set(settings.activation) == {"sigmoid"} else 6.0
    bound = 0.0
    for name, values in network.parameters.items():
        if name.startswith("W"):
            bound = sqrt(factor / sum(values.shape))
        if name[0] in "Wb":
            network.parameters[name] = rng.uniform(-bound, bound, values.shape)


def optimizer_for(p: Parameters, settings: Settings, rows: int) -> Optimizer:
    """The optimiser, with its learning rate or schedule."""
    if isinstance(settings.solver, Optimizer):
        return settings.solver
    lr = _rate(p, settings, rows)
    match settings.solver:
        case "lbfgs":
            return LBFGS()
        case "sgd":
            return SGD(lr, momentum=p.momentum, nesterov=p.nesterovs_momentum and p.momentum > 0)
        case "adam":
            return Adam(lr, beta1=p.beta_1, beta2=settings.beta_2, epsilon=p.epsilon)
        case "adamw":
            decay = settings.weight_decay
            return AdamW(lr, weight_decay=decay, beta1=p.beta_1, beta2=settings.beta_2, epsilon=p.epsilon)
        case "rmsprop":
            return RMSProp(lr)
        case _:
            return Adagrad(lr)


def _rate(p: Parameters, settings: Settings, rows: int) -> float | Schedule:
    if isinstance(settings.learning_rate, Schedule):
        return settings.learning_rate
    lr = settings.learning_rate_init
    match settings.learning_rate:
        case "cosine":
            return Cosine(lr)
        case "invscaling" if settings.solver == "sgd":
            return InverseScaling(lr, p.power_t, rows)
        case "adaptive" if settings.solver == "sgd":
            patience = int(min(settings.n_iter_no_change, 2**31))
            return Adaptive(lr, factor=0.2, patience=patience, threshold=settings.tol)
        case _:
            return lr


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """lr / (1 + n)^power, where n rows were seen in the epochs before: ``learning_rate="invscaling"``."""

    power: float = 0.5
    rows: int = 1

    def rate(self, t: Expression, S: Expression, T: Expression) -> Expression:
        """Lr / (1 + rows floor(t / S))^power."""
        return self.lr / (1 + self.rows * floor(t / S)) ** self.power


@dataclass(frozen=True)
class Adaptive(ReduceOnPlateau):
    """Times ``factor`` whenever the loss has not fallen by ``threshold`` for more than ``patience`` epochs."""

    def program(self) -> Program:
        """What happens after each epoch; ``threshold`` is a distance here, not a share."""
        loss, best, waited, scale = (symbol(n, role="constant") for n in ("loss", "best", "waited", "plateau_factor"))
        waiting = where(loss > best - self.threshold, waited + 1, 0.0)
        enough = waiting > self.patience
        after = {
            "new_best": where(loss < best, loss, best),
            "new_waited": where(enough, 0.0, waiting),
            "new_factor": where(enough, self.factor * scale, scale),
        }
        return trace(after, name="after_epoch", inputs=[loss, best, waited, scale])
