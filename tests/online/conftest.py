"""Streams to learn from."""

import numpy as np
import pytest


@pytest.fixture
def rows():
    """Rows of four features, and which of three classes each is of."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    return X, (X @ rng.normal(size=(4, 3))).argmax(axis=1)
