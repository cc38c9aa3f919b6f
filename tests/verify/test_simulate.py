# SPDX-License-Identifier: Apache-2.0
"""The bench passes a right design and fails each wrong one."""

import shutil
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hwcompress.errors import BadInput, ToolFailed
from hwcompress.verify.running import waves_file
from hwcompress.verify.simulate import Verification, simulate
from tests.verify.dut import AXIS_TEXT, FAULTS, VALID, VALID_TEXT, faulty, make_build

SIMULATORS = [
    pytest.param("icarus", marks=pytest.mark.icarus),
    pytest.param("verilator", marks=[pytest.mark.verilator, pytest.mark.slow]),
]
ON_VERILATOR = ("wrong_code", "hang", "data_changes", "no_resync_early", "reset_forgets_beat")


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_right_design_passes_with_its_cycles(tmp_path, simulator):
    build = make_build(tmp_path / "b")
    assert simulate(build, simulator, 20) == Verification(simulator, 20, 140, 0, 3, 3)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_a_right_design_without_back_pressure_passes(tmp_path, simulator):
    build = make_build(tmp_path / "b", VALID_TEXT, VALID)
    assert simulate(build, simulator, 20) == Verification(simulator, 20, 140, 0, 3, 4)


@pytest.mark.icarus
@pytest.mark.parametrize("fault", FAULTS)
def test_icarus_finds_every_fault(tmp_path, fault):
    _expect(simulate(make_build(tmp_path / "b", faulty(fault)), "icarus", 20), fault)


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("fault", ON_VERILATOR)
def test_verilator_finds_faults(tmp_path, fault):
    _expect(simulate(make_build(tmp_path / "b", faulty(fault)), "verilator", 20), fault)


def _expect(found: Verification, fault: str) -> None:
    wanted = FAULTS[fault][2] or ""
    assert found.mismatches > 0
    assert any(wanted in text for text in found.failures), found.failures


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_waveforms_are_written(tmp_path, simulator):
    build = make_build(tmp_path / "b")
    assert simulate(build, simulator, 20, waves=True).mismatches == 0
    waves = waves_file(build, simulator).read_bytes()
    assert b"m_axis_tvalid" in waves if simulator == "verilator" else len(waves) > 1000  # VCD is text, FST is not


@pytest.mark.icarus
def test_later_cycles_are_measured_not_assumed(tmp_path):
    late = VALID_TEXT.replace("m_axis_tvalid <= s_axis_tvalid && aresetn;", "m_axis_tvalid <= v && aresetn;")
    late = late.replace("m_axis_tdata <=", "v <= s_axis_tvalid; d <= s_axis_tdata[14:0]; m_axis_tdata <=")
    late = late.replace("wire [14:0] x = s_axis_tdata[14:0];", "reg v; reg [14:0] d; wire [14:0] x = d;")
    found = simulate(make_build(tmp_path / "b", late, VALID), "icarus", 12)
    assert (found.mismatches, found.latency_cycles, found.interval_cycles) == (0, 4, 4)


@pytest.mark.icarus
def test_a_wrong_valid_only_design_is_found(tmp_path):
    wrong = VALID_TEXT.replace("x[4:0] + 5'd1", "x[4:0] + 5'd2")
    found = simulate(make_build(tmp_path / "b", wrong, VALID), "icarus", 12)
    assert found.mismatches == 12 * 3  # the first lane of three beats


@pytest.mark.icarus
def test_more_vectors_than_stored_come_from_the_fixed_point_model(tmp_path):
    build = make_build(tmp_path / "b", frames=5)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 7]) for name in "xy")
    one, top = (helper.make_tensor(name, TensorProto.FLOAT, [1], [value]) for name, value in (("one", 1), ("top", 32)))
    edge = helper.make_tensor("edge", TensorProto.FLOAT, [1], [15])
    nodes = [
        helper.make_node("Add", ["x", "one"], ["sum"]),
        helper.make_node("Greater", ["sum", "edge"], ["over"]),
        helper.make_node("Cast", ["over"], ["flag"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["flag", "top"], ["wrap"]),
        helper.make_node("Sub", ["sum", "wrap"], ["y"]),
        helper.make_node("Cast", ["y"], ["codes"], to=TensorProto.INT32),
    ]
    codes = helper.make_tensor_value_info("codes", TensorProto.INT32, ["n", 7])
    graph = helper.make_graph(nodes, "plus_one", [x], [y, codes], [one, top, edge])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, build / "model.fixed.onnx")
    assert simulate(build, "icarus", 40) == Verification("icarus", 40, 280, 0, 3, 3)


@pytest.mark.icarus
def test_more_vectors_without_that_model_is_an_error(tmp_path):
    build = make_build(tmp_path / "b", frames=5)
    with pytest.raises(ToolFailed, match="the fixed-point model wanted"):
        simulate(build, "icarus", 40)


@pytest.mark.icarus
def test_verilog_that_does_not_compile_names_the_log(tmp_path):
    build = make_build(tmp_path / "b", AXIS_TEXT.replace("endmodule", ""))
    with pytest.raises(ToolFailed, match=r"icarus build of b: .*(?s:.)*syntax error"):
        simulate(build, "icarus", 20)


def test_wrong_arguments_are_refused(tmp_path):
    build = make_build(tmp_path / "b")
    wrong: Any = (("modelsim", 20), ("icarus", 0))
    for simulator, vectors in wrong:
        with pytest.raises(BadInput, match=f"verilator or icarus and at least 1 vector wanted, {simulator}, {vectors}"):
            simulate(build, simulator, vectors)


@pytest.mark.icarus
def test_a_build_without_verilog_is_refused(tmp_path):
    build = make_build(tmp_path / "b")
    shutil.rmtree(build / "verilog")
    with pytest.raises(BadInput, match="Verilog files wanted, none found"):
        simulate(build, "icarus", 20)


def test_interval_is_the_largest_distance_once_it_repeats(monkeypatch, tmp_path):
    interval = _interval(monkeypatch, tmp_path)
    assert interval([10, 13, 16, 19, 22, 25, 28]) == 3
    assert interval([10, 30, 33, 38, 41, 46, 49, 54]) == 5  # 20 belongs to the first two frames
    assert interval(list(np.cumsum([9, 9, 9, 9, 4, 5, 4, 5, 4, 5]))) == 5  # the transient does not count
    assert interval([10, 13, 16, 19]) is None  # too few
    assert interval(list(np.cumsum(range(12)))) is None


def _interval(monkeypatch, tmp_path):
    """The function of the cocotb bench, which wants a job at import."""
    import importlib.util
    import json
    from dataclasses import asdict

    from hwcompress.resources import folder

    job = tmp_path / "run.json"
    job.write_text(json.dumps({"spec": asdict(VALID)}))
    monkeypatch.setenv("HWC_BENCH_RUN", str(job))
    spec: Any = importlib.util.spec_from_file_location("network_bench", folder("hdl_tests") / "network_bench.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.interval
