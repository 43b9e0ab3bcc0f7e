"""How good a model is on rows that it never saw, how sure that is, what it looks at and where it is wrong."""

from chainrule.judging.classes import ClassResults
from chainrule.judging.inspection import HeldOut, Inspection
from chainrule.judging.numbers import NumberResults
from chainrule.judging.results import Results, results_from_json

__all__ = ["ClassResults", "HeldOut", "Inspection", "NumberResults", "Results", "results_from_json"]
