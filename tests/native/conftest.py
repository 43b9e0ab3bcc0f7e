"""Code that the native engine writes, compiled and run on arrays."""

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule.engines.native.arithmetic import Arithmetic, Form
from chainrule.engines.native.emit import Module
from chainrule.engines.native.jit import compile_text
from chainrule.engines.native.target import WIDTHS, host

sys.path.insert(0, str(Path(__file__).parent))  # the generators of random programs lie beside the tests

collect_ignore = ["agreement.py", "fuzz.py", "programs.py"]  # no tests; importing them twice would register twice

FORMS = [
    Form(precision, lanes)
    for precision, size in (("float32", 4), ("float64", 8))
    for lanes in [*(width // size for width in WIDTHS if width <= host().vector_bytes), 1]
]
DTYPES = {"int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}


@pytest.fixture(params=FORMS, ids=lambda form: f"{form.precision}x{form.lanes}")
def form(request):
    """Every precision with vectors of every width, and scalars."""
    return request.param


@pytest.fixture
def elements():
    """``elements(form, write, *arrays, result="float")``: what ``write(a, *values)`` computes, element by element."""
    return run_elements


def run_elements(form, write, *arrays, result="float"):
    floats = np.dtype(form.precision)
    kinds = [next((k for k, dtype in DTYPES.items() if x.dtype == dtype), "float") for x in arrays]
    text = module_text(form, write, kinds, result)
    go = compile_text(text, host()).function("go", ctypes.c_int64, *[ctypes.c_void_p] * (len(arrays) + 1))
    count = len(arrays[0])
    padded = -(-count // form.lanes) * form.lanes
    inputs = [np.zeros(padded, DTYPES.get(kind, floats)) for kind in kinds]
    for into, x in zip(inputs, arrays, strict=True):
        into[:count] = x
    out = np.empty(padded, DTYPES.get(result, floats))
    go(padded, *(x.ctypes.data for x in inputs), out.ctypes.data)
    return out[:count]


def module_text(form, write, kinds, result):
    module = Module()
    pointers = [f"ptr %x{i}" for i in range(len(kinds))]
    f = module.function("go", ["i64 %n", *pointers, "ptr %out"], exported=True)
    a = Arithmetic(f, form)

    def load(place, kind, i):
        if kind == "float":
            return a.load(f.offset(f"%x{place}", f.multiply(i, form.bytes)))
        if kind == "int":
            return f.load(form.of("i64"), f.offset(f"%x{place}", f.multiply(i, 8)))
        bytes_read = f.load(form.of("i8"), f.offset(f"%x{place}", i), 1)
        return f.value(f"trunc {form.of('i8')} {bytes_read} to {form.mask}")

    def one(i):
        value = write(a, *(load(place, kind, i) for place, kind in enumerate(kinds)))
        if result == "float":
            a.store(value, f.offset("%out", f.multiply(i, form.bytes)))
        elif result == "int":
            f.store(form.of("i64"), value, f.offset("%out", f.multiply(i, 8)))
        else:
            f.store(form.of("i8"), f.value(f"zext {form.mask} {value} to {form.of('i8')}"), f.offset("%out", i), 1)

    f.loop(0, "%n", form.lanes, one)
    return module.text


@pytest.fixture(autouse=True)
def _no_cache_on_disk(monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", "off")


@pytest.fixture
def four_threads(monkeypatch):
    """As many threads, however few cores there are."""
    monkeypatch.setenv("CHAINRULE_THREADS", "4")
