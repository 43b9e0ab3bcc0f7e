"""Tables in, arrays out: reading files, what is learnt about columns, splits, and the MNIST digits.

polars is imported where a table is first used, so that importing this package stays quick.
"""

from chainrule.data.categories import CategoryColumn
from chainrule.data.columns import Column, DateColumn, LeftOutColumn, MeasuredColumn, NumberColumn
from chainrule.data.encoder import TableEncoder
from chainrule.data.idx import mnist, read_idx
from chainrule.data.splits import split_rows
from chainrule.data.tables import read_table
from chainrule.data.target import ClassLabel, Target, Task
from chainrule.data.values import MISSING

__all__ = [
    "MISSING",
    "CategoryColumn",
    "ClassLabel",
    "Column",
    "DateColumn",
    "LeftOutColumn",
    "MeasuredColumn",
    "NumberColumn",
    "TableEncoder",
    "Target",
    "Task",
    "mnist",
    "read_idx",
    "read_table",
    "split_rows",
]
