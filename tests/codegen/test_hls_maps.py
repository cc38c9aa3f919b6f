# SPDX-License-Identifier: Apache-2.0
"""The HLS C++ of networks on maps, compiled by g++, gives the codes of the operators."""

import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from hwcompress.codegen.hls import library, render_hls
from hwcompress.engines.assemble import assemble
from hwcompress.engines.base import Product
from hwcompress.engines.head import Buffer, Direct, Lines, Scan
from hwcompress.engines.pipeline import Interface
from hwcompress.engines.plan import LayerPlan, Plan, layers
from hwcompress.engines.pool import MaxUnrolled
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import FixedPoint, Format
from hwcompress.ir.graph import Graph, Node
from hwcompress.ir.types import TensorType
from hwcompress.ops import AffineCodes, ConvCodes, DenseCodes, MaxPoolCodes, Requant, SumPoolCodes, Window
from tests.codegen.hls_programs import build, write
from tests.random_maps import random_map_network
from tests.random_networks import random_frames, reference
from tests.verilog_builds import pipeline_of

FRAMES = 16

# Streams in which a word is seldom there when it is asked for.
SLOW = """
#pragma once
#define stream plain_stream
#include "hls/csim/hls_stream.h"
#undef stream
#include <cstdlib>
namespace hls {
template <class T>
class stream : public plain_stream<T> {
 public:
  explicit stream(const char* name = "stream") : plain_stream<T>(name) {}
  bool empty() const { return std::rand() % 4 != 0 || plain_stream<T>::empty(); }
};
}  // namespace hls
"""
SLOW_FLAGS = ["-I.", "-include", "slow.h"]


def features(pipeline):
    """What a pipeline has that another may lack."""
    found = set()
    for core in pipeline.cores():
        if isinstance(core, MaxUnrolled):
            found.add((MaxUnrolled, "in order" if core.index is None else bool(core.index.min() < 0)))
    for island in pipeline.islands:
        head = island.head
        found.add((type(head), type(island.cores[0]) if island.cores else None))
        found |= {("then", type(c)) for c in island.cores[1:]}
        if isinstance(head, Direct):
            continue
        rest = bool(head.unit_emissions % head.collect)
        tests = {"emissions left over": head.units > 1 and head.count == head.unit_emissions and rest}
        tests["replayed"] = isinstance(head, Lines | Scan) and head.replay > 1
        if isinstance(head, Lines | Scan):
            tests["padded"] = head.window.padded
            tests["fill"] = head.window.padded and head.fill != 0
            tests["dilated"] = any(
                k > 1 and d > 1 for k, d in zip(head.window.kernel, head.window.dilation, strict=True)
            )
            tests["unread words"] = isinstance(head, Lines) and head.words > int(head.needs.max()) + 1
            tests["by frame"] = not head.by_position and head.collect > 1
        if isinstance(head, Lines):
            tests["ring"] = head.depth < head.words
            tests["groups"] = head.groups > 1 and head.replay > 1
            tests["parts in a word"] = head.sub > 1 and head.parts > 1
            tests["groups in a word"] = head.sub > 1 and head.groups > 1
            tests["words in a pixel"] = head.pixel_words > 1
        if isinstance(head, Buffer):
            tests["gathered"] = head.skip > 0
            tests["pixels replayed"] = head.units > 1 and head.replay > 1
            tests["parts left over"] = head.units > 1 and head.steps % head.sub > 0
        found |= {(type(head), k) for k, v in tests.items() if v}
    return found


def tight(pipeline):
    """With line buffers as short as can be."""
    islands = [
        replace(i, head=replace(i.head, depth=i.head.least_depth)) if isinstance(i.head, Lines) else i
        for i in pipeline.islands
    ]
    return replace(pipeline, islands=tuple(islands))


def built(seed):
    """The pipeline of one seed."""
    return replace(pipeline_of(*random_map_network(seed)), top=f"net_{seed}")


def covering(seeds):
    """Pipelines of those seeds that bring something new."""
    seen, chosen = set(), {}
    for seed in seeds:
        pipeline = built(seed)
        new = features(pipeline) - seen
        if new:
            seen |= new
            chosen[seed] = pipeline
    return chosen


