"""Numbers below the smallest normal one: in training they count as 0, since each would cost a hundred cycles.

Running averages of gradients that have become 0 pass through that range for hundreds of steps.
"""

from __future__ import annotations

from chainrule.engines.native.emit import Function

FLUSH = 0x8040
"""Results below the smallest normal number become 0, and such operands count as 0: bits of x86's MXCSR register."""


def flush(f: Function, triple: str) -> str:
    """Let them count as 0 from here on, on x86; other processors are left as they are.

    Returns:
        What :func:`restore` needs. It is aligned as registers are, so that those put aside are too.
    """
    if not triple.startswith("x86_64"):
        return ""
    before, here = f.value("alloca i32, align 64"), f.value("alloca i32, align 64")
    f.call("llvm.x86.sse.stmxcsr", "void", [("ptr", before)])
    changed = f.value(f"or i32 {f.load('i32', before, 4)}, {FLUSH}")
    f.store("i32", changed, here, 4)
    f.call("llvm.x86.sse.ldmxcsr", "void", [("ptr", here)])
    return before


def restore(f: Function, before: str) -> None:
    """Go back to what the thread had before :func:`flush`."""
    if before:
        f.call("llvm.x86.sse.ldmxcsr", "void", [("ptr", before)])
