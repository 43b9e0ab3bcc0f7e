"""Passes: programs in, equal programs out."""

from chainrule.passes.cleanup import drop_unused, share_common
from chainrule.passes.rules import RULES, Rewrite
from chainrule.passes.simplify import Step, simplify

__all__ = ["RULES", "Rewrite", "Step", "drop_unused", "share_common", "simplify"]
