"""The JAX engine: tested where JAX is installed."""

import sys
from importlib.util import find_spec
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).parent),
    str(Path(__file__).parents[1] / "native"),
]  # what no test is, there and here

collect_ignore = ["paths.py", "devices_of_one_process.py", "several_processes.py"]
collect_ignore_glob = [] if find_spec("jax") else ["test_*.py"]
