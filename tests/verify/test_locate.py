# SPDX-License-Identifier: Apache-2.0
"""A design in which one thing is broken: the message names the layer, frame and element that are wrong first."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwcompress.codegen.fixed_onnx import Boundary, fixed_model
from hwcompress.codegen.taps import taps
from hwcompress.engines.base import Product
from hwcompress.engines.pipeline import Interface
from hwcompress.engines.plan import LayerPlan, Plan, layers
from hwcompress.errors import quote
from hwcompress.ir.fixed import Codes, FixedPoint, Format
from hwcompress.ir.graph import CodeOp, Graph, Node
from hwcompress.ir.types import TensorType
from hwcompress.ops import AffineCodes, ConvCodes, DenseCodes, Requant, Table, Window
from hwcompress.sim.integer import trace
from hwcompress.verify import locate as locating
from hwcompress.verify.bench import BenchSpec, PortSpec
from hwcompress.verify.simulate import simulate
from hwcompress.verify.vectors import onnx_values
from tests.random_maps import random_map_network
from tests.random_networks import random_frames, random_network
from tests.verilog_builds import pipeline_of, write_build, write_model, write_verilog

FRAMES = 12
VERILATOR = pytest.param("verilator", marks=[pytest.mark.verilator, pytest.mark.slow])
HOSTILE = "/c0/Conv\n\x1b[31m'"


def tampered(op: CodeOp, rng: np.random.Generator) -> CodeOp:
    """The operator with one constant changed."""

    def changed(codes: Codes, kind: FixedPoint) -> Codes:
        flat = codes.copy().reshape(-1)
        flat[int(rng.integers(flat.size))] = rng.integers(kind.min_code, kind.max_code, endpoint=True)
        return flat.reshape(codes.shape)

    if isinstance(op, DenseCodes | ConvCodes):
        return replace(op, weight=changed(op.weight, op.weight_type))
    if isinstance(op, AffineCodes):
        return replace(op, scale=changed(op.scale, op.scale_type))
    if isinstance(op, Table):
        return replace(op, entries=changed(op.entries, op.y_type))
    if isinstance(op, Requant):
        return replace(op, hi=int(rng.integers(op.lo, op.hi, endpoint=True)))
    return op


def broken(graph: Graph[CodeOp], x: Codes, seed: int) -> tuple[Graph[CodeOp], str] | None:
    """The graph with one constant changed that matters, and what must be said about it; None if none was found."""
    rng = np.random.default_rng(seed)
    good = dict(trace(graph, x))
    for _ in range(100):
        k = int(rng.integers(len(graph.nodes)))
        nodes = list(graph.nodes)
        nodes[k] = replace(nodes[k], op=tampered(nodes[k].op, rng))
        wrong = replace(graph, nodes=tuple(nodes))
        found = dict(trace(wrong, x))
        frames = np.argwhere((good[graph.output] != found[graph.output]).reshape(len(x), -1).any(axis=1))
        if len(frames):
            return wrong, told(graph, good, found, int(frames[0, 0]))
    return None


def told(graph: Graph[CodeOp], good: dict[str, Codes], found: dict[str, Codes], frame: int) -> str:
    """What must be said where the values of a right and a wrong network differ."""
    parts = layers(graph)
    ends = [*(layer.value for layer in parts[1:]), graph.output]
    layer, end = next(p for p in zip(parts, ends, strict=True) if (good[p[1]][frame] != found[p[1]][frame]).any())
    a, b = good[end][frame], found[end][frame]
    place = tuple(int(i) for i in np.argwhere(a != b)[0])
    element = int(np.ravel_multi_index(place, a.shape))
    where = f" (row {place[0]}, column {place[1]}, channel {place[2]})" if a.ndim == 3 else ""
    name = f"layer {layer.name} (the model's {quote(layer.source, 32)})"
    return f"first wrong value: frame {frame}, {name}, element {element}{where}: {a[place]} wanted, {b[place]} found"


def check(make: Any, seed: int, folder: Path, simulator: Any = "icarus", **changes: Any) -> None:
    """The first network from this seed on in which some constant matters."""
    while True:
        graph, plan = make(seed)
        x = random_frames(graph, FRAMES, seed)
        if (found := broken(graph, x, seed)) is not None:
            break
        seed += 1000
    plan = replace(plan, **changes)
    write_build(graph, plan, x, folder)
    write_model(graph, folder)
    wrong, text = found
    write_verilog(pipeline_of(wrong, plan), folder)
    result = simulate(folder, simulator, FRAMES)
    assert result.mismatches > 0
    assert result.failures[0] == text


@pytest.mark.icarus
@pytest.mark.parametrize("seed", [0, 6, 7, 12, 31])
def test_the_broken_layer_of_a_map_network_is_named(seed, tmp_path):
    check(lambda k: random_map_network(k, side=5, channels=4), seed, tmp_path)


@pytest.mark.icarus
@pytest.mark.parametrize(("seed", "interface"), [(5, Interface.AXIS), (23, Interface.VALID)])
def test_the_broken_layer_of_a_vector_network_is_named(seed, interface, tmp_path):
    check(lambda k: random_network(k, max_channels=8), seed, tmp_path, interface=interface)


@pytest.mark.verilator
@pytest.mark.slow
def test_verilator_names_it_too(tmp_path):
    check(lambda k: random_map_network(k, side=5, channels=4), 20, tmp_path, "verilator")


def network() -> tuple[Graph[CodeOp], Plan]:
    """A map of 4 x 4 x 2, a convolution to 3 x 3 x 3, a dense layer to 4; all folded."""
    rng = np.random.default_rng(3)
    weight, kind = FixedPoint(6, 4), FixedPoint(6, 2)
    conv = ConvCodes(rng.integers(-20, 20, (3, 8)), weight, (), rng.integers(-99, 99, 3), Window((2, 2)), 1)
    dense = DenseCodes(rng.integers(-20, 20, (4, 27)), weight, (), rng.integers(-99, 99, 4))
    types = {"x": TensorType(2, kind, grid=(4, 4))}
    nodes: list[Node[CodeOp]] = []
    source = "x"
    for name, op in (("c", conv), ("d", dense)):
        types[name] = op.infer(types[source])
        requant = Requant(Format(kind), types[name].fracs() - kind.frac, kind.min_code, kind.max_code)
        types[f"{name}q"] = requant.infer(types[name])
        nodes += [Node(HOSTILE, op, source, name), Node("r", requant, name, f"{name}q")]
        source = f"{name}q"
    graph: Graph[CodeOp] = Graph("n", "x", 2, tuple(nodes), types, (4, 4))
    choices = {"conv_0": LayerPlan(1, 2), "dense_1": LayerPlan(2, 3, Product.LUT)}
    return graph, Plan(choices, Interface.AXIS, 2)


def fixed_build(folder: Path) -> Path:
    graph, plan = network()
    write_build(graph, plan, random_frames(graph, FRAMES, 1), folder)
    write_model(graph, folder)
    return folder


def set_parameter(folder: Path, instance: str, name: str, value: int) -> None:
    """Another value for a parameter of an instance in the top."""
    top = folder / "verilog" / "hwc_top.v"
    text = top.read_text()
    end = text.index(f") u_{instance} (")
    start = text.rindex("#(", 0, end)
    changed = re.sub(rf"\.{name}\([^)]*\)", f".{name}({value})", text[start:end])
    assert changed != text[start:end]
    top.write_text(text[:start] + changed + text[end:])


NAMED = r"layer conv_0 \(the model's '/c0/Conv\\n\\x1b\[31m\\''\)"
FAULTS = {
    "too_few": (
        "head_1",
        "REPLAY",
        1,
        r"first wrong layer: frame 0, layer dense_1 .*, emissions .*: 2 wanted, 1 found",
    ),
    "too_many": ("head_1", "REPLAY", 3, r"first wrong layer: .*, layer dense_1 .*, emissions .*: 2 wanted, 3 found"),
    "clipped": ("conv_0_0", "HI", 3, rf"first wrong value: frame 0, {NAMED}, element .* \d+ wanted, 3 found"),
    "tlast": (
        "output",
        "BEATS",
        3,
        r"first wrong value: frame 0, behind the last layer: the output FIFO or .* is wrong",
    ),
    "port": ("input", "BEATS", 17, r"first wrong layer: frame \d+, the input port, emissions .*: 16 wanted, 17 found"),
}


@pytest.mark.icarus
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_parameter_is_found(fault, tmp_path):
    instance, name, value, text = FAULTS[fault]
    set_parameter(fixed_build(tmp_path), instance, name, value)
    result = simulate(tmp_path, "icarus", FRAMES)
    assert result.mismatches > 0
    assert re.fullmatch(text, result.failures[0]), result.failures


@pytest.mark.icarus
def test_a_fault_that_needs_other_frames_is_found_in_the_run_that_failed(tmp_path):
    """The rows of the second frame begin with a word that was joined too early."""
    folder = fixed_build(tmp_path)
    set_parameter(folder, "collect_0", "COUNT", 29)
    text = simulate(folder, "icarus", FRAMES).failures[0]
    assert re.fullmatch(r"first wrong value: frame 1, layer dense_1 .*; right alone, wrong in full_speed", text)


@pytest.mark.icarus
def test_a_right_design_is_not_simulated_again(tmp_path):
    folder = fixed_build(tmp_path)
    assert simulate(folder, "icarus", FRAMES).mismatches == 0
    assert not {"alone", "again"} & {path.name for path in (folder / "bench" / "run_icarus").iterdir()}


@pytest.mark.icarus
@pytest.mark.parametrize("harm", ["model", "net"])
def test_what_goes_wrong_with_the_taps_hides_nothing(harm, tmp_path):
    folder = fixed_build(tmp_path)
    set_parameter(folder, "conv_0_0", "HI", 3)
    if harm == "model":
        (folder / "model.fixed.onnx").unlink()
        text = r"first wrong layer: not found \(.*model.fixed.onnx: the fixed-point model wanted, .* not found\)"
    else:
        spec = folder / "bench" / "bench.json"
        spec.write_text(spec.read_text().replace('"in_write"', '"x); $finish; ("'))
        text = r"first wrong layer: not found \(bench.json: the name of a net wanted, .* Try: compile again\)"
    result = simulate(folder, "icarus", FRAMES)
    assert re.fullmatch(text, result.failures[0])
    assert any("wrong codes" in failure for failure in result.failures[1:])
    assert result.mismatches > 0


@pytest.mark.icarus
def test_other_expected_codes_than_the_model_gives_are_no_layers_fault(tmp_path):
    folder = fixed_build(tmp_path)
    expected = folder / "bench" / "expected.mem"
    words = expected.read_text().split()
    words[2] = f"{int(words[2], 16) ^ 1:0{len(words[2])}x}"
    expected.write_text("\n".join(words) + "\n")
    text = "first wrong layer: not found (frame 1: model.fixed.onnx gives other codes than the bench expects)"
    assert simulate(folder, "icarus", FRAMES).failures[0] == text


def test_a_difference_that_does_not_come_again_is_said_to(monkeypatch, tmp_path):
    asked: list[Any] = []

    def tapped(_bench, name, run, window, looks, **changes):
        asked.append((name, run, window, [look.offset for look in looks], changes))
        return ""

    monkeypatch.setattr(locating, "_tapped", tapped)
    monkeypatch.setattr(locating, "_due", lambda *_: [])
    bench: Any = type("B", (), {"frames": type("F", (), {"stored": 5}), "vectors": 12})
    first = {"frame": 2, "run": 3, "offset": 1, "frames": 12}
    text = locating._located(bench, "random_pauses", first)  # pyright: ignore[reportPrivateUsage]
    assert text == "first wrong layer: not found (frame 2 is right when simulated again, alone and in random_pauses)"
    assert asked == [
        ("alone", "frame_alone", (1, 0, 2), [0], {"alone": [2]}),
        ("again", "random_pauses", (3, 1, 12), [1, 6, 11], {"vectors": 12}),
    ]
    text = locating._located(bench, "protocol", first | {"run": 0})  # pyright: ignore[reportPrivateUsage]
    assert text == "first wrong layer: not found (frame 2 is right alone, wrong in protocol)"


@pytest.mark.parametrize("ends", [("layer_conv_0", "layer_dense_1"), ("x", "layer_conv_0"), ("layer_dense_1", "y")])
def test_a_model_whose_own_names_look_like_ours(ends, tmp_path):
    graph, plan = network()
    x = random_frames(graph, FRAMES, 1)
    step = np.full(graph.elements, graph.types["x"].element.step)
    (tmp_path / "m.onnx").write_bytes(fixed_model(graph, Boundary(ends[0], [32], 11, step, ends[1], [4])))
    layers_of = taps(pipeline_of(graph, plan), graph, ends[0])[1:]
    port = PortSpec(32, 2, 16, 6, signed=True, tdata_bits=16, frac=2)
    spec = BenchSpec("hwc_top", "axis", port, port, 1, 1)
    _, conv, dense = onnx_values(tmp_path / "m.onnx", spec, x, [tap.value for tap in layers_of])
    due = dict(trace(graph, x))
    np.testing.assert_array_equal(conv, due["cq"].reshape(FRAMES, -1))
    np.testing.assert_array_equal(dense, due["dq"])
