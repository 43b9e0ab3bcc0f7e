"""Sphinx settings: sphinx-build docs docs/_build (with sphinx and myst-parser installed)."""

project = "chainrule"
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath"]
html_theme = "alabaster"
exclude_patterns = ["_build"]
