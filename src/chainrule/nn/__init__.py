"""Networks as descriptions: layers, and how they turn into expressions."""

from chainrule.nn.build import Build, Parameter, State
from chainrule.nn.layers import (
    ACTIVATIONS,
    LAYERS,
    Activation,
    BatchNorm,
    Columns,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Join,
    Layer,
    LayerNorm,
    Periodic,
    Residual,
)

__all__ = [
    "ACTIVATIONS",
    "LAYERS",
    "Activation",
    "BatchNorm",
    "Build",
    "Columns",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Input",
    "Join",
    "Layer",
    "LayerNorm",
    "Parameter",
    "Periodic",
    "Residual",
    "State",
]
