// SPDX-License-Identifier: Apache-2.0
// hwc_live: a bit for each stage of a pipeline that says whether something is there.
//
//   bit k of live_o = live_i, k clocks ago; bit 0 is live_i itself
//
// STAGES >= 1.  STAGES flip-flops with reset, which is why they are no SRL.

`default_nettype none

module hwc_live #(
    parameter integer STAGES = 1
) (
    input  wire            clk_i,
    input  wire            rst_ni,
    input  wire            live_i,
    output wire [STAGES:0] live_o
);

  generate
    if (STAGES < 1) begin : g_bad
      hwc_error_bad_STAGES error ();
    end
  endgenerate

  reg [STAGES-1:0] line_q;

  always @(posedge clk_i) begin
    if (!rst_ni) line_q <= {STAGES{1'b0}};
    else line_q <= live_o[STAGES-1:0];
  end

  assign live_o = {line_q, live_i};

endmodule

`default_nettype wire
