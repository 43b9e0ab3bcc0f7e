"""Trainings that are killed at random moments, and then go on: they must end with the bits of those that were not.

    python tests/surviving/kill.py --times 100

Each is killed by SIGKILL at a moment drawn from its duration, while it writes checkpoints all the time, and started
again until it ends; half of them are killed twice. Each failure is printed; the exit status is 1 if there was one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import victims

VICTIM = Path(victims.__file__)


def start(case: str, folder: Path) -> subprocess.Popen[str]:
    """A process that begins to train."""
    process = subprocess.Popen(
        [sys.executable, str(VICTIM), case, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def finished(process: subprocess.Popen[str]) -> str:
    """The fingerprint that a process prints at its end."""
    out, errors = process.communicate()
    if process.returncode != 0:
        raise AssertionError(f"ended with {process.returncode}: {errors}")
    return out.split()[-1]


def duration(case: str) -> float:
    """Seconds from the first step to the end."""
    with tempfile.TemporaryDirectory() as folder:
        process = start(case, Path(folder))
        before = time.monotonic()
        finished(process)
        return time.monotonic() - before


def killed(case: str, folder: Path, seconds: float) -> bool:
    """Train for so long, at most; whether it was killed before it ended."""
    process = start(case, folder)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    return process.returncode != 0


def survive(times: int, seed: int = 0, cases: Sequence[str] = tuple(victims.CASES)) -> tuple[list[str], list[int]]:
    """Kill and go on so often.

    Returns:
        What went wrong, and for each killed training the step of the newest checkpoint that it left.
    """
    rng = np.random.default_rng(seed)
    expected = {case: victims.fingerprint(*victims.trained(case)) for case in cases}
    seconds = {case: duration(case) for case in cases}
    failures: list[str] = []
    left: list[int] = []
    while len(left) < times:
        case = cases[len(left) % len(cases)]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if not all(killed(case, folder, rng.uniform(0, seconds[case])) for _ in range(rng.integers(1, 3))):
                continue
            left.append(max((int(p.stem.split("-")[1]) for p in folder.glob("checkpoint-*.safetensors")), default=0))
            try:
                found = finished(start(case, folder))
                assert found == expected[case], f"{found}, not {expected[case]}"
                assert not list(folder.glob(".*")), "there is a file whose writing was broken off"
            except AssertionError as error:
                failures.append(f"{case}, killed after step {left[-1]}: {error}")
    return failures, left


def main() -> int:
    """Kill as often as one likes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=100, help="trainings to kill")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    chosen = parser.parse_args()
    failures, left = survive(chosen.times, chosen.seed)
    for failure in failures:
        print(failure)
    print(f"{len(left) - len(failures)} of {len(left)} ended with the bits of a training that was not killed;")
    print(f"they went on from {len(set(left))} different steps, the first {min(left)}, the last {max(left)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
