"""The loss as a function of the parameters alone: its value, its gradient, and its second derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import require
from chainrule.experiments.problems import Problem
from chainrule.expression import Expression, symbol
from chainrule.passes import simplify
from chainrule.runnable import Runnable, derive, gradient
from chainrule.trace import trace

LARGEST_HESSIAN: Final = 500
"""Up to so many parameters, the whole matrix of second derivatives is computed."""
LANCZOS_STEPS: Final = 80
"""Products of the matrix with a vector from which its outer eigenvalues are found, for more parameters."""

Vector = NDArray[np.float64]


class LossSurface:
    """A formula as a function of some of its symbols, taken together as one flat vector; all else is held fixed.

    Everything is computed in float64. Second derivatives come from deriving the derivatives again: the gradient times
    a constant vector v is a number, and its gradient is the Hessian times v.

    Args:
        formula: what is looked at, a single number.
        parameters: the symbols that vary.
        fixed: values of all other symbols.

    >>> import chainrule as cr
    >>> x, y = cr.symbols("x y")
    >>> LossSurface(x**2 - y**2 + 3 * x * y, (x, y), {}).hessian([1.0, 2.0])
    array([[ 2.,  3.],
           [ 3., -2.]])
    """

    def __init__(self, formula: Expression, parameters: Sequence[Expression], fixed: Mapping[str, Any]) -> None:
        self._formula, self._parameters, self._fixed = formula, tuple(parameters), dict(fixed)
        self._names = [str(p.name) for p in self._parameters]
        self._shapes = [tuple(int(n) for n in p.shape) for p in self._parameters]
        sizes = [int(np.prod(shape)) for shape in self._shapes]
        self._ends = np.cumsum(sizes)
        self.size = sum(sizes)

    @staticmethod
    def of(problem: Problem) -> LossSurface:
        """The loss of a network over its rows, penalties included, without dropout."""
        network = problem.network
        fixed = network.prepare(problem.X, problem.y)
        parts = network.model.assemble(training=False)
        parameters = [parts.build.symbols[p.name] for p in parts.parameters]
        return LossSurface(parts.objective, parameters, {**fixed, **network.states})

    def value(self, theta: ArrayLike) -> float:
        """The loss at ``theta``, shape (size,)."""
        return float(self._run(self._value, theta)["value"])

    def gradient(self, theta: ArrayLike) -> Vector:
        """The first derivatives at ``theta``, shape (size,)."""
        return self._flat(self._run(self._gradient, theta))

    def product(self, theta: ArrayLike, v: ArrayLike) -> Vector:
        """The second derivatives at ``theta`` times the vector ``v``, shape (size,)."""
        vectors = {f"v_{name}": part for name, part in self._views(v).items()}
        return self._flat(self._run(self._product, theta, vectors))

    def hessian(self, theta: ArrayLike) -> NDArray[np.float64]:
        """The matrix of second derivatives at ``theta``, shape (size, size)."""
        require(
            self.size <= LARGEST_HESSIAN,
            f"the whole matrix is computed up to {LARGEST_HESSIAN} parameters, not {self.size}: use product",
        )
        matrix = np.array([self.product(theta, unit) for unit in np.eye(self.size)])
        symmetric: NDArray[np.float64] = (matrix + matrix.T) / 2
        return symmetric

    def eigenvalues(self, theta: ArrayLike) -> Vector:
        """Eigenvalues of the second derivatives, rising: all, or the outer ones of more than 500 parameters."""
        return self.eigenpairs(theta)[0]

    def eigenpairs(self, theta: ArrayLike) -> tuple[Vector, NDArray[np.float64]]:
        """Eigenvalues, rising, and the directions that belong to them, as columns.

        Above 500 parameters, by the method of Lanczos with full orthogonalisation: the first and the last of the
        values are close to the smallest and the largest, those between are not eigenvalues.

        Source: G. H. Golub and C. F. Van Loan, Matrix Computations, 4th edition (2013), section 10.1.
        """
        if self.size <= LARGEST_HESSIAN:
            values, vectors = np.linalg.eigh(self.hessian(theta))
            return values, vectors
        basis = np.zeros((self.size, LANCZOS_STEPS))
        image = np.zeros_like(basis)
        q = np.random.default_rng(0).standard_normal(self.size)
        for n in range(LANCZOS_STEPS):
            for _ in range(2):  # once is not enough against rounding
                q = q - basis @ (basis.T @ q)
            length = np.linalg.norm(q)
            if length <= 1e-10 * max(1.0, float(np.abs(image).max())):
                basis, image = basis[:, :n], image[:, :n]
                break
            basis[:, n] = q / length
            image[:, n] = q = self.product(theta, basis[:, n])
        inner = basis.T @ image
        values, vectors = np.linalg.eigh((inner + inner.T) / 2)
        return values, basis @ vectors

    def _run(self, program: Runnable, theta: ArrayLike, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        values = {**self._fixed, **self._views(theta), **(more or {})}
        return program(**{v.name: values[v.name] for v in program.inputs})

    def _views(self, theta: ArrayLike) -> dict[str, Vector]:
        flat = np.asarray(theta, np.float64)
        parts = np.split(flat, self._ends[:-1])
        return {n: part.reshape(s) for n, part, s in zip(self._names, parts, self._shapes, strict=True)}

    def _flat(self, results: Mapping[str, Any]) -> Vector:
        parts = [results.get(f"d{n}", np.zeros(s)) for n, s in zip(self._names, self._shapes, strict=True)]
        return np.concatenate([np.ravel(part) for part in parts])

    @cached_property
    def _value(self) -> Runnable:
        return Runnable.of(simplify(trace({"value": self._formula}, name="value")))

    @cached_property
    def _gradient(self) -> Runnable:
        return self._derived(self._formula)

    @cached_property
    def _product(self) -> Runnable:
        parameters = self._occurring(self._formula)
        directions = [symbol(f"v_{p.name}", p.shape) for p in parameters]
        slopes = gradient(self._formula, parameters)
        along = sum((slope * v).sum() for slope, v in zip(slopes, directions, strict=True))
        return self._derived(along)

    def _derived(self, formula: Expression) -> Runnable:
        return derive(formula, self._occurring(formula))

    def _occurring(self, formula: Expression) -> list[Expression]:
        """The parameters that a formula reads: by the others, its derivative is 0."""
        read = {v.name for v in trace({"value": formula}).inputs}
        return [p for p in self._parameters if p.name in read]
