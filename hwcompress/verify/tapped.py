# SPDX-License-Identifier: Apache-2.0
"""The design with a tap on every layer: its sources, and what the taps saw of a frame beside what is due."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from hwcompress.codegen.render import environment
from hwcompress.codegen.taps import Tap
from hwcompress.engines.base import ceil_div
from hwcompress.errors import BadInput, quote
from hwcompress.ir.fixed import Codes
from hwcompress.resources import folder
from hwcompress.verify.bench import BenchSpec, macros

TOP = "hwc_tapped"
SEEN = "taps.txt"  # written by the simulation
NAME = 32  # characters of a model's own name


def write_sources(spec: BenchSpec, here: Path) -> tuple[Path, tuple[Path, ...]]:
    """The header that puts the tapped design in place of the design, and the Verilog files of the taps."""
    for net in (net for tap in spec.taps for net in (tap.valid, tap.data, tap.room)):
        if not net.isidentifier():
            raise BadInput(f"bench.json: the name of a net wanted, {quote(net)} found. Try: compile again")
    header, top, leaf = here / "hwc_bench.vh", here / f"{TOP}.v", here / "hwc_tap.v"
    header.write_text(macros(replace(spec, top=TOP)))
    top.write_text(environment().get_template(f"bench/{TOP}.v.j2").render(top=spec.top, taps=spec.taps))
    leaf.write_text((folder("templates") / "bench" / leaf.name).read_text(encoding="utf-8"))
    return header, (top, leaf)


@dataclass
class Seen:
    """What one tap saw of some frames of a run."""

    emissions: dict[int, str] = field(default_factory=dict[int, str])  # bits, by number in the run
    room: bool = True  # of its reader, at the end


def read_seen(path: Path, taps: int) -> list[Seen]:
    """What every tap saw."""
    seen = [Seen() for _ in range(taps)]
    for line in path.read_text().splitlines():
        tap, number, _clock, bits = line.split()
        if number == "room":
            seen[int(tap)].room = bits == "1"
        else:
            seen[int(tap)].emissions[int(number)] = bits
    return seen


@dataclass(frozen=True, slots=True)
class Difference:
    """What is wrong first with a layer in one frame."""

    kind: str  # value, or layer: of its number of emissions
    text: str
    blocked: bool = False  # the layer behind it took no more


@dataclass(frozen=True, slots=True)
class Look:
    """One frame in a run of the tapped design, which writes down a few frames of one run of a test."""

    frame: int  # where it is stored
    due: list[Codes]  # of every tap
    offset: int = 0  # its place in the run
    alone: bool = True  # nothing may come after it


def first_difference(taps: tuple[Tap, ...], seen: list[Seen], look: Look) -> str:
    """What is wrong first with a frame; empty where no layer is wrong."""
    blocked = False
    for tap, its, codes in zip(taps, seen, look.due, strict=True):
        first = look.offset * tap.emissions
        found = _wrong_value(tap, its, codes.tolist(), first) or _too_many(tap, its, first, look.alone)
        if found is not None and not found.blocked:
            return f"first wrong {found.kind}: frame {look.frame}, {_name(tap)}{found.text}"
        blocked |= found is not None
    return output_wrong(look.frame) if blocked else ""


def output_wrong(frame: int) -> str:
    """What is left where every layer is right, or waits for the one behind it."""
    return f"first wrong value: frame {frame}, behind the last layer: the output FIFO or the output port is wrong"


def _wrong_value(tap: Tap, seen: Seen, due: list[int], first: int) -> Difference | None:
    """A wrong or a missing one. `first`: the number of the frame's first emission."""
    each = tap.emissions
    for number in range(each):
        bits = seen.emissions.get(first + number)
        if bits is None:
            return Difference("layer", f", emissions of the frame: {each} wanted, {number} found", not seen.room)
        start, count = _elements(tap, number)
        for lane, wanted in enumerate(due[start : start + count]):
            found = _lane(tap, bits, lane)
            if found != wanted:
                what = "unknown bits" if found is None else str(found)
                return Difference("value", f", {_place(tap, start + lane)}: {wanted} wanted, {what} found")
    return None


def _too_many(tap: Tap, seen: Seen, first: int, alone: bool) -> Difference | None:
    each = tap.emissions
    more = sum(number >= first + each for number in seen.emissions) if alone else 0
    return Difference("layer", f", emissions of the frame: {each} wanted, {each + more} found") if more else None


def _elements(tap: Tap, number: int) -> tuple[int, int]:
    """First element of an emission, and how many there are in it."""
    position, part = divmod(number, ceil_div(tap.elements, tap.lanes))
    return position * tap.elements + part * tap.lanes, min(tap.lanes, tap.elements - part * tap.lanes)


def _lane(tap: Tap, bits: str, lane: int) -> int | None:
    """The code in a lane; None where a bit is unknown."""
    end = len(bits) - lane * tap.width
    text = bits[end - tap.width : end]
    if set(text) - {"0", "1"}:
        return None
    return int(text, 2) - ((1 << tap.width) if tap.signed and text[0] == "1" else 0)


def _name(tap: Tap) -> str:
    return f"layer {tap.layer} (the model's {quote(tap.source, NAME)})" if tap.layer else "the input port"


def _place(tap: Tap, element: int) -> str:
    if not tap.grid:
        return f"element {element}"
    pixel, channel = divmod(element, tap.channels)
    row, column = divmod(pixel, tap.grid[1])
    return f"element {element} (row {row}, column {column}, channel {channel})"
