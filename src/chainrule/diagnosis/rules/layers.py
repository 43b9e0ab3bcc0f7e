"""Rules over the layers: units that have stopped answering, gradients that do not arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from chainrule.diagnosis.record import Record
from chainrule.diagnosis.units import FLAT, NEARLY_EVERY_ROW, NO_SLOPE
from chainrule.show.numbers import number_text
from chainrule.training import Finding, LayerSeries, Rule

STOPPED_UNITS: Final = 0.25
"""A layer is reported if more than this share of its units is dead or saturated."""
SIGNAL_RATIO: Final = 1e3
"""Gradients that differ by a larger factor between layers vanish or explode."""


def dead_units(record: Record) -> Finding | None:
    """Many units of a layer have no slope in any row."""
    found = _stopped(record, lambda layer: layer.dead[-1])
    if not found:
        return None
    return Finding(
        "dead units",
        "warning",
        f"Dead units, which none of the rows looked at can change: {_listed(found)}.",
        "Lower the learning rate, scale the inputs, or take an activation without a flat side (leaky_relu, silu).",
        found,
    )


def saturated_units(record: Record) -> Finding | None:
    """Many units of a layer lie in the flat ends of their activation function."""
    found = _stopped(record, lambda layer: layer.saturated[-1])
    if not found:
        return None
    return Finding(
        "saturated units",
        "warning",
        f"Saturated units, which lie in a flat end of their activation function in nearly every row: {_listed(found)}.",
        "Scale the inputs, start with smaller weights, lower the learning rate, or take relu or silu.",
        found,
    )


def _stopped(record: Record, share: Callable[[LayerSeries], float]) -> dict[str, float]:
    """The share by layer, where it is large."""
    several = len(record.layers) > 1
    return {
        f"{f'member {number}, ' if several else ''}{layer.units} of {layer.layer}": share(layer)
        for number, layers in enumerate(record.layers, 1)
        for layer in layers
        if share(layer) > STOPPED_UNITS
    }


def _listed(found: dict[str, float]) -> str:
    return ", ".join(f"{share:.0%} of {where}" for where, share in found.items())


def unequal_gradients(name: str, record: Record) -> Finding | None:
    """Gradients shrink or grow by a large factor on their way back, at any time that was looked at."""
    for layers in record.layers:
        for place in range(len(layers[0].epochs) if layers else 0):
            finding = _unequal(layers, place)
            if finding and finding.name == name:
                return finding
    return None


def _unequal(layers: Sequence[LayerSeries], place: int) -> Finding | None:
    signals = [layer.signals[place] for layer in layers]
    found = [number for number, signal in enumerate(signals) if signal > 0]
    if len(found) < 2:
        return None
    low, high = min(found, key=signals.__getitem__), max(found, key=signals.__getitem__)
    ratio = signals[high] / signals[low]
    if ratio <= SIGNAL_RATIO:
        return None
    vanishes, epoch = low < high, layers[0].epochs[place]
    first, last = layers[min(low, high)].layer, layers[max(low, high)].layer
    when = "before the first step" if epoch == 0 else f"after epoch {epoch}"
    evidence = {"epoch": epoch, "ratio": ratio, "first": first, "last": last}
    if vanishes:
        return Finding(
            "vanishing gradients",
            "warning",
            f"Gradients vanish: {when}, that of {first} is {number_text(ratio, 2)} times smaller than that of {last}.",
            "Take relu with its starting values, BatchNorm or LayerNorm, Residual blocks, or fewer layers.",
            evidence,
        )
    return Finding(
        "exploding gradients",
        "warning",
        f"Gradients explode: {when}, that of {first} is {number_text(ratio, 2)} times larger than that of {last}.",
        "Start with smaller weights, use BatchNorm or LayerNorm, or give the optimizer clip_norm=1.0.",
        evidence,
    )


_RATIO: Final = (
    f"the loss's derivative by what a layer computes before its activation function is, for one layer, more than "
    f"{SIGNAL_RATIO:g} times"
)

RULES: Final[tuple[Rule[Record], ...]] = (
    Rule(
        "dead units",
        f"more than {STOPPED_UNITS:.0%} of a layer's units have, in every row looked at, less than {NO_SLOPE:g} of the "
        "steepest slope of their activation function, which is not bounded",
        "Maas, Hannun, Ng 2013, Rectifier Nonlinearities: units that no row activates; the share is a choice",
        dead_units,
    ),
    Rule(
        "saturated units",
        f"more than {STOPPED_UNITS:.0%} of a layer's units have, in {NEARLY_EVERY_ROW:.0%} of the rows, less than "
        f"{FLAT:.0%} of the steepest slope of their activation function, which is bounded",
        "Glorot and Bengio 2010, Understanding the Difficulty of Training; the shares are a choice",
        saturated_units,
    ),
    Rule(
        "vanishing gradients",
        f"{_RATIO} smaller than for one behind it",
        "Hochreiter 1991; Pascanu, Mikolov, Bengio 2013; the factor is a choice",
        lambda record: unequal_gradients("vanishing gradients", record),
    ),
    Rule(
        "exploding gradients",
        f"{_RATIO} larger than for one behind it",
        "Pascanu, Mikolov, Bengio 2013; the factor is a choice",
        lambda record: unequal_gradients("exploding gradients", record),
    ),
)
