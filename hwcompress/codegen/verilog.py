# SPDX-License-Identifier: Apache-2.0
"""Pipeline to Verilog: which library modules, with which parameters, wired how."""

from hwcompress.codegen.adders import module_name, render_adders
from hwcompress.codegen.cores import Bus, add_core
from hwcompress.codegen.design import Design, Port, literal
from hwcompress.codegen.memory import memory_files, ram_style
from hwcompress.codegen.render import environment
from hwcompress.engines.base import Product, ceil_div
from hwcompress.engines.dense import DenseUnrolled
from hwcompress.engines.head import Buffer, Direct, Lines, Scan
from hwcompress.engines.pipeline import Interface, Island, Pipeline
from hwcompress.resources import folder
from hwcompress.version import __version__


def render_verilog(pipeline: Pipeline) -> dict[str, str]:
    """All files of the verilog folder by name: the top, the library, the memories."""
    top = environment().get_template("verilog/top.v.j2").render(design=design(pipeline), version=__version__)
    files = {f"{pipeline.top}.v": top}
    for path in sorted((folder("templates") / "rtl").glob("*.v")):
        files[path.name] = path.read_text(encoding="utf-8")
    for core in pipeline.cores():
        if isinstance(core, DenseUnrolled) and core.product is Product.LUT:
            files[f"{module_name(pipeline.top, core)}.v"] = render_adders(pipeline.top, core)
    for memory in pipeline.memories():
        files.update(memory_files(memory, pipeline.family))
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
    if isinstance(head, Direct):
        bus = _direct(d, k, head, source)
    elif isinstance(head, Scan):
        bus = _scan(d, k, head, source, reserve)
    elif isinstance(head, Lines):
        bus = _memory_head(d, k, "hwc_window", _lines(head), head, source, reserve)
    else:
        bus = _memory_head(d, k, "hwc_buffer", _buffer(head), head, source, reserve)
    for core in island.cores:
        bus = add_core(core, d, bus)
    return bus if isinstance(head, Direct) else _collect(d, k, head, bus)


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


def _buffer(head: Buffer) -> dict[str, int | str]:
    """Parameters of hwc_buffer."""
    return {
        "WORD_W": head.width,
        "DEPTH": head.depth,
        "WORDS": head.vector_words,
        "SUB": head.sub,
        "STEPS": head.steps,
        "REPLAY": head.replay,
        "EMIT": head.emit,
        "SKIP": head.skip,
        "COLLECT": head.collect,
    }


def _lines(head: Lines) -> dict[str, int | str]:
    """Parameters of hwc_window."""
    lanes = head.word_elements // head.sub
    return {
        "WORD_W": head.width,
        "DEPTH": head.depth,
        "ROWS": head.grid[0],
        "COLS": head.grid[1],
        "E": head.pixel_words,
        "SUB": head.sub,
        "CP": head.parts,
        "GROUPS": head.groups,
        "REPLAY": head.replay,
        **_kernel(head),
        "COLLECT": head.collect,
        "PER_POSITION": int(head.by_position),
        "PADDED": int(head.window.padded),
        "PAD": _pad(head, lanes),
    }


def _kernel(head: Lines | Scan) -> dict[str, int | str]:
    w = head.window
    return {
        "KR": w.kernel[0],
        "KC": w.kernel[1],
        "SR": w.stride[0],
        "SC": w.stride[1],
        "DR": w.dilation[0],
        "DC": w.dilation[1],
        "PT": w.before[0],
        "PL": w.before[1],
        "OROWS": head.out[0],
        "OCOLS": head.out[1],
    }


def _pad(head: Lines | Scan, lanes: int) -> str:
    """The code outside the map in every lane."""
    fill = head.fill & ((1 << head.element_width) - 1)
    return literal(sum(fill << (k * head.element_width) for k in range(lanes)), lanes * head.element_width)


def _scan(d: Design, k: int, head: Scan, source: Bus, reserve: str) -> Bus:
    """The pair that shows whole windows."""
    w, width = head.window, head.width
    lanes = w.taps * head.word_elements
    issue, valid = d.wire(f"issue_{k}"), d.wire(f"valid_{k}")
    shift, first, outside = d.wire(f"shift_{k}"), d.wire(f"first_{k}"), d.wire(f"outside_{k}")
    word, rows = d.wire(f"pixel_{k}", width), d.wire(f"rows_{k}", w.kernel[0])
    data = d.wire(f"x_{k}", lanes * head.element_width)
    d.add(
        "hwc_scan",
        head.name,
        {
            "WORD_W": width,
            "DEPTH": head.depth,
            "ROWS": head.grid[0],
            "COLS": head.grid[1],
            **_kernel(head),
            "REPLAY": head.replay,
            "COLLECT": head.collect,
            "PER_POSITION": int(head.by_position),
            "STYLE": ram_style(head.store, d.family),
        },
        {
            "reserve_i": reserve,
            "write_i": source.valid,
            "data_i": source.fitted(width),
            "room_o": f"room_{k}",
            "room_i": f"room_{k + 1}",
            "reserve_o": f"reserve_{k + 1}",
            "shift_o": shift,
            "data_o": word,
            "first_o": first,
            "outside_o": outside,
            "rows_o": rows,
            "issue_o": issue,
            "valid_o": valid,
        },
    )
    d.add(
        "hwc_patch",
        f"patch_{k}",
        {
            "WORD_W": width,
            "COLS": head.grid[1],
            "KR": w.kernel[0],
            "KC": w.kernel[1],
            "DR": w.dilation[0],
            "DC": w.dilation[1],
            "PADDED": int(w.padded),
            "PAD": _pad(head, head.word_elements),
            "STYLE": ram_style(head.lines, d.family),
        },
        {"shift_i": shift, "data_i": word, "first_i": first, "outside_i": outside, "rows_i": rows, "x_o": data},
    )
    return Bus(valid, data, lanes, head.element_width, issue)


def _memory_head(
    d: Design, k: int, module: str, params: dict[str, int | str], head: Buffer | Lines, source: Bus, reserve: str
) -> Bus:
    lanes = head.word_elements // head.sub
    issue, valid = d.wire(f"issue_{k}"), d.wire(f"valid_{k}")
    data = d.wire(f"x_{k}", lanes * head.element_width)
    d.add(
        module,
        head.name,
        params | {"STYLE": ram_style(head.store, d.family)},
        {
            "reserve_i": reserve,
            "write_i": source.valid,
            "data_i": source.fitted(head.width),
            "room_o": f"room_{k}",
            "room_i": f"room_{k + 1}",
            "reserve_o": f"reserve_{k + 1}",
            "issue_o": issue,
            "valid_o": valid,
            "x_o": data,
        },
    )
    return Bus(valid, data, lanes, head.element_width, issue)


def _collect(d: Design, k: int, head: Buffer | Lines | Scan, bus: Bus) -> Bus:
    if head.collect == 1:
        return bus
    write, data = d.wire(f"write_{k}"), d.wire(f"word_{k}", head.collect * bus.bits)
    d.add(
        "hwc_collect",
        f"collect_{k}",
        {"IN_W": bus.bits, "GROUP": head.collect, "COUNT": head.count},
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
            "STYLE": ram_style(p.output_store, d.family),
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
