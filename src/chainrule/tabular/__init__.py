"""A table in, a trained network out: its results on rows that it never saw, its predictions, its files."""

from chainrule.judging import ClassResults, NumberResults, Results
from chainrule.tabular.folder import FILES, check_folder
from chainrule.tabular.model import TableModel

__all__ = ["FILES", "ClassResults", "NumberResults", "Results", "TableModel", "check_folder"]
