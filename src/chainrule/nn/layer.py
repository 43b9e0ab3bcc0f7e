"""What a layer is: a description that turns into an expression.

A layer is a frozen dataclass with one method, ``apply(x, build)``: from the expression of its input to that
of its output. A layer of your own is a subclass that asks ``build`` for its parameters.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from chainrule.errors import require
from chainrule.expression import Expression, Operation
from chainrule.init import Initialiser
from chainrule.nn.build import Build


class Layer:
    """Base of all layers."""

    def apply(self, x: Expression, build: Build) -> Expression:
        """The expression of the layer's output."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """A description that :func:`layer_from_json` reads back."""
        settings = {f.name: _plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]
        return {"layer": type(self).__name__, **settings}


def _plain(value: Any) -> Any:
    if isinstance(value, Layer | Initialiser):
        return value.to_json()
    if isinstance(value, Operation):
        return value.name
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def as_layers(layers: Any) -> tuple[Layer, ...]:
    """Check that these are layers."""
    for layer in layers:
        require(
            isinstance(layer, Layer),
            f"a network is made of layers such as cr.Dense(8, 'relu'), not {layer!r}",
        )
    return tuple(layers)
