"""The code around the phases: a loop over steps that every thread of a run goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from chainrule.engines.native.arithmetic import Arithmetic, Form
from chainrule.engines.native.barrier import write_barrier
from chainrule.engines.native.control import (
    ARENA,
    BATCH,
    CONSTANTS,
    COUNTER,
    FIRST,
    LOSSES,
    ORDER,
    PREDICTIONS,
    RATE,
    ROWS,
    STEPS,
    THREADS,
    TICKS,
    USER,
)
from chainrule.engines.native.denormals import flush, restore
from chainrule.engines.native.dots import write_contracted
from chainrule.engines.native.elementwise import Value, write
from chainrule.engines.native.emit import Function, Index, Module, without_comments
from chainrule.engines.native.kernel import Kernel, element_bytes
from chainrule.engines.native.listing import phase_lines
from chainrule.engines.native.maps import write_map, write_move, write_reduction, write_scatter
from chainrule.engines.native.memory import Memory
from chainrule.engines.native.phases import Move, Operand, Phase, Product, Reduction, Scatter, Schedule, Split, View
from chainrule.engines.native.products import write_columns
from chainrule.engines.native.target import Target
from chainrule.engines.native.tiles import registers, tile_of
from chainrule.engines.native.transposes import is_transpose, write_transpose

ENTRY = "run"


@dataclass(frozen=True)
class Clock:
    """What changes from step to step: inputs that are counted, and the one that holds row numbers."""

    counted: tuple[tuple[str, int], ...] = (("t", 1), ("step", 0))
    rows: str = "rows"


class Driver:
    """Writes the module of a schedule."""

    def __init__(
        self,
        schedule: Schedule,
        memory: Memory,
        target: Target,
        clock: Clock,
        *,
        timed: bool = False,
    ) -> None:
        self.schedule, self.memory, self.clock = schedule, memory, clock
        self.form, self.target, self.timed = schedule.form, target, timed
        self.module = Module()
        self.kinds = self._kinds()
        self._kernels: dict[str, Kernel] = {}

    def _kinds(self) -> dict[str, str]:
        """LLVM's type of each number of a step."""
        kinds = {name: {"int": "i64", "bool": "i1"}.get(dtype, "double") for name, dtype in self.schedule.constants}
        for scalar in self.schedule.scalars:
            element = "double" if scalar.double else self.form.element
            kinds[scalar.statement.target] = {"int": "i64", "bool": "i1"}.get(scalar.statement.dtype, element)
        return kinds

    def write(self) -> Module:
        """The module: kernels, each once for phases that do the same elsewhere, and the loop over steps."""
        kernels = [self._kernel(place, phase) for place, phase in enumerate(self.schedule.phases)]
        barrier = write_barrier(self.module, self.target.triple)
        f = self.module.function(ENTRY, ["ptr %control", "i64 %thread"], exported=True)
        f.title.append(lambda: ["all steps, as each thread goes through them"])
        _Loop(self, f, kernels, barrier).write()
        return self.module

    def _kernel(self, place: int, phase: Phase) -> tuple[str, Kernel]:
        """The name of the phase's function and how it is called; equal texts are one function."""
        name = f"phase_{place}"
        draft = Module()
        kernel = Kernel(draft, phase, self.form, self.kinds, name)
        inner = phase.inner
        if isinstance(inner, Product) and inner.along == "contracted":
            write_contracted(kernel, self.memory.layout.size(inner.left.shape[-2]))
        elif isinstance(inner, Product):
            layout = self.memory.layout
            write_columns(kernel, tile_of(phase, layout, registers(self.target)), layout)
        elif isinstance(inner, Reduction):
            write_reduction(kernel)
        elif isinstance(inner, Scatter):
            write_scatter(kernel)
        elif isinstance(inner, Move):
            write_move(kernel)
        elif is_transpose(phase):
            write_transpose(kernel)
        else:
            write_map(kernel)
        key = without_comments(kernel.function.text).replace(f"@{name}(", "@kernel(")
        if key not in self._kernels:
            self.module.include(draft)
            self._kernels[key] = kernel
        shared = self._kernels[key].function
        shared.title.append(lambda: [f"phase {place + 1}: {line}" for line in phase_lines(self.schedule, phase)])
        return shared.name, kernel


