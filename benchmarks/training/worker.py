"""A process in which one contestant waits for its turn.

Each contestant has a process of its own, so that its threads, its memory and its settings are its own. Commands come
as lines of JSON, and each is answered with a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.training.cores import environment, hold


class Worker:
    """The driver's end: a process for a contestant with a number of threads."""

    def __init__(self, contestant: str, threads: int, variables: Mapping[str, str] | None = None) -> None:
        self.contestant, self.threads = contestant, threads
        self.seconds: list[list[float]] = []
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.training.worker", contestant, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env={**os.environ, **environment(threads), **(variables or {})}, cwd=Path(__file__).parents[2],
        )  # fmt: skip

    def ask(self, **command: Any) -> dict[str, Any]:
        """The answer to a command; what went wrong is in ``left_out``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self._errors.seek(0)
        last = self._errors.read().strip().splitlines()[-1:]
        return {"left_out": f"its process ended: {' '.join(last)}"}

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it has ended already
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def peak_memory() -> int:
    """The most bytes of memory that this process ever held."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
    except OSError:  # not Linux. (There, getrusage also counts what the process was started from.)
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class _Answers:
    """The process's end."""

    def __init__(self, contestant: str) -> None:
        self.contestant = contestant
        self.trainer: Any = None

    def load(self, problem: str) -> dict[str, Any]:
        """Take a problem from a file and train it for the first time."""
        from benchmarks.training.problem import load_problem

        loaded = load_problem(problem)
        before = perf_counter()
        from benchmarks.training.contestants import CONTESTANTS

        self.trainer = CONTESTANTS[self.contestant].prepare(loaded)
        prepared = perf_counter()
        turn = self.trainer.turn(0.0)
        return {
            "prepare": prepared - before,
            "first": perf_counter() - prepared,
            "seconds": turn.seconds,
            "losses": turn.losses,
            "flops": self.trainer.flops,
        }

    def turn(self, seconds: float) -> dict[str, Any]:
        """Train for a while."""
        return {"seconds": self.trainer.turn(seconds).seconds}

    def memory(self) -> dict[str, Any]:
        """How much memory it took."""
        return {"bytes": peak_memory()}


def main(arguments: Sequence[str]) -> None:
    """Answer commands until there are no more."""
    hold(int(arguments[1]))
    # What libraries print must not come between the answers.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answers = _Answers(arguments[0])
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(answers, command.pop("do"))(**command)
        except Exception as error:  # whatever it is, the others go on
            name = "" if type(error).__name__ == "LeftOut" else f"{type(error).__name__}: "
            answer = {"left_out": " ".join(f"{name}{error}".split())[:200]}
        print(json.dumps(answer), file=replies, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
