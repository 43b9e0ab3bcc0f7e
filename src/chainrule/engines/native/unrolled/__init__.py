"""Steps of tiny networks, wholly unrolled: parameters in registers, and many networks side by side.

``lower`` takes the arrays of a program apart into a ``graph`` of scalars; ``writer`` makes instructions of it,
``loop`` the function around them, ``run`` the training run.
"""

from chainrule.engines.native.unrolled.code import step_text as unrolled_text
from chainrule.engines.native.unrolled.limits import fits
from chainrule.engines.native.unrolled.run import ManyRun, UnrolledRun

__all__ = ["ManyRun", "UnrolledRun", "fits", "unrolled_text"]
