"""What can be chosen about the JAX engine; importing this imports no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from chainrule.errors import unknown_name

PRODUCTS = ("float32", "bfloat16")


@dataclass(frozen=True)
class JaxEngine:
    """The JAX engine with settings of its own; ``engine="jax"`` is the one with the defaults.

    Attributes:
        products: in what float32 networks multiply matrices. ``"float32"``: all digits, on GPUs and TPUs too.
            ``"bfloat16"``: factors rounded to 8 significant bits, sums in float32, which GPUs and TPUs are built for;
            parameters, optimiser slots and everything else stay float32.

    Raises:
        UnknownNameError: for products in another type.

    >>> import chainrule as cr
    >>> cr.JaxEngine(products="bfloat16")
    JaxEngine(products='bfloat16')
    """

    products: str = "float32"

    def __post_init__(self) -> None:
        if self.products not in PRODUCTS:
            raise unknown_name("type of products", self.products, PRODUCTS)

    def to_json(self) -> dict[str, Any]:
        """The settings, with the engine's name."""
        return {"name": "jax", **asdict(self)}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> JaxEngine:
        """The engine that :meth:`to_json` described."""
        return cls(**{key: value for key, value in described.items() if key != "name"})
