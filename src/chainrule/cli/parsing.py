"""What options hold, from the words of a command line."""

from __future__ import annotations

from pathlib import Path

import click


def units(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """The units of hidden layers, such as ``64,64``; ``none`` for no hidden layer; nothing where nothing is given."""
    if value is None:
        return None
    if value.strip().lower() == "none":
        return ()
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"{value!r} is no list of whole numbers above 0, such as 64,64 (or none)")
    return tuple(map(int, parts))


def sizes(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """Features, units of each hidden layer, outputs, such as ``2,2,1``."""
    if not is_sizes(value):
        raise click.BadParameter(f"{value!r} is no list of features, units and outputs, such as 20,64,64,1")
    return [int(part) for part in value.split(",")]


def is_sizes(text: str) -> bool:
    """Whether a text lists at least two whole numbers above 0."""
    parts = [part.strip() for part in text.split(",")]
    return len(parts) >= 2 and all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts)


def counts(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """Whole numbers above 0, such as ``1,10,100``."""
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise click.BadParameter(f"{value!r} is no list of whole numbers above 0, such as 1,10,100")
    return [int(part) for part in parts]


def numbers(text: str, what: str) -> list[float]:
    """Numbers with commas between them."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is no {what}: give numbers with commas between them, as in 1,2") from None


def batch_size(context: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    """Rows in a step: a whole number, or ``all``; nothing where nothing is given."""
    return None if value is None else _rows(value)


def batch_sizes(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int | str, ...]:
    """Several of them, such as ``all,16,1``."""
    return tuple(_rows(part.strip()) for part in value.split(","))


def _rows(text: str) -> int | str:
    if text != "all" and not (text.isascii() and text.isdigit() and int(text) > 0):
        raise click.BadParameter(f"{text!r} is neither a whole number above 0 nor all")
    return text if text == "all" else int(text)


def rates(context: click.Context, parameter: click.Parameter, value: str) -> tuple[float, ...]:
    """Learning rates, such as ``0.01,0.1,1``."""
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of numbers, such as 0.01,0.1,1") from None


def plane(context: click.Context, parameter: click.Parameter, value: str) -> str | tuple[str, ...]:
    """``random``, ``path``, or two elements such as ``W1[0,0] W2[0,0]``."""
    return value if value in ("random", "path") else tuple(value.split())


def page_file(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """A file for a page; a wrong ending is an error before anything is computed."""
    from chainrule.document import form_of

    if value is not None:
        form_of(value)
        in_a_folder(value)
    return value


def in_a_folder(value: Path) -> None:
    """An error unless the folder of a file exists."""
    if not value.parent.is_dir():
        raise click.BadParameter(f"the folder {value.parent} does not exist; make it, or choose another one")
