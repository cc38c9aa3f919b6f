# SPDX-License-Identifier: Apache-2.0
"""Verilog and bench of an integer network without a model file around it."""

from pathlib import Path

import numpy as np

from hwcompress.codegen.fixed_onnx import Boundary, fixed_model
from hwcompress.codegen.taps import taps
from hwcompress.codegen.verilog import render_verilog
from hwcompress.cost.depths import size_buffers
from hwcompress.cost.schedule import Timing, schedule
from hwcompress.emit import stream_port
from hwcompress.engines.assemble import assemble
from hwcompress.engines.pipeline import Pipeline
from hwcompress.engines.plan import Plan
from hwcompress.explore.choices import LUT_PER_BRAM18
from hwcompress.explore.planner import stored
from hwcompress.ir.fixed import Codes
from hwcompress.ir.graph import CodeOp, Graph
from hwcompress.sim.integer import Simulator
from hwcompress.verify.bench import BenchSpec, write_bench


def pipeline_of(graph: Graph[CodeOp], plan: Plan) -> Pipeline:
    """Assembled, with buffers sized and placed."""
    return stored(size_buffers(assemble(graph, plan)), LUT_PER_BRAM18)


def write_build(graph: Graph[CodeOp], plan: Plan, x: Codes, folder: Path) -> tuple[Pipeline, Timing]:
    """verilog/ and bench/ of a build directory; the pipeline and its estimated timing."""
    pipeline = pipeline_of(graph, plan)
    timing = schedule(pipeline)
    write_verilog(pipeline, folder)
    spec = BenchSpec(
        pipeline.top,
        pipeline.interface.value,
        stream_port(pipeline.input),
        stream_port(pipeline.output),
        timing.latency_cycles,
        timing.interval_cycles,
        taps(pipeline, graph),
    )
    write_bench(spec, x, Simulator.of(graph).run(x), folder / "bench")
    return pipeline, timing


def write_verilog(pipeline: Pipeline, folder: Path) -> None:
    """verilog/ of a build directory."""
    (folder / "verilog").mkdir(parents=True, exist_ok=True)
    for name, text in render_verilog(pipeline).items():
        (folder / "verilog" / name).write_text(text)


def write_model(graph: Graph[CodeOp], folder: Path) -> None:
    """model.fixed.onnx of a build directory: rows in the order of the hardware."""
    x, y = graph.types[graph.input], graph.types[graph.output]
    step = np.full(graph.elements, x.element.step)
    double = 11
    ends = Boundary("x", [graph.elements], double, step, "y", [y.elements])
    (folder / "model.fixed.onnx").write_bytes(fixed_model(graph, ends))
