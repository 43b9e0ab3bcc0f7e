"""A model as source code that people read: NumPy, JAX, PyTorch and Keras, with its weights in a file beside it."""

from chainrule.export.sources.file import render, run

__all__ = ["render", "run"]
