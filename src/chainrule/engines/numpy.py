"""The reference engine: the printed Python text, executed with NumPy."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.engines.threefry import uniform
from chainrule.errors import ArgumentError, ShapeError, unknown_name
from chainrule.program import Program, Var
from chainrule.shapes import bind
from chainrule.show.python import to_python

Array: TypeAlias = NDArray[Any]

FLOAT_TYPES: dict[str, type[np.floating[Any]]] = {"float32": np.float32, "float64": np.float64}


def add_rows(x: Array, indices: Array, shape: tuple[int, ...]) -> Array:
    """Zeros of ``shape`` with each row of ``x`` added at its index."""
    out = np.zeros(shape, x.dtype)
    np.add.at(out, indices, x)
    return out


def namespace(precision: str) -> dict[str, Any]:
    """The names that a printed program may use."""
    if precision not in FLOAT_TYPES:
        raise unknown_name("dtype", precision, FLOAT_TYPES)
    dtype = FLOAT_TYPES[precision]
    return {"np": np, "dtype": dtype, "uniform": partial(uniform, dtype=dtype), "add_rows": add_rows}


def compile_program(
    program: Program, precision: str = "float64", *, fold: bool = True, names: Mapping[str, Any] | None = None
) -> Callable[..., tuple[Any, ...]]:
    """The program's text as a function of its inputs, in order, that returns a tuple of its outputs.

    The text is known to tracebacks. Floating-point warnings are the caller's to silence. Names in the text mean what
    ``names`` says, even where the text defines them; by default, what they mean on NumPy.
    """
    text = to_python(program, helpers=True, fold=fold)
    filename = f"<chainrule {program.name} {program.fingerprint[:12]}{'' if fold else ' unfolded'}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    known = dict(names or namespace(precision))
    exec(compile(text, filename, "exec"), known)
    known.update(names or {})
    function: Callable[..., Any] = known[program.name]
    return function if len(program.outputs) != 1 else lambda *arguments: (function(*arguments),)


def prepare(program: Program, values: Mapping[str, Any], precision: str) -> dict[str, Any]:
    """Check ``values`` against the program's inputs and convert them to its types.

    Raises:
        ArgumentError: for a missing or an unknown input.
        ShapeError: for a shape that does not fit, with both shapes.
    """
    wanted = {v.name: v for v in program.inputs}
    for name in values:
        if name not in wanted:
            raise unknown_name("input", name, wanted)
    missing = [name for name in wanted if name not in values]
    if missing:
        raise ArgumentError(f"{program.name} needs a value for {', '.join(missing)}")
    sizes: dict[str, int] = {}
    return {name: _convert(var, values[name], precision, sizes) for name, var in wanted.items()}


def sizes_of(program: Program, prepared: Mapping[str, Any]) -> dict[str, int]:
    """The named sizes, such as ``B``, of values that :func:`prepare` gave."""
    sizes: dict[str, int] = {}
    for var in program.inputs:
        bind(var.name, var.shape, np.shape(prepared[var.name]), sizes)
    return sizes


def _convert(var: Var, value: Any, precision: str, sizes: dict[str, int]) -> Any:
    dtype: Any = {"float": FLOAT_TYPES.get(precision), "int": np.int64, "bool": np.bool_}[var.dtype]
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":  # text, complex numbers, and objects: None would become NaN
            raise TypeError
        if var.dtype == "int" and array.dtype.kind == "f" and not np.array_equal(array, np.floor(array)):
            raise ValueError
        array = array.astype(dtype, copy=False)
    except (TypeError, ValueError):
        raise ShapeError(f"{var.name} must hold {var.dtype} values, not {value!r:.60}") from None
    bind(var.name, var.shape, array.shape, sizes)
    if var.shape == ():
        return float(value) if var.role == "constant" and var.dtype == "float" else array[()]
    return array


def run(program: Program, values: Mapping[str, Any], precision: str = "float64") -> dict[str, Any]:
    """The outputs of the program by label, as arrays of the wanted precision."""
    prepared = prepare(program, values, precision)
    with np.errstate(all="ignore"):
        results = compile_program(program, precision)(*prepared.values())
    return label_outputs(program, results, precision)


def label_outputs(program: Program, results: tuple[Any, ...], precision: str) -> dict[str, Any]:
    """Results by label; plain numbers get the program's precision, read-only views become arrays."""
    dtype = FLOAT_TYPES[precision]
    labelled: dict[str, Any] = {}
    for (label, atom), value in zip(program.outputs, results, strict=True):
        if isinstance(value, np.ndarray):
            labelled[label] = value if value.flags.writeable else value.copy()
        else:
            is_float = not isinstance(atom, Var) or atom.dtype == "float"
            labelled[label] = dtype(value) if is_float else value
    return labelled


def run_all(program: Program, values: Mapping[str, Any], precision: str = "float64") -> dict[str, Any]:
    """Every variable of the program by name: inputs and what each equation computes."""
    everything = Program(
        f"{program.name}_all",
        program.inputs,
        program.equations,
        tuple((e.target.name, e.target) for e in program.equations),
    )
    prepared = prepare(program, values, precision)
    with np.errstate(all="ignore"):
        results = compile_program(everything, precision, fold=False)(*prepared.values())
    return prepared | dict(zip((e.target.name for e in program.equations), results, strict=True))
