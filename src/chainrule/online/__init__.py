"""Online learning: one row at a time, each predicted before it is learnt."""

from chainrule.online.learner import Online
from chainrule.online.prequential import Prequential

__all__ = ["Online", "Prequential"]
