"""The report of a model: one page that needs nothing else."""

from chainrule.report.page import render

__all__ = ["render"]