def check(pipelines, folder, flags):
    """Every network, by seed, in one program."""
    write({"slow.h": SLOW}, folder)
    program = build(list(pipelines.values()), folder, flags)
    wrong = []
    for k, seed in enumerate(pipelines):
        graph, _ = random_map_network(seed)
        x = random_frames(graph, FRAMES, seed)
        if not np.array_equal(program.run(k, x), reference(graph, x)):
            wrong.append(seed)
    assert wrong == []


@pytest.mark.csim
@pytest.mark.slow
def test_random_maps(tmp_path):
    check(covering(range(250)), tmp_path, ["-O0"])


@pytest.mark.csim
@pytest.mark.slow
def test_with_the_types_of_synthesis_and_slow_streams(tmp_path):
    check({s: tight(p) for s, p in covering(range(5)).items()}, tmp_path, [*SLOW_FLAGS, "-O0", "-DHWC_AP_INT"])


@pytest.mark.csim
@pytest.mark.long
@pytest.mark.parametrize("part", range(6))
@pytest.mark.parametrize("flags", [["-O1"], ["-DHWC_AP_INT"], [*SLOW_FLAGS, "-O0", "-fsanitize=address"]])
def test_many_random_maps(tmp_path, part, flags):
    short = tight if "-fsanitize=address" in flags else lambda p: p
    check({s: short(built(s)) for s in range(1000 + 10 * part, 1010 + 10 * part)}, tmp_path, flags)


def map_network():
    """Windows at once (max, conv), 1x1, tap after tap (max, depthwise), affine by element, sum of all, dense."""
    rng = np.random.default_rng(8)
    kind, grid = FixedPoint(5, 2), (6, 9)
    x = TensorType(4, kind, grid=grid)
    nodes, types = [], {"v0": x}

    def add(op):
        nonlocal x
        x = op.infer(x)
        nodes.append(Node("n", op, f"v{len(nodes)}", f"v{len(nodes) + 1}"))
        types[f"v{len(nodes)}"] = x

    def product(kind_of, m, n, *more):
        exponents = tuple(rng.integers(0, 2, m).tolist())
        add(kind_of(rng.integers(-16, 16, (m, n)), kind, exponents, rng.integers(-64, 64, m), *more))
        requant()

    def requant():
        frac = x.element.frac - x.element.width + 7
        add(Requant(Format(FixedPoint(5, frac)), x.fracs() - frac, -16, 15))

    add(MaxPoolCodes(Window((1, 2), dilation=(1, 2), before=(0, 1), after=(0, 1)), -2))
    product(ConvCodes, 5, 36, Window((3, 3), dilation=(2, 1), before=(2, 1), after=(2, 1)))
    product(ConvCodes, 6, 5, Window((1, 1)))
    add(MaxPoolCodes(Window((3, 2), (2, 2), (1, 2), before=(1, 1), after=(1, 1)), 3))
    product(ConvCodes, 6, 4, Window((2, 2)), 6)
    add(AffineCodes(rng.integers(-16, 16, x.shape), kind, (), rng.integers(-64, 64, x.shape)))
    requant()
    add(SumPoolCodes(Window((x.shape[0], x.shape[1]))))
    requant()
    product(DenseCodes, 4, 6)
    graph = Graph("map", "v0", 4, tuple(nodes), types, grid)
    sizes = [(4, 2), (2, 36), (3, 4), (2, 1), (2, 1), (2, 1), (3, 1), (3, 2)]
    plans = {k.name: LayerPlan(*s, Product.LUT) for k, s in zip(layers(graph), sizes, strict=True)}
    return graph, Plan(plans, Interface.AXIS, 2)


