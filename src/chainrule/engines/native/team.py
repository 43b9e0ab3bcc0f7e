"""One team of threads for the whole process, lent to the fits that run in it."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from operator import call, index
from queue import SimpleQueue
from typing import Any

from chainrule.engines.native.barrier import write_barrier
from chainrule.engines.native.emit import Module
from chainrule.engines.native.forks import renew_at_fork
from chainrule.engines.native.jit import compile_text
from chainrule.engines.native.target import cores, host

LINE = 64
"""Bytes of memory that cores pass to each other as a whole."""


class Worker:
    """A thread that sleeps between tasks, started when first wanted. The end of the process ends it."""

    def __init__(self) -> None:
        self.crew: weakref.ref[Crew] | None = None
        self.forget()

    def forget(self) -> None:
        """Be without a thread: at the start, and in a forked process, which has none but the one that forked."""
        self.tasks: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self.started = False

    def start(self) -> None:
        """Have a thread.

        Raises:
            RuntimeError: if the system gives no more.
        """
        if not self.started:
            threading.Thread(target=_work, args=(self.tasks,), name="chainrule", daemon=True).start()
            self.started = True


def _work(tasks: SimpleQueue[Callable[[], object]]) -> None:
    while True:
        tasks.get()()


class Crew:
    """The calling thread and those that it has borrowed."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self._memory = ctypes.create_string_buffer(2 * LINE)  # the counter has one of the lines to itself
        self._finished = ctypes.c_int64.from_buffer(self._memory, -ctypes.addressof(self._memory) % LINE)

    @property
    def size(self) -> int:
        """How many threads there are, the calling one included."""
        return 1 + len(self.workers)

    def run(self, address: int, *arguments: int) -> None:
        """Call ``void f(i64 argument, ..., i64 thread)`` on every thread at once; return when all have returned.

        Threads are numbered from 0, the calling one. The interpreter lock is free while they run. ``Ctrl-C`` takes
        effect when all of them have finished, so what they work on may be freed then.

        Args:
            address: of machine code that stays where it is during the run.
            arguments: whole numbers and addresses.
        """
        for worker in self.workers:
            worker.start()
        values = [index(value) for value in arguments]
        run = _trampoline(len(values))
        place = ctypes.addressof(self._finished)
        member = partial(run, place, self._finished.value + self.size, address, *values)
        tasks = [partial(worker.tasks.put, partial(member, 1 + i)) for i, worker in enumerate(self.workers)]
        # One call, as the interpreter sees it. Between two of them an exception could come from outside (Ctrl-C), and
        # the threads that have their task would wait in it for this one forever.
        list(map(call, [*tasks, partial(member, 0)]))


@cache
def _trampoline(count: int) -> Callable[..., None]:
    """Machine code that calls a function of ``count`` arguments and the thread's number, and says when it is done.

    Its arguments are the address of the counter of finished calls, what it is when all have finished, the address of
    the function, and the function's arguments. Thread 0 waits for the others.
    """
    target = host()
    module = Module()
    barrier = write_barrier(module, target.triple)
    names = [*(f"i64 %a{i}" for i in range(count)), "i64 %thread"]
    f = module.function("run", ["ptr %finished", "i64 %target", "ptr %function", *names], exported=True)
    f.do(f"call void %function({', '.join(names)})")
    first = f.compare("eq", "%thread", 0)
    f.when(first, lambda: f.do(f"call void @{barrier}(ptr %finished, i64 %target)"))
    f.when(f.value(f"xor i1 {first}, true"), lambda: f.do("atomicrmw add ptr %finished, i64 1 release, align 8"))
    arguments: list[Any] = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * (count + 1)]
    return compile_text(module.text, target).function("run", *arguments)


class Team:
    """All workers that there are, and who has them.

    A worker knows its crew by a weak reference, so one whose crew is gone, however that came, is free again.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Be without workers. Those of a crew that lives on in a forked process stay with it alone."""
        for worker in getattr(self, "workers", ()):
            worker.forget()
        self.lock = threading.Lock()
        self.workers: list[Worker] = []
        self.crews: weakref.WeakSet[Crew] = weakref.WeakSet()

    def lend(self, crew: Crew, wanted: int) -> None:
        """Give a crew up to ``wanted`` threads in all, as long as cores are left for them."""
        with self.lock:
            left = cores() - sum(other.size for other in self.crews)
            self.crews.add(crew)
            while crew.size < min(wanted, left) and (worker := self._idle()):
                worker.crew = weakref.ref(crew)
                crew.workers.append(worker)

    def _idle(self) -> Worker | None:
        """A worker that nobody has, made if need be; ``None`` if the system gives no more threads."""
        for worker in self.workers:
            if worker.crew is None or worker.crew() is None:
                return worker
        worker = Worker()
        try:
            worker.start()
        except RuntimeError:
            return None
        self.workers.append(worker)
        return worker

    def take_back(self, crew: Crew) -> None:
        """Make a crew's workers free again."""
        with self.lock:
            self.crews.discard(crew)
            for worker in crew.workers:
                worker.crew = None
            crew.workers = []


TEAM = Team()
renew_at_fork(TEAM)


@contextmanager
def borrow(wanted: int) -> Iterator[Crew]:
    """The calling thread with up to ``wanted - 1`` others, for as long as the block lasts.

    There are fewer where other blocks hold them: all crews together have no more threads than :func:`cores`, but each
    has its own.

    >>> with borrow(1) as crew:
    ...     crew.size
    1
    """
    crew = Crew()
    try:
        TEAM.lend(crew, wanted)
        yield crew
    finally:
        TEAM.take_back(crew)
