"""The same training in other libraries: how far it is the same, and what is defined in another way there."""

from chainrule.comparing.comparison import Comparison
from chainrule.comparing.run import PEERS, compare

__all__ = ["PEERS", "Comparison", "compare"]
