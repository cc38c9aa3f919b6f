// SPDX-License-Identifier: Apache-2.0
// hwc_valid: a valid bit beside a pipeline of CYCLES clocks.
//
//   valid_o = valid_i, CYCLES clocks later; reset clears every stage
//
// CYCLES: clocks, >= 0 (0 is a wire).  CYCLES FF, 0 LUT.

`default_nettype none

module hwc_valid #(
    parameter integer CYCLES = 1  // clocks, >= 0
) (
    input  wire clk_i,
    input  wire rst_ni,
    input  wire valid_i,
    output wire valid_o
);

  generate
    if (CYCLES == 0) begin : g_wire
      wire unused_ok = &{1'b0, clk_i, rst_ni};
      assign valid_o = valid_i;
    end else begin : g_delay
      reg  [CYCLES-1:0] valid_q;
      wire [  CYCLES:0] chain = {valid_q, valid_i};

      always @(posedge clk_i)
        if (!rst_ni) valid_q <= {CYCLES{1'b0}};
        else valid_q <= chain[CYCLES-1:0];

      assign valid_o = chain[CYCLES];
    end
  endgenerate

endmodule

`default_nettype wire
