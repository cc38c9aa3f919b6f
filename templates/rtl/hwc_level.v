// SPDX-License-Identifier: Apache-2.0
// hwc_level: counts words in (up_i) and out (down_i) and says whether there are any.
//
//   some_o = level > 0, from a register; 0 <= level <= MAX is up to the user
//
// MAX >= 1, FULL: level after reset is MAX instead of 0.
// The register holds level - 1, so that its sign bit says that there is nothing.

`default_nettype none

module hwc_level #(
    parameter integer MAX  = 2,
    parameter integer FULL = 0
) (
    input  wire clk_i,
    input  wire rst_ni,
    input  wire up_i,
    input  wire down_i,
    output wire some_o
);

  localparam integer W = $clog2(MAX);
  localparam integer BEGIN = (FULL != 0) ? MAX - 1 : -1;

  generate
    if (MAX < 1) begin : g_bad
      hwc_error_bad_MAX error ();
    end
  endgenerate

  reg [W:0] less_q;

  generate
    if (MAX == 1) begin : g_flag
      always @(posedge clk_i) begin
        if (!rst_ni) less_q <= BEGIN[W:0];
        else if (up_i != down_i) less_q <= down_i;
      end
    end else begin : g_counter
      wire [W:0] change = {{W{down_i}}, 1'b1};
      always @(posedge clk_i) begin
        if (!rst_ni) less_q <= BEGIN[W:0];
        else if (up_i != down_i) less_q <= less_q + change;
      end
    end
  endgenerate

  assign some_o = !less_q[W];

endmodule

`default_nettype wire
