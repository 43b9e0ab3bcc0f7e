"""Text to machine code."""

import ctypes
import gc
import math
import re

import numpy as np
import pytest

from chainrule.engines.native.arithmetic import Arithmetic, Form
from chainrule.engines.native.emit import Module
from chainrule.engines.native.jit import assembly, compile_text
from chainrule.engines.native.target import Target, host
from chainrule.errors import ProgramError

WIDTHS = [width for width in (64, 32, 16) if width <= host().vector_bytes]
WIDE_CALL = "chainrule_no_such_function"


@pytest.fixture(autouse=True)
def _cache_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))


def scaled_sum(form):
    """out[i] = 3 x[i] + y[i] for the lanes of one vector."""
    module = Module()
    f = module.function("scaled", ["ptr %x", "ptr %y", "ptr %out"], exported=True)
    a = Arithmetic(f, form)
    a.store(a.fma(a.constant(3.0), a.load("%x"), a.load("%y")), "%out")
    return module.text


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_vectors_of_every_width_compute(precision, width):
    lanes = width // np.dtype(precision).itemsize
    scaled = compile_text(scaled_sum(Form(precision, lanes)), host(width)).function("scaled", *[ctypes.c_void_p] * 3)
    x, y, out = np.arange(lanes, dtype=precision), np.full(lanes, 0.5, precision), np.zeros(lanes, precision)
    for _ in range(2):  # from the text, and then from the cache
        scaled(x.ctypes.data, y.ctypes.data, out.ctypes.data)
        assert np.array_equal(out, 3 * x + 0.5)


@pytest.mark.parametrize("cpu", ["skylake-avx512", "icelake-server", "sapphirerapids", "znver4"])
def test_wide_vectors_stay_whole_where_a_processor_prefers_halves(cpu):
    machine = Target("x86_64-unknown-linux-gnu", cpu, "", 64)
    if not host().triple.startswith("x86_64"):
        pytest.skip("LLVM is set up for this machine's family only")
    instructions = assembly(scaled_sum(Form("float32", 16)), machine)
    assert re.search(r"vfmadd\S+\s.*%zmm", instructions)
    assert "%ymm" not in instructions


@pytest.mark.parametrize(
    ("name", "expected"), [("exp", math.exp), ("sin", math.sin), ("log1p", math.log1p), ("tanh", math.tanh)]
)
def test_the_mathematics_of_the_c_library_is_there(name, expected):
    module = Module()
    f = module.function("go", ["ptr %p"], exported=True)
    f.store("double", f.call(name, "double", [("double", f.load("double", "%p"))]), "%p")
    number = ctypes.c_double(0.75)
    compile_text(module.text, host()).function("go", ctypes.c_void_p)(ctypes.byref(number))
    assert number.value == pytest.approx(expected(0.75), rel=1e-15)


def test_a_function_keeps_its_code():
    function = compile_text(scaled_sum(Form("float64", 2)), host()).function("scaled", *[ctypes.c_void_p] * 3)
    gc.collect()
    x, out = np.ones(2), np.zeros(2)
    function(x.ctypes.data, x.ctypes.data, out.ctypes.data)
    assert out.tolist() == [4.0, 4.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("define void @f() { nonsense }", "expected instruction"),
        ("define i64 @f(i64 %x) {\nb:\n br label %b\nc:\n ret i64 %y\n}", "undefined value"),
        (f"declare void @{WIDE_CALL}()\ndefine void @f() {{ call void @{WIDE_CALL}() ret void }}", WIDE_CALL),
    ],
)
def test_text_that_llvm_rejects_is_a_defect_and_is_kept(monkeypatch, tmp_path, text, words):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ProgramError, match=words) as caught:
        compile_text(text, host())
    message = str(caught.value)
    assert "defect of chainrule" in message
    assert "\n" not in message
    (kept,) = tmp_path.glob("*.ll")
    assert str(kept) in message
    assert kept.read_text() == text


def test_an_unknown_function_is_an_error_and_no_crash():
    machine = compile_text(scaled_sum(Form("float32", 4)), host())
    with pytest.raises(ProgramError, match="no function 'other'"):
        machine.address("other")
