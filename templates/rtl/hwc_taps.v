// SPDX-License-Identifier: Apache-2.0
// hwc_taps: every age of a value at once, without reset.
//
//   tap k of q_o = d_i, k clocks ago; tap 0 is d_i itself
//
// WIDTH  bits, >= 1.  TAPS >= 1.  (TAPS - 1) * WIDTH flip-flops.
// rst_ni is not used: every module that a generated top instantiates has it.

`default_nettype none

module hwc_taps #(
    parameter integer WIDTH = 8,  // bits
    parameter integer TAPS  = 4
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    input  wire [     WIDTH-1:0] d_i,
    output wire [TAPS*WIDTH-1:0] q_o
);

  wire unused_reset = rst_ni;

  generate
    if (WIDTH < 1 || TAPS < 1) begin : g_bad
      hwc_error_bad_WIDTH_or_TAPS error ();
    end

    if (TAPS == 1) begin : g_wire
      wire unused_clock = &{1'b0, clk_i};
      assign q_o = d_i;
    end else begin : g_line
      reg [(TAPS-1)*WIDTH-1:0] line_q;
      always @(posedge clk_i) line_q <= q_o[(TAPS-1)*WIDTH-1:0];
      assign q_o = {line_q, d_i};
    end
  endgenerate

endmodule

`default_nettype wire
