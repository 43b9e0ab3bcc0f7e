"""Networks as descriptions: layers, and how they turn into expressions."""

from chainrule.nn.activations import ACTIVATIONS
from chainrule.nn.build import Build, Parameter, State
from chainrule.nn.columns import Columns, Embedding, Flatten, Periodic
from chainrule.nn.layer import Layer
from chainrule.nn.layers import Activation, BatchNorm, Dense, Dropout, LayerNorm
from chainrule.nn.paths import Input, Join, Residual
from chainrule.nn.reading import LAYERS

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
