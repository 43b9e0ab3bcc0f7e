"""Every operation, in one place each: importing this package fills the registry."""

from chainrule.expression import REGISTRY
from chainrule.ops import activations, arithmetic, arrays, elementary, random, reductions

__all__ = ["REGISTRY", "activations", "arithmetic", "arrays", "elementary", "random", "reductions"]
