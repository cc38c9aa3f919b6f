# SPDX-License-Identifier: Apache-2.0
"""Pipeline to HLS C++: a dataflow of one process an island, with width conversions and line buffers between them.

A `Buffer` becomes a stream of vectors with a width conversion before it; the folded product behind it keeps and
replays the vector. `Lines` is a process of its own, which replays the windows; so is `Scan`, whose windows the product
replays. A copy island has none. Time is the tool's; codes are those of the Verilog.
"""

import re
from dataclasses import dataclass, field, replace
from functools import singledispatch
from pathlib import Path
from typing import TypeAlias

from hwcompress.codegen.hls_cores import Block, Rom, Vec, block, members
from hwcompress.codegen.hls_walks import Walk, walk
from hwcompress.codegen.render import environment
from hwcompress.engines.base import Core, Stream
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, DepthwiseLanes, RequantLanes, TableLanes
from hwcompress.engines.head import Buffer, Direct, Lines, Scan
from hwcompress.engines.pipeline import Interface, Island, Pipeline
from hwcompress.engines.pool import MaxUnrolled, PoolLanes
from hwcompress.errors import BadInput
from hwcompress.resources import folder
from hwcompress.version import __version__

LEAST_MAX_BITS = 1024  # AP_INT_MAX_W where nobody sets it
LIBRARY_FOLDERS = ("hwc", "csim")
RENDERED = ("top.cpp", "top.h", "weights.h", "csim_main.cpp")
DEFAULT_PART = "xcku5p-ffvb676-2-e"

Head: TypeAlias = Direct | Buffer | Lines | Scan


@dataclass(frozen=True, slots=True)
class Step:
    """A line of `emit`."""

    type: Vec
    name: str
    call: str


@dataclass(frozen=True, slots=True)
class Process:
    """The cores of an island as a process."""

    name: str
    members: tuple[str, ...]
    cores: tuple[Block, ...]
    input: Vec
    emitted: Vec  # what `emit` takes
    steps: tuple[Step, ...]
    output: Vec
    call: str
    pragmas: tuple[str, ...]

    @property
    def result(self) -> str:
        """What `emit` returns."""
        return self.steps[-1].name if self.steps else "v0"


@dataclass(frozen=True, slots=True)
class Channel:
    """A stream between processes."""

    name: str
    type: Vec
    depth: int  # vectors


@dataclass
class Design:
    """Everything the templates print."""

    top: str
    input: Stream
    output: Stream
    notes: tuple[str, ...]
    streams: list[Channel] = field(default_factory=list)
    windows: list[Walk] = field(default_factory=list)
    islands: list[Process] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    @property
    def guard(self) -> str:
        """Prefix of the include guards."""
        return f"HWC_{self.top.upper()}"

    @property
    def max_bits(self) -> int:
        """Bits of the widest beat, at least what the tools allow anyway."""
        return max(LEAST_MAX_BITS, self.input.tdata_bits, self.output.tdata_bits)

    @property
    def roms(self) -> tuple[Rom, ...]:
        """All constants."""
        return tuple(r for i in self.islands for c in i.cores for r in c.roms)

    @property
    def headers(self) -> tuple[str, ...]:
        """Library headers in use."""
        used = {c.header for i in self.islands for c in i.cores} | {f"{w.function}.h" for w in self.windows}
        return tuple(sorted({"each.h", "port.h", "width.h"} | used))

    def channel(self, kind: Vec, depth: int = 2) -> Channel:
        """One more stream."""
        self.streams.append(Channel(f"s{len(self.streams)}", kind, depth))
        return self.streams[-1]

    def deepen(self, depth: int) -> Channel:
        """The last stream, with room for that many vectors."""
        self.streams[-1] = replace(self.streams[-1], depth=max(depth, self.streams[-1].depth))
        return self.streams[-1]


def render_hls(pipeline: Pipeline, part: str = DEFAULT_PART, clock_mhz: float = 200.0) -> dict[str, str]:
    """All files of the hls folder and its script, by name relative to the build folder.

    Raises:
        BadInput: the pipeline has no AXI4-Stream ports, or `part` is not a part's name.
    """
    if pipeline.interface is not Interface.AXIS:
        raise BadInput("hls back end: wanted --interface axis, found valid. Try: --backend verilog")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", part):
        raise BadInput(f"hls back end: wanted a part such as {DEFAULT_PART}, found '{part[:80]}'")
    d = design(pipeline)
    env = environment()
    files = {
        f"hls/{name}": env.get_template(f"hls/{name}.j2").render(design=d, version=__version__) for name in RENDERED
    }
    files["scripts/vitis_hls.tcl"] = env.get_template("hls/vitis_hls.tcl.j2").render(
        design=d, version=__version__, part=part, period_ns=f"{1000.0 / clock_mhz:.3f}"
    )
    return files | library()


def library() -> dict[str, str]:
    """The headers that every design comes with."""
    root: Path = folder("templates") / "hls"
    return {
        f"hls/{part}/{path.name}": path.read_text(encoding="utf-8")
        for part in LIBRARY_FOLDERS
        for path in sorted((root / part).glob("*.h"))
    }


