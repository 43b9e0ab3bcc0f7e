"""Many networks at once: starting points and learning rates tried together, the best kept."""

from chainrule.exploring.exploration import Exploration
from chainrule.exploring.training import explore

__all__ = ["Exploration", "explore"]
