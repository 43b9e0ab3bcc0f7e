"""The results of either kind of task."""

from __future__ import annotations

from typing import TypeAlias

from chainrule.data.records import Fields
from chainrule.judging.classes import ClassResults
from chainrule.judging.numbers import NumberResults

Results: TypeAlias = ClassResults | NumberResults


def results_from_json(record: object) -> Results:
    """The inverse of ``to_json`` of both kinds of results.

    Raises:
        ModelFileError: where the record is not one that ``to_json`` makes.
    """
    fields = Fields(record, "results")
    if fields.text("task", (ClassResults.task, NumberResults.task)) == ClassResults.task:
        return ClassResults.from_fields(fields)
    return NumberResults.from_fields(fields)
