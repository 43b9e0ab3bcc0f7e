"""From LLVM's text to machine code in memory."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable
from importlib import import_module
from typing import Any

from chainrule.engines.native.cache import object_key, open_cache
from chainrule.engines.native.emit import without_comments
from chainrule.engines.native.target import Target, binding
from chainrule.errors import ProgramError

OPTIMISATION = 2
"""Of the code generator. No passes run before it: they gain nothing on text that is already vectors and tiles."""


class Machine:
    """Machine code in memory, which stays there as long as this object lives.

    Args:
        engine: LLVM's owner of the code.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def address(self, name: str) -> int:
        """Where an exported function begins.

        Raises:
            ProgramError: if there is none of that name.
        """
        found = int(self._engine.get_function_address(name))
        if not found:
            raise ProgramError(f"the machine code has no function {name!r}: this is a defect of chainrule")
        return found

    def function(self, name: str, *arguments: Any) -> Callable[..., None]:
        """An exported function for arguments of these ctypes types. It keeps the code alive.

        While it runs, the interpreter lock is free for other threads.
        """
        made: Any = ctypes.CFUNCTYPE(None, *arguments)(self.address(name))
        made.machine = self
        return made  # type: ignore[no-any-return]


def compile_text(text: str, target: Target) -> Machine:
    """Machine code of a module, from the cache on disk if it was compiled before, with or without comments.

    Functions from outside are taken from this process: the C library, and its mathematics.

    Raises:
        ProgramError: if LLVM rejects the text, which is a defect of chainrule; the message says where the text is.
        EngineError: where llvmlite is missing, or the system forbids generated code.
    """
    llvm = binding()
    text = without_comments(text)
    store = open_cache()
    key = object_key(text, target, f"{llvm.llvm_version_info} {import_module('llvmlite').__version__}")
    code = store.read(key) if store else None
    engine = _empty_engine(target)
    if code is None:
        code = _generate(text, target)
        if store:
            store.write(key, code)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return Machine(engine)


def assembly(text: str, target: Target) -> str:
    """The instructions that a module becomes, to be read."""
    return str(_generator(target).emit_assembly(_parse(text)))


def _generate(text: str, target: Target) -> bytes:
    """The object of a module, after a look whether this process has all that it calls."""
    module = _parse(text)
    outside = [f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")]
    missing = [name for name in outside if binding().address_of_symbol(name) is None]
    if missing:  # LLVM would end the process
        raise _defect(f"this system has no function {', '.join(missing)}", text)
    return bytes(_generator(target).emit_object(module))


def _parse(text: str) -> Any:
    """The module, verified."""
    try:
        module = binding().parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise _defect(str(error), text) from error
    return module


def _defect(message: str, text: str) -> ProgramError:
    with tempfile.NamedTemporaryFile("w", prefix="chainrule-", suffix=".ll", delete=False, encoding="utf-8") as file:
        file.write(text)
    return ProgramError(
        f"LLVM cannot compile a program: {' '.join(message.split())}. This is a defect of chainrule: "
        f"please report it with the file {file.name}; engine='numpy' runs the program meanwhile"
    )


def _generator(target: Target) -> Any:
    """LLVM's code generator for a machine."""
    family = binding().Target.from_triple(target.triple)
    return family.create_target_machine(cpu=target.cpu, features=target.features, opt=OPTIMISATION, jit=True)


def _empty_engine(target: Target) -> Any:
    """A place for code in memory. Making one also lets LLVM find the functions of this process."""
    llvm = binding()
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _generator(target))
