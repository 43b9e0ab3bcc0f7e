"""The command line in a folder of its own, in this process and as a real one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chainrule.cli import main

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty folder beside a copy of the penguins."""
    (tmp_path / "penguins.csv").write_bytes(PENGUINS.read_bytes())
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the penguins, quickly trained; not to be changed."""
    folder = tmp_path_factory.mktemp("cli") / "penguins-model"
    words = ["train", str(PENGUINS), "--target", "species", "--members", "2", "--epochs", "20"]
    result = CliRunner().invoke(main, [*words, "--out", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture
def command() -> list[str]:
    """What starts chainrule as a process of its own."""
    return [sys.executable, "-c", "from chainrule.cli import main; main()"]


@pytest.fixture
def process(command: list[str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command as a process of its own, in an empty folder."""
    return lambda *words: subprocess.run(
        [*command, *map(str, words)], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
