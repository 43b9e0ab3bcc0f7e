"""The files of answers that the documentation and the examples show."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from chainrule.work import read_work
from chainrule.work.files import work_of

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "check-work.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("text", BLOCKS)
def test_the_files_of_the_page_are_answered_right(text):
    assert work_of(tomllib.loads(text, parse_float=Decimal)).check().right


def test_the_example_has_the_slips_that_it_was_given():
    marked = read_work(ROOT / "examples" / "work.toml").check()
    assert {v.name: v.kinds[0] for v in marked.verdicts if not v.right} == {
        "L": "factor 2",
        "dL/dW221": "index",
        "dL/dW111": "index",
        "dL/db11": "sign",
        "W111 new": "update",
        "parameters": "counting",
    }
