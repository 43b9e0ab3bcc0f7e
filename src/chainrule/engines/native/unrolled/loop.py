"""The function that makes many steps: parameters in registers, one loop, everything in it unrolled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod

from chainrule.engines.native.arithmetic import Arithmetic, Form
from chainrule.engines.native.counter import uniform
from chainrule.engines.native.denormals import flush, restore
from chainrule.engines.native.emit import Function, Module
from chainrule.engines.native.unrolled.graph import Node, Reach
from chainrule.engines.native.unrolled.items import Bench, Item, Layout
from chainrule.engines.native.unrolled.lower import Unrolled, elements
from chainrule.engines.native.unrolled.writer import Writer, absorbed
from chainrule.show.numbers import counted

NAME = "steps"
"""The exported function; its only argument is the address of the table."""

FIXED = ("steps", "first", "rows", "losses", "predictions", "apart", "stride", "state", "rate")
"""What each table begins with: numbers of 64 bits.

The number of steps and that of the steps before them, addresses of the row numbers, of the losses and of the
predictions, bytes from the losses of one network to those of the next, and from one element of a prediction to the
next, the address of the state; and the learning rate of the last step, which the function writes.
"""

RANDOM = 8
"""Random numbers made at once."""

PADDING = 16
"""The places of a state are rounded up to this, so that whole registers can be read at its end."""


@dataclass(frozen=True)
class Step:
    """What is known of a generated function."""

    unrolled: Unrolled
    precision: str
    lanes: int
    groups: int
    live: list[Node]
    triple: str

    @property
    def slots(self) -> dict[str, int]:
        """The place of each entry of the table: the fixed ones, constants, data, tables of powers."""
        constants = [n.settings[0] for n in self.live if n.operation == "constant" and n.reach == Reach.RUN]
        names = [*FIXED, *map(str, constants), *self.unrolled.data, *self.bases]
        return {name: place for place, name in enumerate(names)}

    @property
    def bases(self) -> list[str]:
        """The numbers whose powers by t are tabulated, as hexadecimal texts."""
        return [str(n.settings[0]) for n in self.live if n.operation == "tabulated"]

    @property
    def places(self) -> dict[str, int]:
        """Where each state begins, counted in elements."""
        return state_places(self.unrolled.states)


def state_places(states: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Where each state begins, counted in elements."""
    ends = accumulate(padded(shape) for shape in states.values())
    return dict(zip(states, (0, *ends), strict=False))


