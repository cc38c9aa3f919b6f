// SPDX-License-Identifier: Apache-2.0
// hwc_valid: the valid bits of a pipeline, which reset clears.
//
//   bit k of valid_o = valid_i, k clocks ago; bit 0 is valid_i itself
//
// STAGES >= 1.  STAGES flip-flops (a reset register cannot be an SRL).

`default_nettype none

module hwc_valid #(
    parameter integer STAGES = 1
) (
    input  wire            clk_i,
    input  wire            rst_ni,
    input  wire            valid_i,
    output wire [STAGES:0] valid_o
);

  generate
    if (STAGES < 1) begin : g_bad
      hwc_error_bad_STAGES error ();
    end
  endgenerate

  reg [STAGES-1:0] line_q;

  always @(posedge clk_i) begin
    if (!rst_ni) line_q <= {STAGES{1'b0}};
    else line_q <= valid_o[STAGES-1:0];
  end

  assign valid_o = {line_q, valid_i};

endmodule

`default_nettype wire
