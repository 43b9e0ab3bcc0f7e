"""Every code block of the pages is executed, in order, in an empty folder with the example tables."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

ROOT = Path(__file__).parent


def _enter(namespace: dict[str, object]) -> None:
    folder = tempfile.mkdtemp(prefix="chainrule-page-")
    shutil.copytree(ROOT / "examples", Path(folder) / "examples")
    namespace.update(_folder=folder, _before=os.getcwd())
    os.chdir(folder)


def _leave(namespace: dict[str, object]) -> None:
    os.chdir(str(namespace["_before"]))
    shutil.rmtree(str(namespace["_folder"]))


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"], setup=_enter, teardown=_leave
).pytest()
