// SPDX-License-Identifier: Apache-2.0
// hwc_count: says which of COUNT steps is the last one.
//
//   last_o = (steps since the last wrap) == COUNT - 1; a step with last_o or clear_i wraps
//
// COUNT >= 1.  The counter runs up to a power of two, so that last_o is its top bit: a register.

`default_nettype none

module hwc_count #(
    parameter integer COUNT = 2
) (
    input  wire clk_i,
    input  wire rst_ni,
    input  wire step_i,
    input  wire clear_i,
    output wire last_o
);

  generate
    if (COUNT < 1) begin : g_bad
      hwc_error_bad_COUNT error ();
    end

    if (COUNT == 1) begin : g_one
      wire unused_inputs = &{1'b0, clk_i, rst_ni, step_i, clear_i};
      assign last_o = 1'b1;
    end else begin : g_many
      localparam integer W = $clog2(COUNT - 1);
      localparam integer BEGIN = (1 << W) - (COUNT - 1);
      reg [W:0] count_q;

      always @(posedge clk_i) begin
        if (!rst_ni || (step_i && (last_o || clear_i))) count_q <= BEGIN[W:0];
        else if (step_i) count_q <= count_q + {{W{1'b0}}, 1'b1};
      end

      assign last_o = count_q[W];
    end
  endgenerate

endmodule

`default_nettype wire
