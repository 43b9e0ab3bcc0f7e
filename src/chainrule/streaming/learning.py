"""What is learnt of a table, a chunk at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Literal

from chainrule.data import Task
from chainrule.data.target import TASKS
from chainrule.errors import unknown_name
from chainrule.streaming.ahead import ahead
from chainrule.streaming.chunks import Files
from chainrule.streaming.survey import Survey
from chainrule.streaming.surveyor import IsText, Surveyor


def survey(
    files: Files,
    target: str,
    *,
    task: Literal["auto"] | Task = "auto",
    ignore: Sequence[str] = (),
    aside: float = 0.36,
    skip_unlabelled: bool = False,
    seed: int = 0,
    most_bytes: int = 2**62,
) -> Survey:
    """Learn about a table: one pass, and another one each time that a column of text files turns out to be text.

    Numbers of rows and missing values, means, standard deviations and classes are exact (but for rounding). Categories
    are, where a column has at most 100,000. Medians are those of a sample where there are more rows than that.

    Args:
        files: of the table.
        target: the column to predict.
        task: what it is, or ``auto``.
        ignore: columns to leave out.
        aside: the share of the rows not to learn from; halved until they are few enough.
        skip_unlabelled: whether rows without a target are left out; else they are an error.
        seed: decides which rows are put aside.
        most_bytes: what the rows put aside take, and those of a sample, at most; there are 50,000 of each at most.

    Raises:
        DataError: where the table cannot be learnt from as it is; names the file and the row.
    """
    if task not in ("auto", *TASKS):
        raise unknown_name("task", task, ("auto", *TASKS))
    if target not in files.columns:
        raise unknown_name("target column", target, files.columns)
    for name in ignore:
        if name not in files.columns or name == target:
            raise unknown_name("column to ignore", name, (c for c in files.columns if c != target))
    columns = [name for name in files.columns if name not in ignore]
    texts: dict[str, IsText] = {}
    while True:
        surveyor = Surveyor(files.spelled, target, task, skip_unlabelled, seed, most_bytes, texts, share=aside)
        try:
            with closing(ahead(files.survey(columns))) as found:
                for chunk, frame in found:
                    surveyor.see(chunk, frame)
            return surveyor.finish()
        except IsText as wider:
            texts[wider.name] = wider