# A header of the library, what stands in it, what takes its place.
MUTATIONS = [
    ("window.h", "code(D::FILL)", "code(0)"),
    ("window.h", "done || written - freed < D::DEPTH", "true"),
    ("window.h", "write_slot == D::DEPTH - 1 ? index(0)", "write_slot == D::DEPTH - 1 ? index(1)"),
    ("window.h", "group_word = next_word;", "group_word = word;"),
    ("window.h", "written - freed < D::DEPTH", "written - freed <= D::DEPTH"),
    ("window.h", "group_sub = next_sub;", "group_sub = sub;"),
    ("window.h", "row.end() + column.end() + D::PIXEL", "row.end() + column.end()"),
    ("scan.h", "code(D::FILL)", "code(0)"),
    ("scan.h", "s * D::DC", "s"),
    ("scan.h", "column[r * D::DR * C + k]", "column[r * C + k]"),
    ("scan.h", "row_end + D::SR", "row_end + 2 * D::SR"),
    ("scan.h", "lines[x][k] = column[k + C]", "lines[x][k] = column[k]"),
    ("width.h", "ends = place == COUNT - 1;", "ends = place == COUNT * UNITS - 1;"),
    ("pool.h", "old > now", "old < now"),
    ("pool.h", ": kept[group][k]", ": kept[0][k]"),
    ("dense.h", "bool fresh = !ISLAND::KEPT || row == 0", "bool fresh = !ISLAND::KEPT || n < ISLAND::EMISSIONS"),
    ("dense.h", "row == D::RF - 1 ? 0 : row + 1", "row == ISLAND::EMISSIONS - 1 ? 0 : row"),
    ("depthwise.h", "step == ISLAND::FOLDS * D::TAPS - 1 ? 0", "step == ISLAND::FOLDS * D::TAPS ? 0"),
]
NAMES = {"window.h": "window|axis|around", "width.h": "join|split|shift_down|low_lanes"}


def mutated(k, files):
    """A header with mutation k, its names apart from those of the library, and a design that uses it."""
    header, old, new = MUTATIONS[k]
    text, names = library()[f"hls/hwc/{header}"], NAMES.get(header, header[:-2])
    assert old in text
    text = re.sub(rf"\b({names})\b", rf"\1_{k}", text.replace(old, new)).replace("HWC_", f"HWC_{k}_")
    top = re.sub(rf"hwc::({names})<", rf"hwc::\1_{k}<", files["hls/top.cpp"])
    return {f"hls/hwc/mutated_{k}.h": text}, files | {"hls/top.cpp": top}


@pytest.mark.csim
@pytest.mark.slow
def test_a_changed_library_is_seen(tmp_path):
    graph, plan = map_network()
    pipelines = [tight(assemble(graph, plan, f"net_{k}")) for k in range(len(MUTATIONS) + 1)]
    texts = []
    write({"slow.h": SLOW}, tmp_path)
    for k, pipeline in enumerate(pipelines[:-1]):
        headers, files = mutated(k, render_hls(pipeline))
        write(headers, tmp_path)
        texts.append(files)
    program = build(pipelines, tmp_path, [*SLOW_FLAGS, "-O0"], texts=[*texts, render_hls(pipelines[-1])])
    x = random_frames(graph, FRAMES, 1)
    due = reference(graph, x)
    assert np.array_equal(program.run(len(MUTATIONS), x), due)
    unseen = []
    for k, mutation in enumerate(MUTATIONS):
        try:
            seen = not np.array_equal(program.run(k, x), due)
        except subprocess.CalledProcessError:  # a stream ran empty, or something stayed in it
            seen = True
        if not seen:
            unseen.append(mutation)
    assert unseen == []


@pytest.mark.csim
@pytest.mark.slow
def test_a_whole_map_in_a_beat(tmp_path):
    x = TensorType(2, FixedPoint(5, 2), grid=(3, 4))
    op = MaxPoolCodes(Window((2, 2), (2, 1), before=(1, 1)), 3)
    graph = Graph("flat", "v0", 2, (Node("n", op, "v0", "v1"),), {"v0": x, "v1": op.infer(x)}, x.grid)
    pipeline = assemble(graph, Plan({"pool_0": LayerPlan(16, 1)}, Interface.AXIS, 2, flat=True))
    frames = random_frames(graph, FRAMES, 1)
    assert np.array_equal(build([pipeline], tmp_path, ["-O0"]).run(0, frames), reference(graph, frames))


def test_the_text_is_the_same_each_time():
    graph, plan = map_network()
    assert render_hls(assemble(graph, plan)) == render_hls(assemble(graph, plan))


def test_maps_without_streams_are_refused():
    graph, plan = map_network()
    with pytest.raises(BadInput) as error:
        render_hls(assemble(graph, replace(plan, interface=Interface.VALID)))
    assert str(error.value) == "hls back end: wanted --interface axis, found valid. Try: --backend verilog"
