"""Programs as ONNX: a graph of its operators, with the preprocessing of a table inside."""

from chainrule.export.onnx.file import render, run

__all__ = ["render", "run"]
