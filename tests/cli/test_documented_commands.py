"""The commands that pages show run as they stand there."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from chainrule.cli import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["circuits", "compare", "explain", "notation", "stepper"])
def test_every_command_of_a_page_runs(page, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    assert commands
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "chainrule"
        result = CliRunner().invoke(main, words, input="n\nn\nq\n", catch_exceptions=False)
        assert result.exit_code == 0, command
