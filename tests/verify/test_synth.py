# SPDX-License-Identifier: Apache-2.0
"""Yosys: how cells are counted, and a run of each kind."""

import pytest

from hwcompress.errors import BadInput, ToolFailed
from hwcompress.verify.synth import count, synthesize, total_of

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


def test_place_and_route_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(BadInput, match=r"^--pnr: a target that nextpnr places and routes wanted, family xcup found"):
        synthesize(build(tmp_path), top="top", pnr=True)
    assert not (tmp_path / "synth.log").exists()
