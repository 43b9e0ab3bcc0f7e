"""A model as one Python file that needs nothing but Python."""

from chainrule.export.python.file import render, run

__all__ = ["render", "run"]
