# SPDX-License-Identifier: Apache-2.0
"""The HLS C++, compiled by g++, gives the codes of the operators."""

import re
import subprocess

import numpy as np
import pytest

from hwcompress.codegen.hls import render_hls
from hwcompress.engines.assemble import assemble
from hwcompress.engines.base import Product
from hwcompress.engines.dense import DenseFolded
from hwcompress.engines.elementwise import RequantLanes
from hwcompress.engines.pipeline import Interface
from hwcompress.engines.plan import LayerPlan, Plan
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import FixedPoint, Format
from hwcompress.ir.graph import Graph, Node
from hwcompress.ir.types import TensorType
from hwcompress.ops import DenseCodes, Requant
from hwcompress.verify.bench import pack, unpack
from tests.codegen.hls_programs import build, compile_cpp, port, write
from tests.random_networks import random_frames, random_network, reference

FRAMES = 40


def check(seeds, folder, flags=()):
    """Every network of `seeds` in one program."""
    networks = [random_network(s) for s in seeds]
    pipelines = [assemble(g, p, f"net_{s}") for (g, p), s in zip(networks, seeds, strict=True)]
    program = build(pipelines, folder, flags)
    wrong = []
    for k, ((graph, _), seed) in enumerate(zip(networks, seeds, strict=True)):
        x = random_frames(graph, FRAMES, seed)
        if not np.array_equal(program.run(k, x), reference(graph, x)):
            wrong.append(seed)
    assert wrong == []


@pytest.mark.csim
@pytest.mark.slow
def test_random_networks(tmp_path):
    check([*range(12), 3002], tmp_path)  # 3002: from 4 bits to 16


@pytest.mark.csim
@pytest.mark.slow
def test_with_the_types_of_synthesis(tmp_path):
    check([*range(100, 106), 3002], tmp_path, ["-DHWC_AP_INT"])


@pytest.mark.csim
@pytest.mark.long
@pytest.mark.parametrize("part", range(12))
@pytest.mark.parametrize("flag", ["-DHWC_NATIVE", "-DHWC_AP_INT"])
def test_many_random_networks(tmp_path, part, flag):
    check(range(1000 + 20 * part, 1020 + 20 * part), tmp_path, [flag])


def small_network(simd=4):
    """12 -> 6 -> 3 with per-row shifts: weights, shifts and rounding all reach the output."""
    rng = np.random.default_rng(5)
    kind, wide = FixedPoint(8, 4), FixedPoint(12, 6)
    nodes, types, x = [], {"v0": TensorType(12, kind)}, TensorType(12, kind)
    for k, (n, m) in enumerate([(12, 6), (6, 3)]):
        shifts = tuple(int(s) for s in rng.integers(0, 3, m))
        weight = rng.integers(-100, 101, (m, n)).astype(np.int64)
        dense = DenseCodes(weight, FixedPoint(8, 6), shifts, rng.integers(-500, 500, m).astype(np.int64))
        acc = dense.infer(x)
        fmt = Format(wide if k else kind)
        requant = Requant(fmt, acc.fracs() - fmt.type.frac, fmt.type.min_code, fmt.type.max_code)
        for op in (dense, requant):
            x = op.infer(x)
            i = len(nodes)
            nodes.append(Node("n", op, f"v{i}", f"v{i + 1}"))
            types[f"v{i + 1}"] = x
    graph = Graph("small", "v0", 12, tuple(nodes), types)
    layers = {"dense_0": LayerPlan(2, simd), "dense_1": LayerPlan(3, 2, Product.LUT)}
    return graph, Plan(layers, Interface.AXIS, 2)


def mutated(files, pattern, change):
    """weights.h with the first value behind `pattern` changed."""
    text, count = re.subn(
        rf"({pattern}.*? = {{\s*)(\w+)",
        lambda m: m[1] + str(change(int(m[2], 0))),
        files["hls/weights.h"],
        count=1,
        flags=re.S,
    )
    assert count == 1
    return files | {"hls/weights.h": text}


@pytest.mark.csim
@pytest.mark.slow
def test_a_changed_constant_is_seen(tmp_path):
    graph, plan = small_network()
    pipelines = [assemble(graph, plan, f"net_{k}") for k in range(5)]
    files = [render_hls(p) for p in pipelines]
    dense, requant = pipelines[0].cores()[:2]
    assert isinstance(dense, DenseFolded)
    assert isinstance(requant, RequantLanes)
    half, mask = 1 << int(requant.fold_shifts()[0, 0] - 1), (1 << dense.acc_width) - 1
    files[1] = mutated(files[1], "dense_0_w", lambda v: v ^ 1)
    files[2] = mutated(files[2], "dense_0_0_s", lambda v: v + 1)
    files[3] = mutated(files[3], "dense_0_b", lambda v: (v & ~mask) | ((v - half) & mask))
    files[4] = mutated(files[4], "dense_1_0_s", lambda v: v - 1)
    program = build(pipelines, tmp_path, texts=files)
    x = random_frames(graph, 400, 1)
    due = reference(graph, x)
    equal = [np.array_equal(program.run(k, x), due) for k in range(5)]
    assert equal == [True, False, False, False, False]


