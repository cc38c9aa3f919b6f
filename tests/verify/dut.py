# SPDX-License-Identifier: Apache-2.0
"""A small design that adds one to every element, in right and in wrong variants, with its build directory."""

from pathlib import Path

import numpy as np

from hwcompress.verify.bench import BenchSpec, PortSpec, write_bench

PORT = PortSpec(elements=7, per_beat=3, beats=3, width=5, signed=True, tdata_bits=16)
AXIS = BenchSpec("plus_one", "axis", PORT, PORT, latency_cycles=3, interval_cycles=3)
VALID = BenchSpec("plus_one", "valid", PORT, PORT, latency_cycles=3, interval_cycles=4)

AXIS_TEXT = """
`default_nettype none
module plus_one (
    input wire aclk, input wire aresetn,
    input wire [15:0] s_axis_tdata, input wire s_axis_tvalid, output wire s_axis_tready, input wire s_axis_tlast,
    output wire [15:0] m_axis_tdata, output wire m_axis_tvalid, input wire m_axis_tready, output wire m_axis_tlast,
    output wire frame_error
);
  reg [15:0] data;
  reg [31:0] count = 0;  // output beats since power-up
  reg valid, last, fill, skip, error;
  reg [1:0] beat;
  wire [14:0] x = fill ? 15'd0 : s_axis_tdata[14:0];
  wire [15:0] y = {1'b0, x[14:10] + 5'd1, x[9:5] + 5'd1, x[4:0] + 5'd1};
  wire space = !valid || m_axis_tready;
  wire accept = s_axis_tvalid && s_axis_tready;
  assign s_axis_tready = !fill && (skip || space);
  assign m_axis_tdata = data;
  assign m_axis_tvalid = valid;
  assign m_axis_tlast = last;
  assign frame_error = error;
  always @(posedge aclk) begin
    if (m_axis_tready) valid <= 1'b0;
    if ((fill && space) || (accept && !skip)) begin
      valid <= 1'b1;
      data <= y;
      last <= beat == 2'd2;
      beat <= (beat == 2'd2) ? 2'd0 : beat + 2'd1;
      count <= count + 1;
    end
    if (fill && space) fill <= beat != 2'd2;
    else if (accept && skip) skip <= !s_axis_tlast;
    else if (accept && (beat == 2'd2) != s_axis_tlast) begin
      error <= 1'b1;
      skip <= beat == 2'd2;
      fill <= beat != 2'd2;
    end
    if (!aresetn) begin
      valid <= 1'b0;
      fill <= 1'b0;
      skip <= 1'b0;
      error <= 1'b0;
      beat <= 2'd0;
    end
  end
endmodule
`default_nettype wire
"""

VALID_TEXT = """
`default_nettype none
module plus_one (
    input wire aclk, input wire aresetn, input wire [15:0] s_axis_tdata, input wire s_axis_tvalid,
    output reg [15:0] m_axis_tdata, output reg m_axis_tvalid
);
  wire [14:0] x = s_axis_tdata[14:0];
  always @(posedge aclk) begin
    m_axis_tdata <= {1'b0, x[14:10] + 5'd1, x[9:5] + 5'd1, x[4:0] + 5'd1};
    m_axis_tvalid <= s_axis_tvalid && aresetn;
  end
endmodule
`default_nettype wire
"""

# What is wrong: (text, its replacement, a piece of a message that must come, or None: any)
FAULTS = {
    "wrong_code": ("data <= y;", "data <= (count == 20) ? y ^ 16'd1 : y;", "1 wrong codes"),
    "wrong_in_last_lane": ("x[14:10] + 5'd1", "x[14:10] + (count < 40 ? 5'd1 : 5'd2)", "wrong codes"),
    "dropped_beat": ("valid <= 1'b1;", "valid <= count != 13;", "wrong"),
    "wrong_tlast": ("last <= beat == 2'd2;", "last <= beat == (count > 30 ? 2'd1 : 2'd2);", "wrong tlast"),
    "no_tlast": ("last <= beat == 2'd2;", "last <= 1'b0;", "wrong tlast"),
    "hang": ("(skip || space)", "(skip || space) && count < 50", "no progress after 16 of"),
    "padding": ("{1'b0, x[14:10]", "{count == 9, x[14:10]", "padding is not zero"),
    "surplus_beat": (
        "if (m_axis_tready) valid",
        "if (m_axis_tready && count != 60) valid",
        "beats after the last frame",
    ),
    "valid_goes_away": ("if (m_axis_tready) valid", "if (m_axis_tready || count % 7 == 3) valid", "changed"),
    "data_changes": (
        "if (m_axis_tready) valid",
        "if (valid) data[0] <= m_axis_tready; if (m_axis_tready) valid",
        "wrong",
    ),
    "reads_idle_tlast": (
        "else if (accept && (beat",
        "else if ((accept || beat == 2'd1) && (beat",
        "frame_error raised",
    ),
    "reset_forgets_beat": (
        "      beat <= 2'd0;\n    end\n  end",
        "    end\n  end\n  initial beat = 0;",
        "after a reset",
    ),
    "reset_forgets_valid": ("      valid <= 1'b0;\n      fill", "      fill", None),
    "no_frame_error": ("error <= 1'b1;", "error <= 1'b0;", "frame_error is not raised"),
    "error_not_sticky": ("if (m_axis_tready) valid", "error <= 1'b0; if (m_axis_tready) valid", "not sticky"),
    "error_always": (
        "assign frame_error = error;",
        "assign frame_error = error || count > 20;",
        "raised by good frames",
    ),
    "no_resync_early": ("fill <= beat != 2'd2;\n    end\n    if (!aresetn)", "end\n    if (!aresetn)", "ill-framed"),
    "no_resync_late": ("skip <= beat == 2'd2;", "", "ill-framed"),
    "needs_next_frame": (
        "_tvalid = valid;",
        "_tvalid = valid && (!last || s_axis_tvalid);",
        "no progress after 19 of 20",
    ),
    "x_handshake": ("_tvalid = valid;", "_tvalid = count == 12 ? 1'bx : valid;", "unknown handshake"),
}


def codes(frames: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-16, 15, (frames, 7), dtype=np.int64, endpoint=True)


def plus_one(x: np.ndarray) -> np.ndarray:
    return (x + 1 + 16) % 32 - 16


def make_build(folder: Path, text: str = AXIS_TEXT, spec: BenchSpec = AXIS, frames: int = 20) -> Path:
    (folder / "verilog").mkdir(parents=True)
    (folder / "verilog" / "plus_one.v").write_text(text)
    x = codes(frames)
    write_bench(spec, x, plus_one(x), folder / "bench")
    return folder


def faulty(name: str) -> str:
    before, after, _ = FAULTS[name]
    assert AXIS_TEXT.count(before) == 1, name
    return AXIS_TEXT.replace(before, after)
