"""The cells of a table as numbers: this text stands in exported Python files, which run on Python 3.8 and later."""

import csv
import datetime
import math
import sys
from typing import Any, Callable, Dict, Iterable, List, Mapping, TextIO

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None", "?")
EPOCH = datetime.datetime(1970, 1, 1)


def number(cell: Any) -> float:
    """A number; NaN where it is missing."""
    if cell is None or (isinstance(cell, str) and cell.strip() in MISSING):
        return math.nan
    return float(cell)


def days(cell: Any) -> float:
    """Days since 1970-01-01, of a date or its text (2024-12-31, or with a time); NaN where it is missing."""
    if cell is None or (isinstance(cell, str) and cell.strip() in MISSING):
        return math.nan
    if isinstance(cell, str):
        cell = datetime.datetime.fromisoformat(cell.strip().replace("Z", "+00:00"))
    if not isinstance(cell, datetime.datetime):
        cell = datetime.datetime(cell.year, cell.month, cell.day)
    if cell.tzinfo is not None:
        cell = cell.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    passed: float = (cell - EPOCH) / datetime.timedelta(days=1)
    return passed


def category(codes: Mapping[str, int], other: int) -> Callable[[Any], int]:
    """A function from a text to the code of its category; the empty text stands for a missing one."""

    def code(cell: Any) -> int:
        text = "" if cell is None else str(cell)
        text = text if text in codes else text.strip()
        return codes.get(text, codes[""] if text in MISSING else other)

    return code


def boolean(codes: Mapping[str, int]) -> Callable[[Any], int]:
    """The same for true and false, in capitals or small letters."""
    code = category(codes, codes[""])
    return lambda cell: code(str(cell).lower() if isinstance(cell, (bool, str)) else cell)


def read_csv(file: TextIO, columns: Iterable[str]) -> Dict[str, List[str]]:
    """The columns of a CSV file that a model needs."""
    reader = csv.DictReader(file)
    absent = [name for name in columns if name not in (reader.fieldnames or ())]
    if absent:
        sys.exit("the table lacks the columns " + ", ".join(map(repr, absent)))
    rows = list(reader)
    return {name: [row[name] for row in rows] for name in columns}


def write_csv(file: TextIO, outputs: Mapping[str, Any], classes: Iterable[Any]) -> None:
    """Predictions as CSV; for classes with the probability of each."""
    writer = csv.writer(file, lineterminator="\n")
    shares = outputs.get("probabilities")
    writer.writerow(["prediction", *("probability " + _spelled(c) for c in classes)])
    for row, prediction in enumerate(outputs["prediction"]):
        writer.writerow([_spelled(prediction), *(map(float, shares[row]) if shares is not None else ())])


def _spelled(label: Any) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)