def padded(shape: tuple[int, ...]) -> int:
    """Places that a state of that shape takes."""
    return -(-prod(shape) // PADDING) * PADDING


def live_nodes(unrolled: Unrolled) -> list[Node]:
    """The nodes that the results need, in order; numbers are left out."""
    needed = {node.index for node in unrolled.results}
    for node in reversed(unrolled.graph.nodes):
        if node.index in needed:
            needed.update(a.index for a in node.arguments)
    return [node for node in unrolled.graph.nodes if node.index in needed and not node.is_number]


def write_steps(step: Step) -> Module:
    """The function in a module of its own."""
    module = Module()
    function = module.function(NAME, ["ptr %table"], exported=True)
    function.title.append(lambda: [f"steps of {counted(step.unrolled.rows, 'row')}, all parameters in registers"])
    _Loop(step, function).write()
    return module


class _Loop:
    def __init__(self, step: Step, function: Function) -> None:
        self.step, self.function = step, function
        self.unrolled, self.slots = step.unrolled, step.slots
        parameters = next(iter(self.unrolled.states.values()))
        self.bench = Bench(function, step.precision, step.lanes, prod(parameters))
        self.joined = absorbed(step.live, self.unrolled.results)
        self.rows: dict[tuple[str, int], str] = {}
        self.numbers: dict[int, str] = {}
        self.random: dict[tuple[int, int], str] = {}
        self.element = self.bench.forms[Layout.COMMON][0]
        self.network = self.bench.forms[Layout.LANES][0]
        self.bytes = self.element.form.bytes

    def _slot(self, name: str, kind: str = "i64") -> str:
        return self.function.load(kind, self.function.offset("%table", 8 * self.slots[name]))

    def write(self) -> None:
        """Write the function."""
        f, run = self.function, Writer(self.bench, self.joined, Reach.RUN, {"constant": self._constant})
        self.fixed = {name: self._slot(name) for name in ("steps", "first", "apart", "stride")}
        self.fixed |= {name: self._slot(name, "ptr") for name in ("rows", "losses", "predictions", "state")}
        self.tables = {name: self._slot(name, "ptr") for name in [*self.unrolled.data, *self.step.bases]}
        f.comment("what is the same in all steps")
        run.write(self.step.live)
        f.comment("parameters and slots into registers")
        groups = range(self.step.groups)
        carried = [part for group in groups for part in self._load_states(group)]
        self.width = len(carried) // self.step.groups
        control = flush(f, self.step.triple)
        last = f.loop(0, self.fixed["steps"], 1, lambda i, *values: self._pass(run, i, values), carried)
        f.comment("parameters and slots back into memory")
        for group in groups:
            self._store_states(group, last[group * self.width : (group + 1) * self.width])
        restore(f, control)

    # Before and after the loop

    def _constant(self, node: Node) -> Item:
        """A constant of the run."""
        kind = "double" if node.kind == "weak" else "i64"
        return Item(Layout.WEAK, (self._slot(str(node.settings[0]), kind),))

    def _forms(self, name: str) -> list[Arithmetic]:
        """The forms of the registers that hold a state."""
        new = self.unrolled.new[name]
        return self.bench.forms[Layout.WHOLE] if isinstance(new, Node) else [self.network] * new.size

    def _registers(self, group: int) -> list[tuple[Arithmetic, str]]:
        """Form and address of each register of state."""
        found = []
        for name, at in self.step.places.items():
            for form in self._forms(name):
                offset = (at * self.step.groups + group) * self.step.lanes * self.bytes
                found.append((form, self.function.offset(self.fixed["state"], offset)))
                at += form.form.lanes // self.step.lanes
        return found

    def _load_states(self, group: int) -> list[tuple[str, str]]:
        """Types and registers of a group's states."""
        return [(form.type, form.load(address)) for form, address in self._registers(group)]

    def _store_states(self, group: int, values: Sequence[str]) -> None:
        for (form, address), value in zip(self._registers(group), values, strict=True):
            form.store(value, address)

    # One step

    def _pass(self, run: Writer, i: str, carried: Sequence[str]) -> list[str]:
        """Write one step and give the new states."""
        f = self.function
        self.number = f.add(self.fixed["first"], i)
        self.place = i
        sources = {
            "constant": self._clock,
            "load": self._loaded,
            "tabulated": self._tabulated,
            "uniform": lambda node: self._uniform(node, run),
        }
        common = Writer(self.bench, self.joined, Reach.STEP, sources, run)
        f.comment("what is the same for all networks: rows of the batch, the numbers of this step")
        common.write(self.step.live)
        results: list[str] = []
        for group in range(self.step.groups):
            states = carried[group * self.width : (group + 1) * self.width]
            results += self._network(common, group, states)
        self._store_rate(common)
        return results

    def _network(self, common: Writer, group: int, states: Sequence[str]) -> list[str]:
        """A group's part of a step."""
        known, at = {}, 0
        for name in self.unrolled.states:
            count = len(self._forms(name))
            known[name] = states[at : at + count]
            at += count

        def state(node: Node) -> Item:
            name, *place = node.settings
            if not place:
                return Item(Layout.WHOLE, tuple(known[str(name)]), 0.0)
            return Item(Layout.LANES, (known[str(name)][int(place[0])],), 0.0)

        writer = Writer(self.bench, self.joined, Reach.NETWORK, {"state": state}, common)
        self.function.comment("forward, backward and update of a network in each lane")
        writer.write(self.step.live)
        self._tell_loss(writer.item(self.unrolled.loss), group)
        self._tell_predictions([writer.item(node) for node in self.unrolled.prediction], group)
        new: list[str] = []
        for value in self.unrolled.new.values():
            layout = Layout.WHOLE if isinstance(value, Node) else Layout.LANES
            for node in elements(value):
                new += self.bench.parts(writer.item(node), layout)
        return new

    def _doubles(self, item: Item) -> tuple[str, str]:
        """Type and register of a number of each network, as doubles."""
        wide, (text, *_) = Form("float64", self.step.lanes).type, self.bench.parts(item, Layout.LANES)
        if self.step.precision == "float32":
            text = self.function.value(f"fpext {self.network.type} {text} to {wide}")
        return wide, text

    def _tell_loss(self, item: Item, group: int) -> None:
        """Write the loss of this step, the losses of a network one after another: they are added up together."""
        f, lanes = self.function, self.step.lanes
        wide, text = self._doubles(item)
        place = f.add(f.multiply(self.fixed["apart"], group * lanes), f.multiply(self.place, 8))
        for lane in range(lanes):
            own = text if lanes == 1 else f.value(f"extractelement {wide} {text}, i64 {lane}")
            f.store("double", own, f.offset(self.fixed["losses"], place))
            place = f.add(place, self.fixed["apart"])

    def _tell_predictions(self, items: Sequence[Item], group: int) -> None:
        """Write the predictions of this step, for each element those of all networks."""
        f = self.function
        for number, item in enumerate(items):
            wide, text = self._doubles(item)
            place = f.add(f.multiply(self.place, len(items)), number)
            offset = f.add(f.multiply(place, self.fixed["stride"]), 8 * group * self.step.lanes)
            f.store(wide, text, f.offset(self.fixed["predictions"], offset))

    def _store_rate(self, common: Writer) -> None:
        item = common.item(self.unrolled.rate)
        layout = Layout.WEAK if item.layout == Layout.NUMBER else item.layout
        (text,) = self.bench.parts(item, layout)
        if layout == Layout.COMMON and self.step.precision == "float32":
            text = self.function.value(f"fpext float {text} to double")
        self.function.store("double", text, self.function.offset("%table", 8 * self.slots["rate"]))

    def _clock(self, node: Node) -> Item:
        """The number of the update, from 1; that of the step, from 0, is asked for by random numbers only."""
        following = self.function.add(self.number, 1)
        return Item(Layout.WEAK, (self.function.value(f"sitofp i64 {following} to double"),))

    def _loaded(self, node: Node) -> Item:
        """An element of a row of the batch."""
        name, row, place = str(node.settings[0]), int(node.settings[1]), int(node.settings[2])
        if (name, row) not in self.rows:
            self.rows[name, row] = self._row(name, row)
        address = self.function.offset(self.rows[name, row], place * self.bytes)
        return Item(Layout.COMMON, (self.element.load(address),))

    def _row(self, name: str, row: int) -> str:
        """The address of a row of the batch."""
        f, width = self.function, prod(self.unrolled.data[name]) * self.bytes
        if not self.unrolled.gathered:
            return f.offset(self.tables[name], row * width)
        if row not in self.numbers:
            place = f.add(f.multiply(self.place, 8 * self.unrolled.rows), 8 * row)
            self.numbers[row] = f.load("i64", f.offset(self.fixed["rows"], place))
        return f.offset(self.tables[name], f.multiply(self.numbers[row], width))

    def _uniform(self, node: Node, run: Writer) -> Item:
        """A random number; several are made at once."""
        stream, element = (int(s) for s in node.settings)
        place = element % RANDOM
        if (stream, element - place) not in self.random:
            wide = Arithmetic(self.function, Form(self.step.precision, RANDOM))
            (key,) = run.item(node.arguments[0]).parts
            self.random[stream, element - place] = uniform(wide, key, self.number, stream, element - place)
        kind = Form(self.step.precision, RANDOM).type
        several = self.random[stream, element - place]
        return Item(Layout.COMMON, (self.function.value(f"extractelement {kind} {several}, i64 {place}"),))

    def _tabulated(self, node: Node) -> Item:
        """A power by the number of the update."""
        address = self.function.offset(self.tables[str(node.settings[0])], self.function.multiply(self.place, 8))
        return Item(Layout.WEAK, (self.function.load("double", address),))
