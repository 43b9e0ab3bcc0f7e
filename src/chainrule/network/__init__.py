"""Networks: the face that users hold."""

from chainrule.network.network import Network, load, mlp, network_from
from chainrule.streams import random_streams

__all__ = ["Network", "load", "mlp", "network_from", "random_streams"]
