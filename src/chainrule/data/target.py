"""What is predicted: whether the target is a class or a number, and its values as the numbers to learn."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.data import values
from chainrule.data.categories import looks_like_identifier
from chainrule.data.records import Fields
from chainrule.data.scaling import Summary, standardised, summary
from chainrule.data.values import Floats
from chainrule.errors import CellError, DataError, require, unknown_name
from chainrule.show.numbers import are_amounts, counted

if TYPE_CHECKING:
    import polars as pl

Task = Literal["classification", "regression"]
TASKS: Final[tuple[Task, ...]] = get_args(Task)
ClassLabel = str | bool | int | float

NEEDS_NUMBERS: Final = "; regression needs numbers, and for classes the task is classification"
"""How a message on a value that is no number ends."""

_MOST_INTEGER_CLASSES: Final = 20
_FEWEST_ROWS_PER_INTEGER_CLASS: Final = 5
_EXACT_INTEGERS: Final = 2.0**53
_LARGEST: Final = sys.float_info.max


@dataclass(frozen=True)
class Target:
    """What was learnt about the target column.

    Attributes:
        name: the column's name.
        task: ``classification`` or ``regression``.
        reason: why the column is taken for classes or for a number.
        classes: the classes, sorted; the place of a class is its code. Empty in regression.
        mean: mean of the training rows; 0 in classification.
        scale: their standard deviation (of the population); 1 in classification.
    """

    name: str
    task: Task
    reason: str
    classes: tuple[ClassLabel, ...] = ()
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def learn(cls, series: pl.Series, task: Literal["auto"] | Task = "auto") -> Target:
        """Learn from the training rows.

        Raises:
            DataError: where a row has no target, all have the same, or the column does not suit the task.

        >>> import polars as pl
        >>> Target.learn(pl.Series("species", ["Gentoo", "Adelie", "Gentoo"])).classes
        ('Adelie', 'Gentoo')
        """
        if task not in ("auto", *TASKS):
            raise unknown_name("task", task, ("auto", *TASKS))
        refuse_missing(series)
        chosen, reason = recognise(series.unique(maintain_order=True), len(series), task)
        if chosen == "classification":
            return cls.of_classes(series, reason)
        numbers = values.numbers(series, NEEDS_NUMBERS)
        return cls.of_numbers(series.name, reason, summary(numbers))

    @classmethod
    def of_classes(cls, series: pl.Series, reason: str) -> Target:
        """The target whose classes are the values of a column."""
        return cls(series.name, "classification", reason, classes=_classes(series))

    @classmethod
    def of_numbers(cls, name: str, reason: str, learnt: Summary) -> Target:
        """The target whose training rows hold numbers of this mean and scale."""
        if learnt.scale == 0:
            raise DataError(f"column {name!r}: all rows are equal to within float64; multiply the target")
        return cls(name, "regression", reason, mean=learnt.mean, scale=learnt.scale)

    @property
    def outputs(self) -> int:
        """The outputs that a network needs: one for a number and for two classes, else one for each class."""
        return len(self.classes) if len(self.classes) > 2 else 1

    def encode(self, series: pl.Series) -> NDArray[np.int64] | Floats:
        """Class codes as int64 or standardised numbers as float64, shape ``(rows,)``.

        Raises:
            DataError: for the first row without a target, of another type, or of a class unseen in training.
        """
        refuse_missing(series)
        if self.task == "classification":
            return self._codes(series)
        numbers = values.numbers(series, "; the target held numbers when the model was trained")
        return standardised(series, numbers, self.mean, self.scale)

    def decode_classes(self, codes: ArrayLike) -> NDArray[Any]:
        """The classes of ``codes``, in the same shape.

        Raises:
            ArgumentError: in regression, and for codes that stand for no class.
        """
        require(self.task == "classification", f"{self.name!r} has no classes: it is a number; use decode_numbers")
        places = np.asarray(codes)
        require(
            np.issubdtype(places.dtype, np.integer) and bool(np.all((places >= 0) & (places < len(self.classes)))),
            f"class codes of {self.name!r} are whole numbers from 0 to {len(self.classes) - 1}",
        )
        decoded: NDArray[Any] = np.array(self.classes)[places]
        return decoded

    def decode_numbers(self, y: ArrayLike) -> Floats:
        """Predictions in the target's own unit, ``y * scale + mean``, as float64, in the same shape.

        Raises:
            ArgumentError: in classification.
        """
        require(self.task == "regression", f"{self.name!r} is no number: it has classes; use decode_classes")
        return np.asarray(y, np.float64) * self.scale + self.mean

    def to_json(self) -> dict[str, Any]:
        """All fields, as JSON can hold them."""
        return {**asdict(self), "classes": list(self.classes)}

    @classmethod
    def from_fields(cls, fields: Fields) -> Target:
        """The inverse of :meth:`to_json`."""
        task = cast("Task", fields.text("task", TASKS))
        labels = fields.items("classes")
        if task == "classification" and not _are_classes(labels):
            fields.wrong("classes", "a list of two or more different classes of one type")
        if task == "regression" and labels:
            fields.wrong("classes", "empty for a number")
        classes = cast("list[ClassLabel]", labels)
        return cls(
            fields.text("name"),
            task,
            fields.text("reason"),
            tuple(classes),
            fields.number("mean"),
            fields.scale("scale"),
        )

    def _codes(self, series: pl.Series) -> NDArray[np.int64]:
        import polars as pl

        match self.classes[0]:
            case bool():
                known: list[Any] = ["false", "true"]
                found = values.truths(series, "; the target held true and false when the model was trained")
            case str():
                known = list(self.classes)
                found = values.text(series)
            case _:
                known = [float(label) for label in self.classes]
                found = pl.Series(values.numbers(series, "; the target's classes are numbers"))
        codes = found.replace_strict(known, range(len(known)), default=-1, return_dtype=pl.Int64).to_numpy()
        listed = ", ".join(map(str, self.classes))
        values.refuse(series, codes < 0, f"is no class that the model was trained on; these are: {listed}")
        return codes


def recognise(distinct: pl.Series, rows: int, task: Literal["auto"] | Task = "auto") -> tuple[Task, str]:
    """The task that a column suits, and why.

    Args:
        distinct: its different values; more than 10,000 of them need not all be there.
        rows: how many hold one.
        task: that asked for, or ``auto``.

    Raises:
        DataError: for dates, for a single value, and for text that is neither classes nor numbers.
    """
    if values.kind_of(distinct) == "date":
        raise DataError(f"column {distinct.name!r}: a target cannot be a date; turn it into a number, such as days")
    if len(distinct) == 1:
        only = values.spelled(distinct[0])
        raise DataError(f"column {distinct.name!r}: every row holds {only}; a target needs two different values")
    return _recognise(distinct, rows) if task == "auto" else (task, "as asked for")


def refuse_missing(series: pl.Series, *, part: bool = False) -> None:
    """Raise :class:`DataError` where a row has no finite target; ``part`` says that there are more rows than these."""
    absent = series.is_null()
    if series.dtype.is_float():
        absent |= series.is_infinite().fill_null(False)
    count = int(absent.sum())
    if count == 0:
        return
    if series.null_count() == len(series) and not part:
        raise DataError(f"column {series.name!r}: no row holds a target; fill the column or choose another target")
    row = int(absent.to_numpy().argmax())
    what = "missing" if series[row] is None else "infinite"
    several = count > 1 and not part
    others = f" (the first of {count} such rows)" if several else ""
    remedy = "remove these rows or fill them" if several else "remove this row or fill it"
    if what == "missing":
        remedy += ", or train without them (--skip-unlabelled, in Python skip_unlabelled=True)"
    raise CellError(series.name, row + 1, f"the target is {what}{others}; {remedy}")


def _recognise(series: pl.Series, rows: int) -> tuple[Task, str]:
    """The task that the different values suggest, and why."""
    match values.kind_of(series):
        case "boolean":
            return "classification", "true and false"
        case "category":
            if looks_like_identifier(rows, len(series)):
                _refuse_slip(series)
                raise DataError(
                    f"column {series.name!r} holds text such as {values.spelled(series[0])} that differs "
                    "in nearly every row, so it has no classes; if these are numbers, write them with digits "
                    "and a point alone"
                )
            _refuse_amounts(series)
            return "classification", "text"
        case _:
            return _recognise_numbers(values.numbers(series), rows)


def _refuse_slip(series: pl.Series) -> None:
    """Raise :class:`DataError` where nearly all different values are numbers; it says which one is none."""
    bad = values.not_numbers(series)
    if 0 < bad.sum() <= len(series) / 20:
        slip = values.spelled(series[int(bad.argmax())])
        raise DataError(
            f"column {series.name!r} holds {slip}, which is no number, though nearly all others are; correct it, or "
            "remove its row"
        )


def _refuse_amounts(series: pl.Series) -> None:
    """Raise :class:`DataError` for text that spells many numbers, each with something beside it."""
    different = values.text(series).unique()
    if len(different) > _MOST_INTEGER_CLASSES and are_amounts(different):
        raise DataError(
            f"column {series.name!r} holds text such as {values.spelled(series[0])}, which seems to be a number with "
            "something beside it; write numbers with digits and a decimal point alone, or set the task to "
            "classification if each value is a class"
        )


def _recognise_numbers(numbers: Floats, rows: int) -> tuple[Task, str]:
    if np.any(numbers != np.floor(numbers)):
        return "regression", "numbers with decimals"
    distinct = len(np.unique(numbers))
    each = rows / distinct
    found = f"whole numbers with {counted(distinct, 'different value')}"
    if distinct > _MOST_INTEGER_CLASSES:
        return "regression", f"{found}, more than {_MOST_INTEGER_CLASSES}"
    if each < _FEWEST_ROWS_PER_INTEGER_CLASS:
        fewest = _FEWEST_ROWS_PER_INTEGER_CLASS
        return "regression", f"{found}, each in {each:.2g} rows on average, fewer than {fewest}"
    return "classification", f"{found}, each in {each:.3g} rows on average"


def _classes(series: pl.Series) -> tuple[ClassLabel, ...]:
    match values.kind_of(series):
        case "boolean":
            return (False, True)
        case "category":
            return tuple(values.text(series).unique().sort().to_list())
        case _:
            numbers = np.unique(values.numbers(series))
            whole = np.all(numbers == np.floor(numbers)) and np.abs(numbers).max() < _EXACT_INTEGERS
            return tuple(int(number) if whole else float(number) for number in numbers)


def _are_classes(labels: list[object]) -> bool:
    if len(labels) < 2 or not all(isinstance(label, str | bool | int | float) for label in labels):
        return False
    if any(isinstance(label, float | int) and not abs(label) <= _LARGEST for label in labels):
        return False  # among them NaN, and whole numbers beyond float64
    return len(set(labels)) == len(labels) and len({type(label) for label in labels}) == 1
