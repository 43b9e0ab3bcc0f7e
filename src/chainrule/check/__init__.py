"""Checking: derivatives measured without the chain rule, and what operations are tried on."""

from chainrule.check.cases import Case, cases, draw
from chainrule.check.mutants import mutants
from chainrule.check.oracles import central_differences, complex_step, one_sided

__all__ = ["Case", "cases", "central_differences", "complex_step", "draw", "mutants", "one_sided"]
