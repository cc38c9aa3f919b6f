// SPDX-License-Identifier: Apache-2.0
// hwc_address: counter that runs 0, 1 .. DEPTH - 1, 0 ..
//
//   addr_o = steps since reset, modulo DEPTH
//
// DEPTH >= 1.  W: bits of addr_o, clog2(DEPTH) but at least 1.

`default_nettype none

module hwc_address #(
    parameter integer DEPTH = 2,
    parameter integer W     = (DEPTH > 1) ? $clog2(DEPTH) : 1  // bits, derived
) (
    input  wire         clk_i,
    input  wire         rst_ni,
    input  wire         step_i,
    output wire [W-1:0] addr_o
);

  generate
    if (DEPTH < 1) begin : g_bad
      hwc_error_bad_DEPTH error ();
    end

    if (DEPTH == 1) begin : g_one
      wire unused_inputs = &{1'b0, clk_i, rst_ni, step_i};
      assign addr_o = {W{1'b0}};
    end else begin : g_many
      localparam integer LAST = DEPTH - 1;
      localparam integer WRAPS = (DEPTH == (1 << W)) ? 1 : 0;  // a power of two wraps by itself
      reg [W-1:0] addr_q;
      wire last = (WRAPS == 0) && (addr_q == LAST[W-1:0]);

      always @(posedge clk_i) begin
        if (!rst_ni || (step_i && last)) addr_q <= {W{1'b0}};
        else if (step_i) addr_q <= addr_q + {{(W - 1) {1'b0}}, 1'b1};
      end

      assign addr_o = addr_q;
    end
  endgenerate

endmodule

`default_nettype wire
