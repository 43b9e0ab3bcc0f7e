"""Programs of a network on data: which engine computes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chainrule.engines.choice import Engine, check_engine, jax_settings
from chainrule.engines.fallback import warn_of_fallback
from chainrule.engines.jax import jax_call
from chainrule.errors import EngineError
from chainrule.program import Program
from chainrule.runnable import Runnable
from chainrule.running import COMPILING_SECONDS, reference_seconds


class Evaluator:
    """Runs programs of one network; what was compiled is kept.

    Args:
        precision: of all floats.
    """

    def __init__(self, precision: str) -> None:
        self._precision = precision
        self._calls: dict[tuple[str, int, int | None], Any] = {}
        self._seconds: dict[tuple[str, int], float] = {}
        self._refused: set[str] = set()
        self._threads: int | None = None

    @contextmanager
    def limited(self, threads: int | None) -> Iterator[None]:
        """Use at most so many threads within the block; ``None``: as many as turn out to pay."""
        before, self._threads = self._threads, threads
        try:
            yield
        finally:
            self._threads = before

    def run(
        self, program: Runnable, values: Mapping[str, Any], rows: int, engine: Engine, calls: int = 1
    ) -> dict[str, Any]:
        """The outputs of a program by label.

        Args:
            program: what to run.
            values: of its inputs.
            rows: of the data, named ``B`` in the program.
            engine: ``"native"``, ``"numpy"``, ``"jax"``, a JaxEngine, or ``"auto"``: native where the reference
                engine would need longer than compiling does.
            calls: how many such calls there are going to be.
        """
        check_engine(engine)
        settings = jax_settings(engine)
        if settings is not None:
            return jax_call(program, self._precision, settings).run(values)
        if engine == "native" or (engine == "auto" and self._pays(program, rows, calls)):
            try:
                return self._native(program, rows).run(values)  # type: ignore[no-any-return]
            except EngineError as error:
                if engine == "native":
                    raise
                self._refused.add(program.fingerprint)
                warn_of_fallback(str(error))
        return program(dtype=self._precision, **values)

    def _pays(self, program: Program, rows: int, calls: int) -> bool:
        """Whether so many calls on the reference engine take longer than compiling; by their sizes alone."""
        key = (program.fingerprint, rows)
        if key not in self._seconds:
            self._seconds[key] = reference_seconds(program, {"B": rows}, self._precision)
        return calls * self._seconds[key] > COMPILING_SECONDS and program.fingerprint not in self._refused

    def _native(self, program: Program, rows: int) -> Any:
        """The program compiled for at least so many rows."""
        from chainrule.engines.native.call import NativeCall
        from chainrule.engines.native.target import cores

        capacity = 1 << (rows - 1).bit_length()
        key = (program.fingerprint, capacity, self._threads)
        if key not in self._calls:
            threads = self._threads or cores()
            self._calls[key] = NativeCall(program, self._precision, {"B": capacity}, threads=threads)
        return self._calls[key]