@pytest.mark.csim
@pytest.mark.slow
def test_the_emitted_program(tmp_path):
    graph, plan = small_network(simd=5)
    pipeline = assemble(graph, plan)
    write(render_hls(pipeline), tmp_path)
    compile_cpp(["hls/top.cpp", "hls/csim_main.cpp"], tmp_path)
    x = random_frames(graph, 100, 2)
    (tmp_path / "in.mem").write_text("\n".join(pack(x, port(pipeline.input))).upper() + "\n")

    def csim(*arguments):
        command = [tmp_path / "csim", *arguments]
        return subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert csim("in.mem", "out.mem", "100").returncode == 0
    words = (tmp_path / "out.mem").read_text().split()
    assert np.array_equal(unpack(words, port(pipeline.output)), reference(graph, x))
    short = csim("in.mem", "out.mem", "101")
    assert short.returncode == 2
    assert short.stderr == "in.mem: frame 100, beat 0: no beat of the right length\n"
    assert csim("in.mem", "out.mem").returncode == 2


PORT_PROGRAM = """
#include "hls/hwc/port.h"
#include <cstdio>
typedef ap_axiu<8, 0, 0, 0> axis;
typedef hwc::vec<4, true, 2> pair;
int main() {
  // data and tlast of each beat; frames of 3 beats
  const int beats[][2] = {{0x21, 0}, {0x43, 0}, {0xf5, 1},              // whole
                          {0x12, 0}, {0x34, 1},                         // early
                          {0x56, 0}, {0x78, 0}, {0x9a, 0},              // late
                          {0xaa, 0}, {0xbb, 1},                         // dropped
                          {0x11, 0}, {0x22, 0}, {0x33, 1}};             // whole again
  hls::stream<axis> in;
  hls::stream<pair> out;
  for (const auto& b : beats) { axis a; a.data = b[0]; a.last = b[1]; in.write(a); }
  for (int frame = 0; frame < 4; ++frame) {
    ap_uint<1> error = 0;
    hwc::read_frame<axis, pair, 3>::run(in, out, &error);
    while (!out.empty()) { const pair p = out.read(); std::printf("%d,%d ", int(p.lane[0]), int(p.lane[1])); }
    std::printf("%d\\n", int(error));
  }
}
"""


@pytest.mark.csim
@pytest.mark.slow
def test_tlast_in_the_wrong_place(tmp_path):
    graph, plan = small_network()
    write(render_hls(assemble(graph, plan)) | {"main.cpp": PORT_PROGRAM}, tmp_path)
    compile_cpp(["main.cpp"], tmp_path)
    run = subprocess.run([tmp_path / "csim"], check=True, capture_output=True, text=True, timeout=60)
    assert run.stdout.splitlines() == [
        "1,2 3,4 5,-1 0",
        "2,1 4,3 0,0 1",
        "6,5 -8,7 -6,-7 1",
        "1,1 2,2 3,3 1",
    ]


def test_no_name_of_the_model_reaches_the_text():
    graph, plan = small_network()
    bad = '*/ #error "$(touch x)" \\u202e'
    nodes = tuple(Node(bad, n.op, n.source, n.output) for n in graph.nodes)
    renamed = Graph(bad, graph.input, graph.channels, nodes, graph.types)
    assert render_hls(assemble(renamed, plan)) == render_hls(assemble(graph, plan))


def test_wrong_arguments():
    graph, plan = small_network()
    with pytest.raises(BadInput) as error:
        render_hls(assemble(graph, Plan(plan.layers, Interface.VALID, 2)))
    assert str(error.value) == "hls back end: wanted --interface axis, found valid. Try: --backend verilog"
    with pytest.raises(BadInput, match="wanted a part such as"):
        render_hls(assemble(graph, plan), part="x; exec rm")


def test_deep_narrow_weights_stay_short():
    rng = np.random.default_rng(3)
    kind = FixedPoint(8, 0)
    dense = DenseCodes(rng.integers(-128, 128, (100, 300)).astype(np.int64), kind, (), np.zeros(100, dtype=np.int64))
    types = {"v0": TensorType(300, kind), "v1": dense.infer(TensorType(300, kind))}
    requant = Requant(Format(FixedPoint(8, -8)), np.full(100, 8), -128, 127)
    types["v2"] = requant.infer(types["v1"])
    graph = Graph("serial", "v0", 300, (Node("a", dense, "v0", "v1"), Node("b", requant, "v1", "v2")), types)
    pipeline = assemble(graph, Plan({"dense_0": LayerPlan(1, 1)}, Interface.AXIS, 2))
    assert len(render_hls(pipeline)["hls/weights.h"]) < 2.5 * dense.weight.size
