# SPDX-License-Identifier: Apache-2.0
"""A build directory, written as a whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwcompress.codegen.fixed_onnx import SAME, Boundary, fixed_model
from hwcompress.codegen.hls import render_hls
from hwcompress.codegen.onnx_types import FLOAT, ONNX_TYPES
from hwcompress.codegen.scripts import render_scripts
from hwcompress.codegen.taps import taps
from hwcompress.codegen.verilog import render_verilog
from hwcompress.compress.recipe import Compressed
from hwcompress.config import Config
from hwcompress.config_file import dump
from hwcompress.cost.schedule import Timing
from hwcompress.engines.base import Stream
from hwcompress.engines.pipeline import Pipeline
from hwcompress.errors import BadInput, quote
from hwcompress.frontend.model import Model
from hwcompress.ir.fixed import Codes
from hwcompress.ir.order import Order
from hwcompress.ir.types import spread_channels
from hwcompress.report import files, html
from hwcompress.report.folders import replace_folder
from hwcompress.report.schema import Report
from hwcompress.verify.bench import BenchSpec, PortSpec, write_bench, write_digests

PARTS = {"report.json", "report.html", "config.toml", "model.fixed.onnx", "verilog", "hls", "bench", "scripts"}


@dataclass(frozen=True, eq=False)
class Emission:
    """All that a build directory holds."""

    model: Model
    config: Config
    compressed: Compressed
    pipeline: Pipeline
    timing: Timing
    report: Report
    x: Codes  # stimulus [frames, n]
    y: Codes  # expected codes [frames, m]


def emit(what: Emission, folder: Path) -> Path:
    """Write next to the folder, then swap: an earlier build stays as it was until the new one is complete.

    Raises:
        BadInput: the place cannot be written or holds something else than a build.
    """
    folder = folder.resolve()
    if folder.exists() and (found := _foreign(folder)):
        raise BadInput(
            f"--out {quote(str(folder))}: a new or empty folder or an earlier build wanted, found {found}. "
            "Try: another --out"
        )
    replace_folder(folder, lambda fresh: _write(what, fresh))
    return folder


def _foreign(folder: Path) -> str:
    """What in a folder is not of a build and would be lost; empty where nothing is."""
    if not folder.is_dir():
        return "a file"
    names = sorted(path.name for path in folder.iterdir() if path.suffix != ".log")
    others = [name for name in names if name not in PARTS]
    if others:
        return f"{quote(others[0], 60)} in it"
    try:
        files.read(folder) if names else None
    except BadInput:
        return "files of other origin (no report.json of a build)"
    return ""


def _write(what: Emission, folder: Path) -> None:
    backend = what.config.backend
    texts: dict[str, str] = {"config.toml": dump(what.config, folder)}
    if backend in ("verilog", "both"):
        texts |= {f"verilog/{name}": text for name, text in render_verilog(what.pipeline).items()}
    if backend in ("hls", "both"):
        texts |= render_hls(what.pipeline, what.config.device.part, what.config.clock_mhz)
    texts |= render_scripts(what.pipeline, what.config, tuple(texts))
    _write_texts(folder, texts)
    (folder / "model.fixed.onnx").write_bytes(fixed_model(what.compressed.graph, boundary(what)))
    write_bench(bench_spec(what), what.x, what.y, folder / "bench")
    made = f"verilog/{what.pipeline.top}"
    held = [name for name in texts if name.endswith(".mem") or name.startswith(made)]
    write_digests({name.removeprefix("verilog/"): texts[name] for name in held}, folder / "bench")
    files.write(what.report, folder)
    html.write(what.report, folder)


def _write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def boundary(what: Emission) -> Boundary:
    """The model's own ports around the codes."""
    graph, model = what.compressed.graph, what.model
    exponents = spread_channels(what.compressed.exponents, graph.elements)
    scale = graph.types[graph.input].element.step * np.exp2(-exponents.astype(np.float64))
    plain = what.config.mean == 0.0 and what.config.std == 1.0
    kind = ONNX_TYPES.get(model.input.dtype, FLOAT) if plain else FLOAT
    return Boundary(
        model.input.name,
        model.input.sample_shape,
        kind,
        scale,
        model.graph.output,
        model.tail_shape,
        model.input_order,
        model.output_order,
    )


def bench_spec(what: Emission) -> BenchSpec:
    """What the harness has to know."""
    p = what.pipeline
    exponents = spread_channels(what.compressed.exponents, p.input.elements)
    shifts = tuple(exponents.tolist()) if exponents.any() else ()
    return BenchSpec(
        p.top,
        p.interface.value,
        stream_port(p.input, shifts, what.model.input_order),
        stream_port(p.output),
        what.timing.latency_cycles,
        what.timing.interval_cycles,
        taps(p, what.compressed.graph, what.model.input.name),
    )


def stream_port(s: Stream, shifts: tuple[int, ...] = (), order: Order = SAME) -> PortSpec:
    """A port as the bench describes it."""
    kind = s.type
    return PortSpec(
        s.elements,
        s.per_beat,
        s.beats,
        kind.width,
        kind.signed,
        s.tdata_bits,
        kind.frac,
        shifts,
        order.sizes,
        order.axes,
    )