def design(pipeline: Pipeline) -> Design:
    """The top function as data."""
    x, y = pipeline.input, pipeline.output
    note = f"in: {x.elements} x {x.type}, {x.per_beat} a beat; out: {y.elements} x {y.type}, {y.per_beat} a beat"
    d = Design(pipeline.top, x, y, (note,))
    at = d.channel(Vec(x.type.width, x.type.signed, x.per_beat))
    d.calls.append(f"hwc::read_frame<{d.top}_in, {at.type}, {x.beats}>::run(s_axis, {at.name}, frame_error)")
    maker: Head | None = None
    for k, island in enumerate(pipeline.islands):
        at = _read(d, at, island, maker)
        if island.cores:
            at = _process(d, f"island_{k}", at, island)
        maker = island.head
    at = _words(d, at, maker, y.per_beat, y.beats)
    d.calls.append(f"hwc::write_frame<{at.type}, {d.top}_out, {y.beats}>::run({at.name}, m_axis)")
    return d


def _words(d: Design, at: Channel, maker: Head | None, lanes: int, words: int) -> Channel:
    """Words of `lanes` elements from what the last island emits, `words` a frame; lanes beyond are not used."""
    wanted = replace(at.type, lanes=lanes)
    if not isinstance(maker, Direct | None) and maker.collect > 1:
        to = d.channel(wanted)
        loops = f"{maker.count}, {maker.collect}, {maker.emissions // maker.count}"
        d.calls.append(f"hwc::join<{at.type}, {wanted}, {loops}>({at.name}, {to.name})")
        return to
    return at if at.type == wanted else _split(d, at, wanted, (words, 1, 1))


def _split(d: Design, at: Channel, wanted: Vec, loops: tuple[int, int, int]) -> Channel:
    """Parts of words; loops: parts a unit, parts a word, units a frame."""
    to = d.channel(wanted)
    d.calls.append(f"hwc::split<{at.type}, {wanted}, {', '.join(map(str, loops))}>::run({at.name}, {to.name})")
    return to


def _read(d: Design, at: Channel, island: Island, maker: Head | None) -> Channel:
    """From what the last island emits to what this one reads in a step."""
    head = island.head
    if isinstance(head, Direct):
        return at
    if isinstance(head, Lines | Scan):
        at = _words(d, at, maker, head.word_elements, head.words)
        # A frame begins while the one before ends: its first words wait here.
        d.deepen(int(head.needs[0]) + 1 if isinstance(head, Lines) else min(head.depth, head.words))
        return _walk(d, at, walk(head, at.type))
    columns = _columns(island.cores[0]) if island.cores else head.word_elements // head.sub
    if head.sub == 1:
        at = _words(d, at, maker, columns, head.words)
    else:
        if not isinstance(maker, Direct | None) and maker.collect > 1:
            at = _words(d, at, maker, head.word_elements, head.words)
        at = _split(d, at, replace(at.type, lanes=columns), (head.steps, head.sub, head.units))
    return d.deepen(min(head.steps, head.depth * head.sub))


def _walk(d: Design, at: Channel, window: Walk) -> Channel:
    """Declare the process of a line buffer and call it on `at`."""
    d.windows.append(window)
    to = d.channel(window.output)
    d.calls.append(f"run_{window.name}({at.name}, {to.name})")
    return to


def _process(d: Design, name: str, at: Channel, island: Island) -> Channel:
    """Declare the process of an island and call it on `at`."""
    head, first = island.head, island.cores[0]
    cores = tuple(block(c) for c in island.cores)
    runs = isinstance(first, DenseFolded | DepthwiseLanes | PoolLanes)
    emitted = cores[0].output if runs else at.type
    steps: list[Step] = []
    for core in cores[1:] if runs else cores:
        steps.append(Step(core.output, f"v{len(steps) + 1}", core.call(f"v{len(steps)}")))
    numbers = members(FOLDS=1 if isinstance(head, Direct) else head.unit_emissions, EMISSIONS=head.emissions)
    if isinstance(first, DenseFolded):
        numbers += members(KEPT=isinstance(head, Buffer | Scan) and head.replay > 1)
    call = cores[0].run(name) if runs else f"hwc::each<{name}, {name}::EMISSIONS>::run(in, out)"
    pragmas = tuple(p for c in cores for r in c.roms for p in r.pragmas)
    if head.emissions == 1 and not runs:
        pragmas = ("PIPELINE II=1", *pragmas)
    d.islands.append(Process(name, numbers, cores, at.type, emitted, tuple(steps), cores[-1].output, call, pragmas))
    to = d.channel(cores[-1].output)
    d.calls.append(f"run_{name}({at.name}, {to.name})")
    return to


@singledispatch
def _columns(core: Core) -> int:
    """Elements a core reads in a step."""
    raise TypeError(type(core))


@_columns.register
def _(core: DenseFolded) -> int:
    return core.simd


@_columns.register
def _(core: DenseUnrolled) -> int:
    return core.weight.shape[1]


@_columns.register
def _(core: AffineLanes | DepthwiseLanes | PoolLanes | RequantLanes | TableLanes) -> int:
    return core.lanes


@_columns.register
def _(core: MaxUnrolled) -> int:
    return core.lanes * core.taps if core.index is None else int(core.index.max()) + 1