class _Loop:
    """The function that runs the steps."""

    def __init__(self, driver: Driver, function: Function, kernels: list[tuple[str, Kernel]], barrier: str) -> None:
        self.driver, self.f, self.kernels, self.barrier = driver, function, kernels, barrier
        self.schedule, self.clock = driver.schedule, driver.clock
        self.numbers: dict[str, Value] = {}
        self.ranges: dict[Split, tuple[Index, Index]] = {}

    def _slot(self, place: int, kind: str = "i64") -> str:
        return self.f.load(kind, self.f.offset("%control", 8 * place))

    def write(self) -> None:
        f = self.f
        f.comment("from the control block")
        self.arena, self.threads = self._slot(ARENA, "ptr"), self._slot(THREADS)
        self.batch, self.total, self.first = self._slot(BATCH), self._slot(ROWS), self._slot(FIRST)
        self.order, self.losses = self._slot(ORDER, "ptr"), self._slot(LOSSES, "ptr")
        user = self._slot(USER, "ptr")
        self.user = {
            name: f.load("ptr", f.offset(user, 8 * place)) for place, name in enumerate(self.driver.memory.user)
        }
        self.counter = f.offset("%control", 8 * COUNTER)
        self.several = f.compare("sgt", self.threads, 1)
        for s in dict.fromkeys(self.schedule.splits):
            if s.extent != "B":
                self.ranges[s] = self._range(s, s.extent if isinstance(s.extent, int) else None)
        self.met = f.value("alloca i64")  # how often threads have arrived at meetings so far
        f.store("i64", "0", self.met)
        before = flush(f, self.driver.target.triple) if self.clock.counted else ""
        f.loop(0, self._slot(STEPS), 1, self._step)
        restore(f, before)

    def _range(self, s: Split, extent: Index | None) -> tuple[Index, Index]:
        """The indices of this thread."""
        f = self.f
        if extent is None:
            alone = f.compare("eq", "%thread", 0)
            return 0, f.value(f"zext i1 {alone} to i64")
        units = f.divide(f.add(extent, s.unit - 1), s.unit)

        def edge(thread: Index) -> str:
            return f.value(f"udiv i64 {f.multiply(thread, units)}, {self.threads}")

        low = f.multiply(edge("%thread"), s.unit)
        high = f.smaller(f.multiply(edge(f.add("%thread", 1)), s.unit), extent)
        return low, high

    def _step(self, i: str) -> None:
        f = self.f
        start = f.multiply(i, self.batch)
        rows = f.smaller(self.batch, f.subtract(self.total, start))
        self.user[self.clock.rows] = f.offset(self.order, f.multiply(start, 8))
        f.comment("the numbers of this step")
        self._numbers(i, rows)
        f.comment("all threads meet: the step before is done")
        self._meet()
        count = len(self.schedule.phases)
        if self.schedule.pieces is None:
            self._phases(range(count), rows, 0)
        else:
            first, stop = self.schedule.pieces
            self._phases(range(first), rows, 0)
            f.loop(0, rows, self.schedule.rows or 1, lambda base: self._piece(range(first, stop), rows, base))
            self._phases(range(stop, count), rows, 0)
        prediction = self.schedule.outputs.get("prediction")
        if self.clock.counted and isinstance(prediction, View):
            f.comment("what was predicted, once all threads have their rows")
            self._meet()
            f.when(f.compare("eq", "%thread", 0), lambda: self._predicted(prediction, start, rows))
        f.comment("loss and learning rate")
        f.when(f.compare("eq", "%thread", 0), lambda: self._report(i))

    def _piece(self, places: range, rows: Index, base: str) -> None:
        """The phases of one piece of the batch: tables of the caller are read from its first row on."""
        f, whole = self.f, dict(self.user)
        for name, buffer in self.driver.memory.buffers.items():
            if buffer.user and buffer.shape[:1] == ("B",):
                bytes_ = self.driver.memory.layout.strides(buffer)[0] * element_bytes(buffer.dtype, self.driver.form)
                self.user[name] = f.offset(whole[name], f.multiply(base, bytes_))
        self._phases(places, f.smaller(f.subtract(rows, base), self.schedule.rows or 1), base)
        self.user = whole

    def _phases(self, places: range, rows: Index, base: Index) -> None:
        for s in dict.fromkeys(self.schedule.splits):
            if s.extent == "B":
                self.ranges[s] = self._range(s, rows)
        for place in places:
            phase, (name, kernel) = self.schedule.phases[place], self.kernels[place]
            if place in self.schedule.barriers:
                self.f.comment("all threads meet")
                self._timed(2 * place + 1, self._meet)
            self.f.comment(f"phase {place + 1}")
            low, high = self.ranges[self.schedule.splits[place]]
            arguments = [f"i64 {low}", f"i64 {high}", f"i64 {rows}", f"i64 {base}"]
            arguments += [f"ptr {self._pointer(view)}" for view in kernel.views]
            arguments += [f"{self.driver.kinds[s]} {self.numbers[s].text}" for s in phase.scalars]
            self._timed(2 * place, lambda: self.f.do(f"call void @{name}({', '.join(arguments)})"))  # noqa: B023

    def _timed(self, place: int, then: Callable[[], None]) -> None:
        """Add the cycles that something takes to this thread's count of them, if asked to."""
        if not self.driver.timed:
            then()
            return
        f = self.f
        own = f.multiply("%thread", 16 * len(self.schedule.phases))
        counter = f.offset(self._slot(TICKS, "ptr"), f.add(own, 8 * place))
        start = f.call("llvm.readcyclecounter", "i64", [])
        then()
        spent = f.subtract(f.call("llvm.readcyclecounter", "i64", []), start)
        f.store("i64", str(f.add(f.load("i64", counter), spent)), counter)

    def _meet(self) -> None:
        f = self.f

        def meet() -> None:
            goal = f.add(f.load("i64", self.met), self.threads)
            f.store("i64", str(goal), self.met)
            f.do(f"call void @{self.barrier}(ptr {self.counter}, i64 {goal})")

        f.when(self.several, meet)

    def _pointer(self, view: View) -> str:
        offset = view.offset * element_bytes(view.buffer.dtype, self.driver.form)
        if view.buffer.user:
            return self.f.offset(self.user[view.buffer.name], offset)
        return self.f.offset(self.arena, self.driver.memory.offsets[view.buffer.name] + offset)

    def _numbers(self, i: str, rows: Index) -> None:
        """The numbers of this step."""
        f = self.f
        number = f.add(self.first, i)
        counted = dict(self.clock.counted)
        for place, (name, dtype) in enumerate(self.schedule.constants):
            if name in counted:
                whole = str(f.add(number, counted[name]))
                text = whole if dtype == "int" else f.value(f"sitofp i64 {whole} to double")
            else:
                text = self._slot(CONSTANTS + place, "double" if dtype == "float" else "i64")
            if dtype == "bool":
                text = f.compare("ne", text, 0)
            self.numbers[name] = Value(text, dtype)
        for scalar in self.schedule.scalars:
            s = scalar.statement
            if s.operation == "size":
                self.numbers[s.target] = Value(f.value(f"sitofp i64 {rows} to double"), "float")
                continue
            a = Arithmetic(f, Form("float64", 1) if scalar.double else self.driver.form.scalar())
            operands = [self._operand(a, o) for o in s.operands]
            value = write(a, s.operation, operands)
            if value.literal is not None:
                text = str(value.literal) if s.dtype == "int" else a.constant(float(value.literal))
                value = Value(text, s.dtype)
            self.numbers[s.target] = value

    def _operand(self, a: Arithmetic, operand: Operand) -> Value:
        if not isinstance(operand, str):
            return Value("", "int" if isinstance(operand, int) else "float", operand)
        value = self.numbers[operand]
        if self.driver.kinds[operand] == "double" and a.form.element == "float":
            return Value(self.f.value(f"fptrunc double {value.text} to float"), "float")
        return value

    def _report(self, i: str) -> None:
        """The loss and the rate of this step."""
        f = self.f
        for label, slot in (("L", f.offset(self.losses, f.multiply(i, 8))), ("lr", f.offset("%control", 8 * RATE))):
            output = self.schedule.outputs.get(label)
            if output is not None:
                f.store("double", self._as_double(output), slot)

    def _predicted(self, prediction: View, start: Index, rows: Index) -> None:
        """Copy the prediction of this step to that of its rows."""
        f, kind, size = self.f, self.driver.form.element, self.driver.form.bytes
        width = prod(s for s in prediction.shape[1:] if isinstance(s, int))
        stride, step = prediction.strides[0] * size, prediction.strides[-1] * size
        source, goal = self._pointer(prediction), self._slot(PREDICTIONS, "ptr")

        def copy(row: str, column: str) -> None:
            read = f.offset(source, f.add(f.multiply(row, stride), f.multiply(column, step)))
            place = f.add(f.multiply(f.add(start, row), width), column)
            f.store(kind, f.load(kind, read, size), f.offset(goal, f.multiply(place, size)), size)

        f.loop(0, rows, 1, lambda row: f.loop(0, width, 1, lambda column: copy(row, column)) and None)

    def _as_double(self, output: View | Operand) -> str:
        form = Form("float64", 1)
        if isinstance(output, int | float):
            return Arithmetic(self.f, form).constant(float(output))
        if isinstance(output, str):
            text, kind = self.numbers[output].text, self.driver.kinds[output]
        else:
            kind = self.driver.form.element
            text = self.f.load(kind, self._pointer(output), self.driver.form.bytes)
        return text if kind == "double" else self.f.value(f"fpext {kind} {text} to double")
