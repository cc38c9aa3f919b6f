# SPDX-License-Identifier: Apache-2.0
"""Pipeline to Verilog: which library modules, with which parameters, wired how."""

from hwcompress.codegen.cores import Bus, add_core
from hwcompress.codegen.design import Design, Port
from hwcompress.codegen.memory import memory_files
from hwcompress.codegen.render import environment
from hwcompress.engines.base import Store, ceil_div
from hwcompress.engines.head import Buffer, Direct
from hwcompress.engines.pipeline import Interface, Island, Pipeline
from hwcompress.resources import folder
from hwcompress.version import __version__

RAM_STYLE = {Store.LOGIC: 1, Store.BLOCK: 2}


def render_verilog(pipeline: Pipeline) -> dict[str, str]:
    """All files of the verilog folder by name: the top, the library, the memories."""
    top = environment().get_template("verilog/top.v.j2").render(design=design(pipeline), version=__version__)
    files = {f"{pipeline.top}.v": top}
    for path in sorted((folder("templates") / "rtl").glob("*.v")):
        files[path.name] = path.read_text(encoding="utf-8")
    for memory in pipeline.memories():
        files.update(memory_files(memory))
    return files


def design(pipeline: Pipeline) -> Design:
    """The top module as data."""
    d = Design(pipeline.top, pipeline.family)
    x, y = pipeline.input, pipeline.output
    d.notes.append(
        f"in: {x.elements} x {x.type}, {x.per_beat} a beat; out: {y.elements} x {y.type}, {y.per_beat} a beat"
    )
    _ports(d, pipeline)
    _input(d, pipeline)
    lanes = Bus("in_write", "in_data", x.per_beat, x.type.width)
    for k, island in enumerate(pipeline.islands):
        lanes = _island(d, k, island, lanes)
    _output(d, pipeline, lanes)
    return d


def _ports(d: Design, p: Pipeline) -> None:
    d.ports += [Port("aclk", "input"), Port("aresetn", "input")]
    d.ports += [Port("s_axis_tdata", "input", p.input.tdata_bits), Port("s_axis_tvalid", "input")]
    axis = p.interface is Interface.AXIS
    if axis:
        d.ports += [Port("s_axis_tready", "output"), Port("s_axis_tlast", "input")]
    d.ports += [Port("m_axis_tdata", "output", p.output.tdata_bits), Port("m_axis_tvalid", "output")]
    if axis:
        d.ports += [Port("m_axis_tready", "input"), Port("m_axis_tlast", "output"), Port("frame_error", "output")]


def _input(d: Design, p: Pipeline) -> None:
    d.wire("in_write")
    d.wire("in_data", p.input.data_bits)
    d.wire("room_0")
    if p.interface is Interface.VALID:
        d.assign("in_write", "s_axis_tvalid")
        d.assign("in_data", f"s_axis_tdata[{p.input.data_bits - 1}:0]")
        return
    d.add(
        "hwc_input",
        "input",
        {"DATA_W": p.input.data_bits, "TDATA_W": p.input.tdata_bits, "BEATS": p.input.beats},
        {
            "s_axis_tdata": "s_axis_tdata",
            "s_axis_tvalid": "s_axis_tvalid",
            "s_axis_tready": "s_axis_tready",
            "s_axis_tlast": "s_axis_tlast",
            "room_i": "room_0",
            "write_o": "in_write",
            "data_o": "in_data",
            "frame_error_o": "frame_error",
        },
    )


def _island(d: Design, k: int, island: Island, source: Bus) -> Bus:
    """Head and cores of island k; `source` is written into the head. What it emits, as words of the next."""
    head = island.head
    reserve = "in_write" if k == 0 else f"reserve_{k}"
    d.wire(f"room_{k + 1}")
    d.wire(f"reserve_{k + 1}")
    bus = _direct(d, k, head, source) if isinstance(head, Direct) else _buffer(d, k, head, source, reserve)
    for core in island.cores:
        bus = add_core(core, d, bus)
    return _collect(d, k, head, bus) if isinstance(head, Buffer) else bus


def _direct(d: Design, k: int, head: Direct, source: Bus) -> Bus:
    valid, data = d.wire(f"valid_{k}"), d.wire(f"x_{k}", head.width)
    d.add(
        "hwc_direct",
        head.name,
        {"WIDTH": head.width},
        {
            "write_i": source.valid,
            "data_i": source.data,
            "room_o": f"room_{k}",
            "room_i": f"room_{k + 1}",
            "reserve_o": f"reserve_{k + 1}",
            "valid_o": valid,
            "x_o": data,
        },
    )
    return Bus(valid, data, source.lanes, source.width)


def _buffer(d: Design, k: int, head: Buffer, source: Bus, reserve: str) -> Bus:
    lanes = head.word_elements // head.sub
    issue, valid = d.wire(f"issue_{k}"), d.wire(f"valid_{k}")
    data = d.wire(f"x_{k}", lanes * head.element_width)
    d.add(
        "hwc_buffer",
        head.name,
        {
            "WORD_W": head.width,
            "DEPTH": head.depth,
            "WORDS": head.words,
            "SUB": head.sub,
            "STEPS": head.steps,
            "REPLAY": head.replay,
            "EMIT": head.emit,
            "COLLECT": head.collect,
            "STYLE": RAM_STYLE[head.store],
        },
        {
            "reserve_i": reserve,
            "write_i": source.valid,
            "data_i": source.widened(head.width),
            "room_o": f"room_{k}",
            "room_i": f"room_{k + 1}",
            "reserve_o": f"reserve_{k + 1}",
            "issue_o": issue,
            "valid_o": valid,
            "x_o": data,
        },
    )
    return Bus(valid, data, lanes, head.element_width, issue)


def _collect(d: Design, k: int, head: Buffer, bus: Bus) -> Bus:
    if head.collect == 1:
        return bus
    write, data = d.wire(f"write_{k}"), d.wire(f"word_{k}", head.collect * bus.bits)
    d.add(
        "hwc_collect",
        f"collect_{k}",
        {"IN_W": bus.bits, "GROUP": head.collect, "COUNT": head.emissions},
        {"valid_i": bus.valid, "data_i": bus.data, "write_o": write, "data_o": data},
    )
    return Bus(write, data, bus.lanes * head.collect, bus.width)


def _output(d: Design, p: Pipeline, bus: Bus) -> None:
    k = len(p.islands)
    data_bits, tdata_bits = p.output.data_bits, p.output.tdata_bits
    if p.interface is Interface.VALID:
        pad = f"{{{tdata_bits - data_bits}'d0, " if tdata_bits > data_bits else "{"
        d.assign(f"room_{k}", "1'b1")
        d.assign("m_axis_tvalid", bus.valid)
        d.assign("m_axis_tdata", f"{pad}{bus.low(data_bits)}}}")
        return
    d.add(
        "hwc_output",
        "output",
        {
            "DATA_W": data_bits,
            "TDATA_W": tdata_bits,
            "DEPTH": p.output_depth,
            "BEATS": ceil_div(p.output.elements, p.output.per_beat),
            "STYLE": RAM_STYLE[p.output_store],
        },
        {
            "reserve_i": f"reserve_{k}",
            "write_i": bus.valid,
            "data_i": bus.low(data_bits),
            "room_o": f"room_{k}",
            "m_axis_tdata": "m_axis_tdata",
            "m_axis_tvalid": "m_axis_tvalid",
            "m_axis_tready": "m_axis_tready",
            "m_axis_tlast": "m_axis_tlast",
        },
    )
