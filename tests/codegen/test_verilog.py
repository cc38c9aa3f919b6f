# SPDX-License-Identifier: Apache-2.0
"""The emitted Verilog: deterministic, and one wrong bit in it is found by the bench."""

import re
from pathlib import Path

import pytest

from hwcompress.codegen.verilog import render_verilog
from hwcompress.engines.base import Product, Store
from hwcompress.engines.pipeline import Interface
from hwcompress.engines.plan import LayerPlan, Plan, layers
from hwcompress.ir.fixed import FixedPoint, Format
from hwcompress.ir.graph import CodeOp, Graph, Node
from hwcompress.ir.types import TensorType
from hwcompress.ops import DenseCodes, Requant
from hwcompress.verify.simulate import simulate
from tests.random_networks import np, random_frames, random_network
from tests.verilog_builds import pipeline_of, write_build


def network() -> Graph[CodeOp]:
    """3 -> 4, 8 bits, a shift for each row."""
    rng = np.random.default_rng(5)
    dense = DenseCodes(rng.integers(-60, 60, (4, 3)), FixedPoint(8, 6), (0, 1, 0, 1), rng.integers(-500, 500, 4))
    source = TensorType(3, FixedPoint(8, 4))
    acc = dense.infer(source)
    requant = Requant(Format(FixedPoint(8, 3)), acc.fracs() - 3, -128, 127)
    nodes = (Node[CodeOp]("a", dense, "x", "acc"), Node[CodeOp]("b", requant, "acc", "y"))
    return Graph("n", "x", 3, nodes, {"x": source, "acc": acc, "y": requant.infer(acc)})


def plan(graph: Graph[CodeOp], pe: int, simd: int, product: Product) -> Plan:
    choice = LayerPlan(pe, simd, product, 2, Store.LOGIC)
    return Plan({layer.name: choice for layer in layers(graph)}, Interface.AXIS, 2)


@pytest.mark.parametrize("seed", range(4))
def test_same_input_same_bytes(seed: int) -> None:
    graph, choice = random_network(seed)
    assert render_verilog(pipeline_of(graph, choice)) == render_verilog(pipeline_of(graph, choice))


def flip_parameter(top: Path, name: str, bit: int) -> None:
    """One bit of the first literal of a parameter."""
    text = top.read_text()
    found = re.search(rf"\.{name}\((\d+)'h([0-9a-f]+)\)", text)
    assert found is not None
    changed = f".{name}({found[1]}'h{int(found[2], 16) ^ (1 << bit):x})"
    top.write_text(text.replace(found[0], changed, 1))


@pytest.mark.icarus
@pytest.mark.parametrize(
    ("pe", "simd", "product", "fault"),
    [
        (2, 1, Product.DSP, "WROM 0"),
        (2, 1, Product.LUT, "BMAP 96"),
        (2, 1, Product.DSP, "SHIFTS 0"),
        (4, 3, Product.DSP, "LIST 0"),
        (4, 3, Product.DSP, "BIAS 6"),
        (4, 3, Product.LUT, "adders"),
        (4, 3, Product.LUT, "SHIFTS 0"),
    ],
)
def test_one_wrong_bit_is_found(pe: int, simd: int, product: Product, fault: str, tmp_path: Path) -> None:
    graph = network()
    write_build(graph, plan(graph, pe, simd, product), random_frames(graph, 60, 1), tmp_path)
    assert simulate(tmp_path, "icarus", 60).mismatches == 0
    if fault == "adders":
        file = tmp_path / "verilog" / "hwc_top_dense_0.v"
        file.write_text(file.read_text().replace("(x_i[", "(~x_i[", 1))
    else:
        name, _, bit = fault.partition(" ")  # bit 6 of a bias, here from another column: half a step of the result
        flip_parameter(tmp_path / "verilog" / "hwc_top.v", name, int(bit))
    assert simulate(tmp_path, "icarus", 60).mismatches > 0
