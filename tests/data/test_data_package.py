"""The package of data: light to import, and exporting what it says."""

from __future__ import annotations

import subprocess
import sys
import types

import chainrule.data


def test_importing_the_data_package_does_not_import_polars() -> None:
    code = "import sys, chainrule.data; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_exported_data_names_exist_and_have_docstrings() -> None:
    for name in chainrule.data.__all__:
        thing = getattr(chainrule.data, name)
        assert thing.__doc__ or not isinstance(thing, type | types.FunctionType)
