"""What can be chosen about the JAX engine; importing this imports no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from chainrule.errors import ArgumentError, EngineError, unknown_name, whole_number

PRODUCTS = ("float32", "bfloat16")


@dataclass(frozen=True)
class JaxEngine:
    """The JAX engine with settings of its own; ``engine="jax"`` is the one with the defaults.

    Attributes:
        products: in what float32 networks multiply matrices. ``"float32"``: all digits, on GPUs and TPUs too.
            ``"bfloat16"``: factors rounded to 8 significant bits, sums in float32, which GPUs and TPUs are built for;
            parameters, optimiser slots and everything else stay float32.
        devices: on how many devices the rows of each batch are divided; ``None``: on one, or on all of those that
            several processes have.
        split: on how many of them, as a group, the weights of wide layers are divided, which all work on the same
            rows; a divisor of the devices.
        wide: from how many units a layer is wide; a layer is divided only where ``split`` divides its units.

    Raises:
        UnknownNameError: for products in another type.
        ArgumentError: for numbers that are not positive, and devices that ``split`` does not divide.

    >>> import chainrule as cr
    >>> cr.JaxEngine(products="bfloat16")
    JaxEngine(products='bfloat16', devices=None, split=1, wide=4096)
    """

    products: str = "float32"
    devices: int | None = None
    split: int = 1
    wide: int = 4096

    def __post_init__(self) -> None:
        if self.products not in PRODUCTS:
            raise unknown_name("type of products", self.products, PRODUCTS)
        for name in ("devices", "split", "wide"):
            if (number := getattr(self, name)) is not None:
                object.__setattr__(self, name, whole_number(name, number, 1))
        if self.devices is not None and self.devices % self.split:
            raise ArgumentError(f"split={self.split} does not divide devices={self.devices}")

    @property
    def one_device(self) -> bool:
        """Whether a process is to use one device of its own."""
        return self.devices in (None, 1) and self.split == 1

    def to_json(self) -> dict[str, Any]:
        """The settings, with the engine's name."""
        return {"name": "jax", **asdict(self)}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> JaxEngine:
        """The engine that :meth:`to_json` described."""
        return cls(**{key: value for key, value in described.items() if key != "name"})


def need_jax() -> None:
    """Raise EngineError without JAX."""
    try:
        import jax  # noqa: F401
    except ImportError as error:
        raise EngineError(
            f"engine='jax' needs JAX ({error}): pip install 'chainrule[jax]', or choose another engine"
        ) from None
