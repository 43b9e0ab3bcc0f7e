"""What the tests of the native engine share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the generators of random programs lie beside the tests
