"""chainrule: backpropagation that you can read, check and run.

Describe a network, or any formula, once. chainrule derives its backward pass by the chain rule as a readable program,
and trains with it. The public names stand in ``__init__.pyi``; each loads when it is first used.
"""

import lazy_loader

import chainrule.ops  # noqa: F401  (fills the registry of operations, which every formula needs)
from chainrule._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
