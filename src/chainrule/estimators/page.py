"""What a notebook shows of a fitted estimator: its network and its learning curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainrule.network import Network
    from chainrule.training import History


def learnt(network: Network, history: History) -> str:
    """The network and its learning curve, as HTML."""
    return ""
