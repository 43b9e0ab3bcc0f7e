"""The folder of a model: checked before anything is computed, then filled as a whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from chainrule.errors import ArgumentError, ChainruleError
from chainrule.storage import ARRAYS, DESCRIPTION

HISTORY: Final = "history.csv"
REPORT: Final = "report.html"
FILES: Final = (ARRAYS, DESCRIPTION, HISTORY, REPORT)
"""What :meth:`TableModel.save` leaves."""


def holds_model(folder: Path) -> bool:
    """Whether a model's files are there, as far as their names tell."""
    return all((folder / name).is_file() for name in (ARRAYS, DESCRIPTION))


def check_folder(folder: str | os.PathLike[str], *, force: bool = False) -> None:
    """Make sure that a model can be written to ``folder``, without leaving anything there.

    Args:
        folder: new, empty, or with an earlier model, which will be replaced.
        force: whether it may hold something else, beside which the model's files will be put.

    Raises:
        ArgumentError: if it is a file, holds something else, or cannot be written.
    """
    path = Path(folder)
    try:
        if path.exists() and not path.is_dir():
            raise ArgumentError(f"{path} is a file; name a folder for the model")
        if path.is_dir() and not force and any(path.iterdir()) and not holds_model(path):
            raise ArgumentError(
                f"the folder {path} holds other files and no model; name another folder, "
                "or put the model beside them with --force (force=True in Python)"
            )
        probe = _scratch_in(next(place for place in (path, *path.absolute().parents) if place.exists()))
        probe.rmdir()
    except OSError as error:
        raise ArgumentError(f"cannot write to the folder {path} ({error.strerror}); choose another one") from error


def fill_folder(folder: str | os.PathLike[str], write: Callable[[Path], None]) -> None:
    """Let ``write`` put files into an empty folder, then move them to ``folder``.

    Raises:
        ChainruleError: if they cannot be written; then ``folder`` is as it was before.
    """
    path = Path(folder).absolute()
    created: list[Path] = []
    try:
        for parent in reversed(path.parents):
            if not parent.exists():
                parent.mkdir()
                created.append(parent)
        scratch = _scratch_in(path if path.exists() else path.parent)
        try:
            write(scratch)
            if path.exists():
                for file in scratch.iterdir():
                    file.replace(path / file.name)
                scratch.rmdir()
            else:
                scratch.rename(path)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
    except BaseException as error:
        for parent in reversed(created):
            parent.rmdir()
        if isinstance(error, OSError):
            raise ChainruleError(
                f"cannot write the model to {folder} ({error.strerror}); nothing was left there: "
                "make space or choose another folder"
            ) from error
        raise


def _scratch_in(place: Path) -> Path:
    """A new empty folder whose name shows that it may be deleted."""
    scratch = place / f".chainrule-{secrets.token_hex(4)}.partial"
    scratch.mkdir()
    return scratch
