import pytest

from chainrule.gallery import ENTRIES, show


@pytest.fixture(scope="session")
def examples():
    """Every example of the gallery, computed once."""
    return {entry.key: show(entry.key) for entry in ENTRIES}
