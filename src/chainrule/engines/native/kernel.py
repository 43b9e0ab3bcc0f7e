"""The code of one phase: its parameters, and the body of a loop for some elements at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from chainrule.engines.native.arithmetic import Arithmetic, Form
from chainrule.engines.native.counter import uniform
from chainrule.engines.native.elementwise import Value, write
from chainrule.engines.native.emit import Function, Index, Module
from chainrule.engines.native.phases import Load, Loop, Operand, Phase, Reduction, Statement, Store, View
from chainrule.shapes import DType, Shape, Size

Position = Sequence[Index]
"""An index for each axis of a space; along the last one lie the elements of a vector."""

Values = dict[str, Value]


class Kernel:
    """A function ``(low, high, B, base, pointers..., scalars...)``: a phase for indices low..high of its first axis.

    Attributes:
        views: one view for each pointer, in order: where it points to.
        scalars: the names of the scalars, in order.
    """

    def __init__(
        self,
        module: Module,
        phase: Phase,
        form: Form,
        kinds: Mapping[str, str],
        name: str,
    ) -> None:
        self.phase, self.form = phase, form
        self.views = _distinct([*phase.reads(), *phase.writes()])
        self.scalars = phase.scalars
        self._names = {_key(view): f"%p{i}" for i, view in enumerate(self.views)}
        self._kinds = kinds
        arguments = ["i64 %low", "i64 %high", "i64 %B", "i64 %base", *(f"ptr %p{i}" for i in range(len(self.views)))]
        arguments += [f"{kinds[s]} %s{i}" for i, s in enumerate(phase.scalars)]
        self.function: Function = module.function(name, arguments)
        self._splats: dict[int, Values] = {}

    def arithmetic(self, *, vector: bool) -> Arithmetic:
        """Arithmetic on whole vectors, or on one element."""
        return Arithmetic(self.function, self.form if vector else self.form.scalar())

    def start(self, *forms: bool) -> None:
        """Spread the scalars over the lanes, once: for vectors (``True``), single elements (``False``), or both."""
        for vector in forms:
            a = self.arithmetic(vector=vector)
            self._splats[a.form.lanes] = {
                name: self._scalar(a, f"%s{i}", self._kinds[name]) for i, name in enumerate(self.scalars)
            }

    def _scalar(self, a: Arithmetic, text: str, kind: str) -> Value:
        if kind == "i64":
            return Value(a.splat_whole(text), "int")
        if kind == "i1":
            one = a.function.value(f"select i1 {text}, {a.form.element} 1.0, {a.form.element} 0.0")
            return Value(a.compare("une", a.splat(one), a.constant(0.0)), "bool")
        if kind == "double" and a.form.element == "float":
            text = self.function.value(f"fptrunc double {text} to float")
        return Value(a.splat(text), "float")

    def scratch(self, vectors: int) -> str:
        """Memory of this call for some vectors, the same for all that ask."""
        return self.function.scratch(vectors, self.form.type)

    def size(self, size: Size) -> Index:
        """A size as a number."""
        return "%B" if size == "B" else int(size)

    # One element, or a vector of them

    def body(self, a: Arithmetic, loop: Loop, position: Position, known: Mapping[str, Value]) -> Values:
        """Write loads, statements and stores for the elements at ``position``; the values by name."""
        values: Values = {**self._splats[a.form.lanes], **known}
        if loop.loads:
            self.function.comment("load")
        for load in loop.loads:
            values[load.target] = self.load(a, load, loop.space, position)
        contracted = self._contractions(loop)
        if loop.statements:
            self.function.comment("compute")
        for s in loop.statements:
            if s.operation == "uniform":
                values[s.target] = self._uniform(a, s, values, loop.space, position)
            elif s.target not in contracted:
                values[s.target] = self._statement(a, s, values, contracted)
        if loop.stores:
            self.function.comment("store")
        for store in loop.stores:
            self.store(a, store, loop.space, position, value_of(store.value, values))
        return values

    def _contractions(self, loop: Loop) -> dict[str, Statement]:
        """Products of floats that are read once, by a sum or difference, which then rounds once for both."""
        readers = Counter(o for s in loop.statements for o in s.operands if isinstance(o, str))
        readers.update(store.value for store in loop.stores if isinstance(store.value, str))
        inner = self.phase.inner
        if isinstance(inner, Reduction):
            readers.update(value for _, _, value in inner.results if isinstance(value, str))
        made = {s.target: s for s in loop.statements}
        kinds = {s.target: s.dtype for s in loop.statements} | {v.target: v.view.buffer.dtype for v in loop.loads}
        found: dict[str, Statement] = {}
        for s in loop.statements:
            if s.operation not in ("add", "subtract") or s.dtype != "float":
                continue
            for operand in s.operands:
                product = made.get(operand) if isinstance(operand, str) else None
                if (
                    product is not None
                    and product.operation == "multiply"
                    and not product.shared
                    and readers[product.target] == 1
                    and all(kinds.get(str(o), "float") == "float" for o in product.operands)
                ):
                    found[product.target] = product
                    break
        return found

    def _statement(self, a: Arithmetic, s: Statement, values: Values, contracted: Mapping[str, Statement]) -> Value:
        place = next((i for i, o in enumerate(s.operands) if isinstance(o, str) and o in contracted), None)
        if place is None:
            return write(a, s.operation, [value_of(o, values) for o in s.operands])
        x, y = (as_text(a, value_of(o, values), "float") for o in contracted[str(s.operands[place])].operands)
        z = as_text(a, value_of(s.operands[1 - place], values), "float")
        if s.operation == "subtract":
            x, z = (x, a.negative(z)) if place == 0 else (a.negative(x), z)
        return Value(a.fma(x, y, z), "float")

    def _uniform(self, a: Arithmetic, s: Statement, values: Values, space: Shape, position: Position) -> Value:
        f = self.function
        first: Index = 0
        for axis, (index, size) in enumerate(zip(position, space, strict=True)):
            in_batch = f.add(index, "%base") if axis == 0 and size == "B" else index
            first = f.add(f.multiply(first, self.size(size)), in_batch)
        key, step = (self._whole(a, o, values) for o in s.operands)
        return Value(uniform(a, key, step, dict(s.attributes)["stream"], first), "float")

    def _whole(self, a: Arithmetic, operand: Operand, values: Values) -> Index:
        """A whole number that is the same for all elements."""
        if not isinstance(operand, str):
            return int(operand)
        if operand in self.scalars:
            return f"%s{self.scalars.index(operand)}"
        text = values[operand].text
        return text if a.form.lanes == 1 else self.function.value(f"extractelement {a.form.of('i64')} {text}, i64 0")

    def address(self, view: View, position: Position) -> str:
        """Where the element at ``position`` lies; axes without an index stay at their start."""
        f = self.function
        size = element_bytes(view.buffer.dtype, self.form)
        count: Index = 0
        if view.buffer.user or view.index is not None:
            position = self._inside(view, position)
        if view.index is not None:
            row = f.load("i64", self.address(view.index, position))
            count = f.multiply(row, view.row * size)
        for index, stride in zip(position, view.strides, strict=False):
            count = f.add(count, f.multiply(index, stride * size))
        return f.offset(self._names[_key(view)], count)

    def prefetch(self, a: Arithmetic, loop: Loop, position: Position) -> None:
        """Ask for the memory that the body will read and write at ``position``."""
        written = {store.view.buffer.name for store in loop.stores}
        for load in loop.loads:
            view = load.view
            if view.strides[-1] == 1 and 0 not in view.strides and view.index is None:
                self.function.prefetch(self.address(view, position), write=view.buffer.name in written)

    def prefetch_rows(self, loop: Loop, position: Position) -> None:
        """Ask for the memory of rows that are looked up by number."""
        for load in loop.loads:
            index = load.view.index
            if index is not None and load.view.strides[-1] == 1 and index.strides[-1] == 0:
                self.function.prefetch(self.address(load.view, position), near=False)

    def _inside(self, view: View, position: Position) -> Position:
        """Tiles may run past the last row of a batch: where nothing lies there, the last row is read again."""
        last = len(view.shape) - 1
        return [
            self.function.smaller(index, self.function.subtract("%B", 1)) if size == "B" and axis < last else index
            for axis, (index, size) in enumerate(zip(position, view.shape, strict=False))
        ]

    def left(self, space: Shape, position: Position) -> Index:
        """How many elements there are from ``position`` to the end of the last axis."""
        return self.function.subtract(self.size(space[-1]), position[-1])

    def load(self, a: Arithmetic, load: Load, space: Shape, position: Position) -> Value:
        """The elements of a view at ``position``."""
        view, f = load.view, self.function
        dtype = view.buffer.dtype
        own = view.strides[-1] if view.strides else 0
        looked_up = view.index is not None and view.index.strides[-1:] not in ((), (0,))
        if a.form.lanes == 1:
            text = f.load(element_type(dtype, a.form), self.address(view, position), element_bytes(dtype, a.form))
        elif own == 0 and not looked_up:
            single = f.load(element_type(dtype, a.form), self.address(view, position), element_bytes(dtype, a.form))
            text = a.splat_whole(single) if dtype == "int" else a.splat(single)
        elif own == 1 and not looked_up and not view.buffer.user:
            address = self.address(view, position)
            text = f.load(a.form.of("i64"), address) if dtype == "int" else a.load(address)
        elif own == 1 and not looked_up and dtype != "int":
            text = a.load_some(self.address(view, position), self.mask(a, self.left(space, position)))
        else:
            text = self._each(a, view, space, position)
        if dtype == "bool":
            return Value(a.compare("une", text, a.constant(0.0)), "bool")
        return Value(text, dtype)

    def _each(self, a: Arithmetic, view: View, space: Shape, position: Position) -> str:
        """Elements that do not lie side by side, one after another; the last one again where there are no more."""
        f = self.function
        element = element_type(view.buffer.dtype, a.form)
        kind, text = a.form.of(element), "poison"
        last = f.subtract(self.size(space[-1]), 1)
        for lane in range(a.form.lanes):
            at = f.smaller(f.add(position[-1], lane), last)
            address = self.address(view, [*position[:-1], at])
            single = f.load(element, address, element_bytes(view.buffer.dtype, a.form))
            text = f.value(f"insertelement {kind} {text}, {element} {single}, i64 {lane}")
        return text

    def store(self, a: Arithmetic, store: Store, space: Shape, position: Position, value: Value) -> None:
        """Store the elements at ``position``."""
        view, f = store.view, self.function
        dtype = view.buffer.dtype
        text = as_text(a, value, dtype)
        kind = element_type(dtype, a.form)
        if a.form.lanes == 1:
            f.store(kind, text, self.address(view, position), element_bytes(dtype, a.form))
            return
        if view.strides[-1] != 1:
            self._store_each(a, store, space, position, text)
        elif store.exact:
            mask = self.mask(a, self.left(space, position))
            vector = a.form.of(kind)
            suffix = f"v{a.form.lanes}{'i64' if kind == 'i64' else f'f{8 * a.form.bytes}'}"
            f.call(
                f"llvm.masked.store.{suffix}.p0",
                "void",
                [
                    (vector, text),
                    ("ptr", self.address(view, position)),
                    ("i32", str(element_bytes(dtype, a.form))),
                    (a.form.mask, mask),
                ],
            )
        else:
            f.store(a.form.of(kind), text, self.address(view, position), element_bytes(dtype, a.form))

    def _store_each(self, a: Arithmetic, store: Store, space: Shape, position: Position, text: str) -> None:
        f = self.function
        kind = element_type(store.view.buffer.dtype, a.form)
        count = f.smaller(self.left(space, position), a.form.lanes)

        def one(lane: str) -> None:
            single = f.value(f"extractelement {a.form.of(kind)} {text}, i64 {lane}")
            at = [*position[:-1], f.add(position[-1], lane)]
            f.store(kind, single, self.address(store.view, at), element_bytes(store.view.buffer.dtype, a.form))

        f.loop(0, count, 1, one)

    def mask(self, a: Arithmetic, count: Index) -> str:
        """The first ``count`` lanes."""
        f, wide = self.function, a.form.of("i64")
        lanes = "<" + ", ".join(f"i64 {lane}" for lane in range(a.form.lanes)) + ">"
        if isinstance(count, int):
            if count >= a.form.lanes:
                return "splat (i1 true)"
            return "<" + ", ".join(f"i1 {'true' if lane < count else 'false'}" for lane in range(a.form.lanes)) + ">"
        return f.value(f"icmp slt {wide} {lanes}, {a.splat_whole(count)}")


def element_bytes(dtype: DType, form: Form) -> int:
    """Bytes of one element in memory; truth values are stored as the floats 0 and 1."""
    return 8 if dtype == "int" else form.bytes


def element_type(dtype: DType, form: Form) -> str:
    """LLVM's type of one element in memory."""
    return "i64" if dtype == "int" else form.element


def value_of(operand: Operand, values: Mapping[str, Value]) -> Value:
    """The value that an operand names, or a number."""
    if isinstance(operand, str):
        return values[operand]
    return Value("", "int" if isinstance(operand, int) else "float", operand)


def as_text(a: Arithmetic, value: Value, dtype: DType) -> str:
    """A value in the form in which an element type is stored."""
    if value.literal is not None:
        if dtype == "int":
            return str(value.literal) if a.form.lanes == 1 else f"splat (i64 {value.literal})"
        return a.constant(float(value.literal))
    if value.dtype == "bool":
        return a.select(value.text, a.constant(1.0), a.constant(0.0))
    if value.dtype == "int" and dtype == "float":
        return write(a, "to_float", [value]).text
    return value.text


def _key(view: View) -> tuple[str, int]:
    return (view.buffer.name, view.offset)


def _distinct(views: Iterable[View]) -> tuple[View, ...]:
    return tuple({_key(v): v for v in views}.values())
