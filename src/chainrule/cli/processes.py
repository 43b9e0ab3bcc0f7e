"""Commands in several processes, on this machine or on many."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from time import monotonic, sleep
from typing import IO, Any, Final

import click

from chainrule.engines.jax.processes import CLUSTER, join

LOOKING_SECONDS: Final = 0.1
"""How often it is looked whether all processes are there."""

ENDING_SECONDS: Final = 5.0
"""How long processes have to end by themselves once another has, before they are made to."""

BAD_INPUT: Final = 2

LAUNCHED: Final = "CHAINRULE_LAUNCHED"
"""In the environment of processes that :func:`started` has started."""

joins = click.option(
    "--join",
    "joining",
    metavar="HOW",
    help=f"Be one of several processes: {CLUSTER}, which JAX detects, or HOST:PORT,NUMBER,PROCESSES.",
)
"""The option of a command that can be one of several processes, for :func:`joined`."""


def together(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that several processes can work on, for :func:`part_of`."""
    started_here = click.option(
        "--processes", type=click.IntRange(min=1), help="Start so many processes here, which train together on JAX."
    )
    return started_here(joins(command))


def part_of(words: Sequence[str], processes: int | None, joining: str | None, engine: str) -> tuple[str, int | None]:
    """What the options ask for: the engine, and the exit code where all is done.

    A process that is one of several has joined them afterwards. Where it is to start some, they have done the work.

    Args:
        words: of the command line.
        processes: how many to start.
        joining: how to join others.
        engine: the one that was asked for.
    """
    if processes is None and joining is None:
        return engine, None
    if engine not in ("auto", "jax"):
        raise click.UsageError(f"several processes train on JAX: leave --engine {engine} out")
    if processes is not None and joining is not None and LAUNCHED not in os.environ:
        raise click.UsageError("--processes starts all of them here, --join is one of them: give either")
    if joining is not None:
        joined(joining)
        return "jax", None
    assert processes is not None
    return "jax", started(words, processes) if processes > 1 else None


def joined(how: str) -> None:
    """Become one of several processes, with results alone on standard output."""
    if LAUNCHED in os.environ:
        Thread(target=_end_with_the_launcher, daemon=True).start()
    _results_alone_on_stdout()
    join(how)


def started(words: Sequence[str], processes: int, output: IO[bytes] | None = None) -> int:
    """Run the command in several processes of this machine until all have ended; the exit code of the first.

    Each has a GPU of its own where there are any. Ctrl-C is for the first process, which tells the others. When one is
    lost, the others are ended within some seconds; when this one is, however it ends, all of them are.

    Args:
        words: of the command line.
        processes: how many.
        output: where the results go; by default, where those of this process do.
    """
    command, address = [sys.executable, "-m", "chainrule", *words], f"127.0.0.1:{_free_port()}"
    members = [_Member.start(command, address, number, processes, output) for number in range(processes)]
    try:
        with _signals_passed_on(members):
            lost = _first_that_failed(members)
            if lost is None:
                return 0
            if not lost.killed:  # the others may have found the same fault
                _wait(members, ENDING_SECONDS)
    finally:
        _end(members)
    code = members[0].code
    if code is not None and code > 0 and (lost.number == 0 or lost.code == code):
        return code  # the first process has said why, or all have ended alike
    click.echo(f"chainrule: error: {lost.fate(processes)}; the others were ended", err=True)
    return BAD_INPUT


@dataclass
class _Member:
    """One of the processes; ``heard`` is what it said on stderr, for the first one ``None``: it says that itself."""

    number: int
    process: subprocess.Popen[bytes]
    heard: IO[bytes] | None

    @classmethod
    def start(
        cls, command: Sequence[str], address: str, number: int, processes: int, output: IO[bytes] | None
    ) -> _Member:
        # A session of its own: Ctrl-C on the terminal would reach each process at another step.
        heard = None if number == 0 else tempfile.TemporaryFile()  # noqa: SIM115 - it is read at the end
        process = subprocess.Popen(
            [*command, "--join", f"{address},{number},{processes}"],
            env={**os.environ, "JAX_LOCAL_DEVICE_IDS": str(number), LAUNCHED: "yes"},
            stdin=subprocess.PIPE,  # nothing is written: it closes when this process ends
            stdout=output if number == 0 else subprocess.DEVNULL,
            stderr=heard,
            start_new_session=True,
        )
        return cls(number, process, heard)

    @property
    def code(self) -> int | None:
        """Its exit code; ``None`` while it runs."""
        return self.process.poll()

    @property
    def killed(self) -> bool:
        """Whether a signal ended it, other than that by which JAX ends those whose others are gone."""
        return self.process.returncode < 0 and self.process.returncode != -signal.SIGABRT

    def fate(self, processes: int) -> str:
        """How it ended, and the last that it said of that."""
        code = self.process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"process {self.number} of {processes} (counted from 0) {how}{self._said()}"

    def _said(self) -> str:
        if self.heard is None:
            return ""
        self.heard.seek(0)
        lines = self.heard.read().decode(errors="replace").splitlines()
        told = [line for line in lines if line.startswith("chainrule: error: ")]
        return f": {told[-1].removeprefix('chainrule: error: ')}" if told else ""


def _first_that_failed(members: Sequence[_Member]) -> _Member | None:
    """Wait until one fails; ``None`` when all have ended well."""
    while True:
        codes = [(member, member.code) for member in members]
        failed = [member for member, code in codes if code]
        if failed:
            # One that was killed comes before one that failed for want of it.
            return min(failed, key=lambda member: (not member.killed, member.number))
        if all(code == 0 for _, code in codes):
            return None
        sleep(LOOKING_SECONDS)


def _wait(members: Sequence[_Member], seconds: float) -> None:
    """Wait until all have ended, but no longer."""
    end = monotonic() + seconds
    while monotonic() < end and any(member.code is None for member in members):
        sleep(LOOKING_SECONDS)


def _end(members: Sequence[_Member]) -> None:
    """End those that still run."""
    for member in members:
        if member.code is None:
            member.process.kill()
        member.process.communicate()


@contextmanager
def _signals_passed_on(members: Sequence[_Member]) -> Iterator[None]:
    """Within the block, Ctrl-C is for the first process, and an end that is asked for is for all."""

    def interrupt(*_: Any) -> None:
        members[0].process.send_signal(signal.SIGINT)

    def terminate(*_: Any) -> None:
        for member in members:
            member.process.terminate()

    before = [signal.signal(signal.SIGINT, interrupt), signal.signal(signal.SIGTERM, terminate)]
    try:
        yield
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)


def _end_with_the_launcher() -> None:
    """End this process at once when the one that started it has ended, even by SIGKILL: no one would end it."""
    os.read(0, 1)
    os._exit(BAD_INPUT)


def _results_alone_on_stdout() -> None:
    """Leave standard output to Python: the libraries that connect processes write there, too."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    sys.stdout = open(kept, "w", encoding=sys.stdout.encoding, buffering=1)  # noqa: SIM115 - until the end


def _free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
