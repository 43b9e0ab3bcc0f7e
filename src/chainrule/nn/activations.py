"""Activation functions by name."""

from __future__ import annotations

from chainrule.errors import require, unknown_name
from chainrule.expression import REGISTRY, Operation

ACTIVATIONS = (
    "linear", "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "mish", "softsign", "hard_tanh",
    "tanh", "sigmoid", "softplus", "softmax", "log_softmax", "exp", "sin", "smooth_clip",
)  # fmt: skip


def activation_of(name: str | Operation | None) -> Operation | None:
    """The operation of an activation; ``None`` for ``"linear"`` or nothing."""
    if name is None or name == "linear":
        return None
    if isinstance(name, Operation):
        return name
    require(isinstance(name, str), f"an activation is a name or an operation (see cr.elementwise), not {name!r}")
    if name not in ACTIVATIONS and name not in REGISTRY:
        raise unknown_name("activation", name, ACTIVATIONS)
    return REGISTRY[name]


def activation_name(activation: str | Operation | None) -> str | None:
    """The name of an activation."""
    return activation.name if isinstance(activation, Operation) else activation
