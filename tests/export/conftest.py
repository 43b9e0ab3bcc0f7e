"""Keras on the backend that is installed for other tests."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
