# SPDX-License-Identifier: Apache-2.0
"""Pipeline to HLS C++: a dataflow of one process an island, with width conversions between them.

A `Buffer` becomes a stream of vectors with a width conversion before it; the folded product behind it keeps and
replays the vector. A copy island has no process of its own. Time is the tool's; codes are those of the Verilog.
"""

import re
from dataclasses import dataclass, field
from functools import singledispatch
from pathlib import Path

from hwcompress.codegen.hls_cores import Block, Rom, Vec, block
from hwcompress.codegen.render import environment
from hwcompress.engines.base import Core, Stream
from hwcompress.engines.dense import DenseFolded, DenseUnrolled
from hwcompress.engines.elementwise import AffineLanes, RequantLanes, TableLanes
from hwcompress.engines.head import Buffer, Direct
from hwcompress.engines.pipeline import Interface, Island, Pipeline
from hwcompress.errors import BadInput
from hwcompress.resources import folder
from hwcompress.version import __version__

LEAST_MAX_BITS = 1024  # AP_INT_MAX_W where nobody sets it
LIBRARY_FOLDERS = ("hwc", "csim")
RENDERED = ("top.cpp", "top.h", "weights.h", "csim_main.cpp")
DEFAULT_PART = "xcku5p-ffvb676-2-e"


@dataclass(frozen=True, slots=True)
class Step:
    """A line of `emit`."""

    type: Vec
    name: str
    call: str


@dataclass(frozen=True, slots=True)
class Process:
    """An island as a process."""

    name: str
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
        used = {c.header for i in self.islands for c in i.cores}
        return tuple(sorted({"each.h", "port.h", "width.h"} | used))

    def channel(self, kind: Vec, depth: int = 2) -> Channel:
        """One more stream."""
        self.streams.append(Channel(f"s{len(self.streams)}", kind, depth))
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
    count = x.beats  # vectors a frame in `at`
    for k, island in enumerate(pipeline.islands):
        group = _collect(pipeline.islands[k - 1]) if k else 1
        at = _convert(d, at, island, count, group)
        if island.cores:
            at = _process(d, f"island_{k}", at, island)
        count = _emissions(island)
    at = _to_port(d, at, Vec(y.type.width, y.type.signed, y.per_beat), count)
    d.calls.append(f"hwc::write_frame<{at.type}, {d.top}_out, {y.beats}>::run({at.name}, m_axis)")
    return d


def _collect(island: Island) -> int:
    return island.head.collect if isinstance(island.head, Buffer) else 1


def _emissions(island: Island) -> int:
    """Vectors a frame that leave an island."""
    return island.head.emissions if isinstance(island.head, Buffer) else 1


def _convert(d: Design, at: Channel, island: Island, count: int, group: int) -> Channel:
    """From what the last island emits, `count` vectors a frame, to what this one reads a step."""
    head = island.head
    if isinstance(head, Direct):
        return at
    lanes = _columns(island.cores[0]) if island.cores else head.word_elements // head.sub
    wanted = Vec(at.type.width, at.type.signed, lanes)
    if group == 1 and head.sub == 1 and lanes == at.type.lanes:
        d.streams[-1] = Channel(at.name, at.type, max(2, head.steps))
        return d.streams[-1]
    to = d.channel(wanted, max(2, head.steps))
    if group > 1:
        d.calls.append(f"hwc::join<{at.type}, {wanted}, {count}, {group}>({at.name}, {to.name})")
    else:
        d.calls.append(f"hwc::split<{at.type}, {wanted}, {head.steps}, {head.sub}>::run({at.name}, {to.name})")
    return to


def _to_port(d: Design, at: Channel, wanted: Vec, count: int) -> Channel:
    """Lanes beyond the vector do not reach the port."""
    if at.type == wanted:
        return at
    to = d.channel(wanted)
    d.calls.append(f"hwc::split<{at.type}, {wanted}, {count}, 1>::run({at.name}, {to.name})")
    return to


def _process(d: Design, name: str, at: Channel, island: Island) -> Channel:
    """Declare the process of an island and call it on `at`."""
    cores = tuple(block(c) for c in island.cores)
    folded = isinstance(island.cores[0], DenseFolded)
    emitted = cores[0].output if folded else at.type
    steps: list[Step] = []
    for core in cores[1:] if folded else cores:
        steps.append(Step(core.output, f"v{len(steps) + 1}", core.call(f"v{len(steps)}")))
    times = island.head.steps
    if folded:
        roms = ", ".join(r.name for r in cores[0].roms)
        call = f"{cores[0].function}<{cores[0].name}, {name}>(in, out, {roms})"
    else:
        call = f"hwc::each<{name}, {times}>::run(in, out)"
    pragmas = tuple(p for c in cores for r in c.roms for p in r.pragmas)
    if times == 1 and not folded:
        pragmas = ("PIPELINE II=1", *pragmas)
    d.islands.append(Process(name, cores, at.type, emitted, tuple(steps), cores[-1].output, call, pragmas))
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
def _(core: AffineLanes | RequantLanes | TableLanes) -> int:
    return core.lanes
