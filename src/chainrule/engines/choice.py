"""Which engine is meant: a name, or an engine with settings of its own."""

from __future__ import annotations

from typing import Any, TypeAlias

from chainrule.engines.jax import JaxEngine, divides
from chainrule.errors import unknown_name

ENGINES = ("auto", "jax", "native", "numpy")

Engine: TypeAlias = str | JaxEngine


def check_engine(engine: object) -> None:
    """Raise UnknownNameError unless this is an engine."""
    if not isinstance(engine, JaxEngine) and engine not in ENGINES:
        raise unknown_name("engine", engine, ENGINES)


def jax_settings(engine: Engine) -> JaxEngine | None:
    """The settings of the JAX engine, where that is meant."""
    if isinstance(engine, JaxEngine):
        return engine
    return JaxEngine() if engine == "jax" else None


def one_by_one(engine: Engine) -> bool:
    """Whether trainings must not run beside each other: several devices and processes would wait for each other."""
    settings = jax_settings(engine)
    return settings is not None and divides(settings)


def engine_to_json(engine: Engine) -> Any:
    """The engine as JSON can hold it."""
    return engine.to_json() if isinstance(engine, JaxEngine) else engine


def engine_from_json(described: Any) -> Engine:
    """The engine that :func:`engine_to_json` described."""
    return described if isinstance(described, str) else JaxEngine.from_json(described)
