"""Layers from the descriptions in a model's file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.nn.columns import Columns, Embedding, Flatten, Periodic
from chainrule.nn.layer import Layer
from chainrule.nn.layers import Activation, BatchNorm, Dense, Dropout, LayerNorm
from chainrule.nn.paths import Input, Join, Residual

LAYERS: dict[str, type[Layer]] = {
    c.__name__: c
    for c in (
        Dense, Activation, Dropout, BatchNorm, LayerNorm, Embedding, Periodic, Columns, Flatten, Input, Residual, Join,
    )
}  # fmt: skip


def layer_from_json(data: dict[str, Any], own: Sequence[type[Layer]] = ()) -> Layer:
    """The layer that :meth:`Layer.to_json` described; ``own`` are the user's layer classes that may occur."""
    settings = dict(data)
    name = settings.pop("layer")
    known = LAYERS | {c.__name__: c for c in own}
    if name not in known:
        raise ArgumentError(f"it has a layer {name} of your own: give its class, as in cr.load(path, layers=[{name}])")
    if name == "Residual":
        return Residual(*(layer_from_json(d, own) for d in settings["layers"]))
    if name == "Join":
        return Join(*([layer_from_json(d, own) for d in b] for b in settings["branches"]), how=settings["how"])
    if name == "Columns":
        return Columns(*settings["numbers"])
    return known[name](**settings)
