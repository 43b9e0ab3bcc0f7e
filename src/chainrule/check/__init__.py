"""Checking: derivatives measured without the chain rule."""

from chainrule.check.oracles import central_differences, complex_step, one_sided

__all__ = ["central_differences", "complex_step", "one_sided"]
