"""Where the threads of one run wait for each other, as machine code."""

from __future__ import annotations

from chainrule.engines.native.emit import Function, Module

SHORTEST, LONGEST = 3_000, 100_000
"""How long a thread watches the counter before it lets another have its core: the first time, and at most.

In ticks of the processor's clock: 1 µs and 33 µs at 3 GHz.
"""
TICKS_OF_A_LOOK = 50
"""Ticks that one look at the counter counts for, where the clock cannot be read or its rate is unknown."""


def write_barrier(module: Module, triple: str) -> str:
    """Write the function ``barrier(ptr counter, i64 target)``, and return its name.

    Each call adds 1 to the counter and returns when the counter has reached the target; what the threads wrote before
    is then seen by all of them. The counter only grows, so the targets of ``n`` threads that meet again and again are
    ``n``, ``2 n``, ``3 n``, ... from where it started. It should have a cache line of its own.

    A thread that waits watches the counter for a microsecond and then lets others run, in case the one that it waits
    for needs its core; after that it watches twice as long each time. So threads with cores of their own hardly ever
    call the system, and threads that share one soon give way.
    """
    f = module.function("barrier", ["ptr %counter", "i64 %target"])
    before = f.value("atomicrmw add ptr %counter, i64 1 acq_rel, align 8")

    def wait() -> None:
        def watch_and_give_way(patience: str) -> tuple[str, list[str]]:
            _watch(f, triple, patience)
            f.when(f.value(f"xor i1 {_reached(f)}, true"), lambda: _give_way(f, triple))
            return _reached(f), [str(f.smaller(f.multiply(patience, 2), LONGEST))]

        f.until(watch_and_give_way, [("i64", str(SHORTEST))])

    f.when(f.compare("slt", f.add(before, 1), "%target"), wait)
    return f.name


def _reached(f: Function) -> str:
    """Whether the counter has come to the target."""
    return f.compare("sge", f.value("load atomic i64, ptr %counter acquire, align 8"), "%target")


def _watch(f: Function, triple: str, patience: str) -> None:
    """Look at the counter until it has come to the target, or ``patience`` ticks have passed."""
    start = _clock(f) if _has_clock(triple) else ""

    def look(passed: str) -> tuple[str, list[str]]:
        _relax(f, triple)
        passed = str(f.subtract(_clock(f), start) if start else f.add(passed, TICKS_OF_A_LOOK))
        late = f.compare("uge", passed, patience)
        return f.value(f"or i1 {_reached(f)}, {late}"), [passed]

    f.until(look, [("i64", "0")])


def _has_clock(triple: str) -> bool:
    """Whether there is a clock that user code can read, of a rate around 3 GHz."""
    return triple.startswith("x86_64")


def _clock(f: Function) -> str:
    return f.call("llvm.readcyclecounter", "i64", [])


def _relax(f: Function, triple: str) -> None:
    """Tell the core that this is a loop of waiting."""
    if triple.startswith("x86_64"):
        f.call("llvm.x86.sse2.pause", "void", [])
    elif triple.startswith(("aarch64", "arm64")):  # "yield" takes no time on most cores, this takes some 10 ns
        f.call("llvm.aarch64.isb", "void", [("i32", "15")])


def _give_way(f: Function, triple: str) -> None:
    """Let another thread have this core."""
    f.call("SwitchToThread" if "windows" in triple else "sched_yield", "i32", [])
