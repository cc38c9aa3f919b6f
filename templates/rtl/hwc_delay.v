// SPDX-License-Identifier: Apache-2.0
// hwc_delay: shift register without reset.
//
//   q_o = d_i, CYCLES clocks ago
//
// WIDTH  bits, >= 1.  CYCLES >= 0; 0 is a wire.
// Becomes SRLs (WIDTH * ceil(CYCLES / 32) LUTs) from 3 clocks on, flip-flops below.
// rst_ni is not used: every module that a generated top instantiates has it.

`default_nettype none

module hwc_delay #(
    parameter integer WIDTH  = 8,  // bits
    parameter integer CYCLES = 4
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    input  wire [WIDTH-1:0] d_i,
    output wire [WIDTH-1:0] q_o
);

  wire unused_reset = rst_ni;

  generate
    if (WIDTH < 1 || CYCLES < 0) begin : g_bad
      hwc_error_bad_WIDTH_or_CYCLES error ();
    end

    if (CYCLES == 0) begin : g_wire
      wire unused_clock = &{1'b0, clk_i};
      assign q_o = d_i;
    end else if (CYCLES == 1) begin : g_register
      reg [WIDTH-1:0] line_q;
      always @(posedge clk_i) line_q <= d_i;
      assign q_o = line_q;
    end else begin : g_line
      (* shreg_extract = "yes" *)
      reg [CYCLES*WIDTH-1:0] line_q;
      always @(posedge clk_i) line_q <= {line_q[(CYCLES-1)*WIDTH-1:0], d_i};
      assign q_o = line_q[(CYCLES-1)*WIDTH+:WIDTH];
    end
  endgenerate

endmodule

`default_nettype wire
