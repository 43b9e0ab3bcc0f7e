"""Starting values of parameters."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ShapeError, require, unknown_name

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Initialiser:
    """Draws the starting values of one array; subclasses say how."""

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Values of ``shape``, whose first axis counts the inputs of a unit and whose last the units."""
        raise NotImplementedError

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise :class:`ShapeError` if this cannot start an array of ``shape``."""

    def to_json(self) -> dict[str, Any]:
        """A description that :func:`initialiser` reads back."""
        return {"name": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class Zeros(Initialiser):
    """All zeros."""

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Zeros of ``shape``."""
        return np.zeros(shape)


@dataclass(frozen=True)
class Constant(Initialiser):
    """One value everywhere (the lectures' W = 1, b = 0)."""

    value: float = 0.0

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """``value`` in every element of ``shape``."""
        return np.full(shape, float(self.value))


@dataclass(frozen=True)
class Given(Initialiser):
    """Values given as an array, or as nested lists."""

    values: Any

    def __init__(self, values: ArrayLike) -> None:
        object.__setattr__(self, "values", np.asarray(values, dtype=np.float64).tolist())

    def check(self, shape: tuple[int, ...]) -> None:
        """The values must have that shape."""
        have = np.asarray(self.values, dtype=np.float64).shape
        if have != shape:
            raise ShapeError(f"the given starting values have shape {have}, but {shape} is needed")

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """The values, whose shape must be ``shape``."""
        self.check(shape)
        return np.asarray(self.values, dtype=np.float64)


@dataclass(frozen=True)
class Normal(Initialiser):
    """Normal with a standard deviation, around 0."""

    deviation: float = 0.05

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Independent draws of ``shape``."""
        return rng.normal(0.0, self.deviation, shape)


@dataclass(frozen=True)
class Uniform(Initialiser):
    """Uniform between two bounds."""

    low: float = -0.05
    high: float = 0.05

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Independent draws of ``shape``."""
        return rng.uniform(self.low, self.high, shape)


@dataclass(frozen=True)
class _Scaled(Initialiser):
    """Independent draws of a variance that depends on the shape."""

    distribution: Literal["uniform", "normal"] = "uniform"

    def variance(self, fan_in: int, fan_out: int) -> float:
        """The variance of one element."""
        raise NotImplementedError

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Independent draws of ``shape``."""
        deviation = sqrt(self.variance(max(shape[0], 1), max(shape[-1], 1)))
        if self.distribution == "normal":
            return rng.normal(0.0, deviation, shape)
        bound = deviation * sqrt(3)
        return rng.uniform(-bound, bound, shape)


@dataclass(frozen=True)
class Xavier(_Scaled):
    """Variance 2 / (inputs + units), uniform unless told otherwise. Glorot and Bengio (2010)."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        """2 / (fan_in + fan_out)."""
        return 2 / (fan_in + fan_out)


@dataclass(frozen=True)
class He(_Scaled):
    """Variance 2 / inputs, normal unless told otherwise: for ReLU. He, Zhang, Ren, Sun (2015)."""

    distribution: Literal["uniform", "normal"] = "normal"

    def variance(self, fan_in: int, fan_out: int) -> float:
        """2 / fan_in."""
        return 2 / fan_in


@dataclass(frozen=True)
class LeCun(_Scaled):
    """Variance 1 / inputs, normal unless told otherwise: for SELU. LeCun, Bottou, Orr, Mueller (1998)."""

    distribution: Literal["uniform", "normal"] = "normal"

    def variance(self, fan_in: int, fan_out: int) -> float:
        """1 / fan_in."""
        return 1 / fan_in


@dataclass(frozen=True)
class Orthogonal(Initialiser):
    """Orthonormal rows or columns (whichever are fewer), times ``gain``. Saxe, McClelland, Ganguli (2014)."""

    gain: float = 1.0

    def check(self, shape: tuple[int, ...]) -> None:
        """Only a matrix can be orthogonal."""
        if len(shape) != 2:
            raise ShapeError(f"orthogonal starting values need a matrix, not shape {shape}")

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """A matrix of ``shape``."""
        self.check(shape)
        tall = rng.normal(size=(max(shape), min(shape)))
        q, r = np.linalg.qr(tall)
        q = q * np.sign(np.diagonal(r))  # without this, the distribution would not be uniform
        return np.asarray(self.gain * (q if shape[0] >= shape[1] else q.T))


INITIALISERS: dict[str, type[Initialiser]] = {
    "zeros": Zeros,
    "constant": Constant,
    "given": Given,
    "normal": Normal,
    "uniform": Uniform,
    "xavier": Xavier,
    "he": He,
    "lecun": LeCun,
    "orthogonal": Orthogonal,
}


def initialiser(value: Any) -> Initialiser:
    """An initialiser from its name, a number, an array, a description by :meth:`Initialiser.to_json`, or itself.

    >>> initialiser("he"), initialiser(1.0)
    (He(distribution='normal'), Constant(value=1.0))
    """
    if isinstance(value, Initialiser):
        return value
    if isinstance(value, str):
        if value.lower() not in INITIALISERS:
            raise unknown_name("initialiser", value, INITIALISERS)
        require(value.lower() != "given", "give the starting values themselves, as an array")
        return INITIALISERS[value.lower()]()
    if isinstance(value, dict):
        settings = dict(value)
        return INITIALISERS[settings.pop("name").lower()](**settings)
    if isinstance(value, int | float):
        return Constant(float(value))
    return Given(value)
