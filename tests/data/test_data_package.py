"""The package of data: light to import, and exporting what it says."""

from __future__ import annotations

import subprocess
import sys

import chainrule.data


def test_importing_the_data_package_does_not_import_polars() -> None:
    code = "import sys, chainrule.data; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_exported_data_names_exist_and_are_documented() -> None:
    for name in chainrule.data.__all__:
        assert hasattr(chainrule.data, name)
    classes = [getattr(chainrule.data, name) for name in chainrule.data.__all__ if name[0].isupper()]
    assert all(thing.__doc__ for thing in classes)
