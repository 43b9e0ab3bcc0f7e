"""What the printed text of a program means under JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from chainrule.engines.jax.settings import JaxEngine
from chainrule.engines.numpy import compile_program
from chainrule.engines.threefry import uniform
from chainrule.expression import Spelling
from chainrule.program import Program

Array: TypeAlias = Any
"""An array of JAX, or a traced one."""

INSTEAD = {"erf": jax.scipy.special.erf}
"""What XLA has itself, faster than what the text makes of others: a tenth of a step with GELU. In float64 its relative
error is 2.2e-16, as that of the text; in float32 3e-7."""

FLOAT_TYPES = {"float32": jnp.float32, "float64": jnp.float64}


@contextmanager
def scope() -> Iterator[None]:
    """Within the block, in this thread: doubles exist, and products keep all digits of what they multiply.

    The constants of training are doubles in float32 programs, too, as they are Python numbers on NumPy.
    """
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        yield


def text_function(
    program: Program, precision: str, settings: JaxEngine, **others: Callable[..., Array]
) -> Callable[..., tuple[Array, ...]]:
    """The program's text as a function of its inputs, in order, that JAX can trace; ``others`` replace its names."""
    narrow = settings.products == "bfloat16" and precision == "float32"
    dtype = FLOAT_TYPES[precision]
    names = {
        "np": jnp,
        "dtype": dtype,
        "uniform": partial(uniform, dtype=dtype, xp=jnp),
        "add_rows": add_rows,
        "narrow_product": narrow_product,
        **INSTEAD,
        **others,
    }
    program = _with_narrow_products(program) if narrow else program
    return compile_program(program, precision, names=names)


def add_rows(x: Array, indices: Array, shape: tuple[int, ...]) -> Array:
    """Zeros of ``shape`` with each row of ``x`` added at its index."""
    return jnp.zeros(shape, x.dtype).at[indices].add(x)


def narrow_product(x: Array, y: Array) -> Array:
    """``x @ y`` from factors of 8 significant bits, added up in float32."""
    return jnp.matmul(x.astype(jnp.bfloat16), y.astype(jnp.bfloat16), preferred_element_type=jnp.float32)


def _with_narrow_products(program: Program) -> Program:
    """The program whose text calls :func:`narrow_product` in the place of ``@``."""
    equations = tuple(
        replace(e, operation=replace(e.operation, python=Spelling("narrow_product({x}, {y})")))
        if e.operation.name == "matmul"
        else e
        for e in program.equations
    )
    return replace(program, equations=equations)
