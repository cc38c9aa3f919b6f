// SPDX-License-Identifier: Apache-2.0
// hwc_direct: head of an island whose first core takes a whole vector every clock.
//
//   x_o <= data_i, valid_o <= write_i: a beat that is written steps in the same clock
//
// WIDTH  bits, >= 1.  The step needs the credit of the island's output itself, so room and
// reservation pass straight through.  Latency 0 from the step (the edge that takes the beat).

`default_nettype none

module hwc_direct #(
    parameter integer WIDTH = 8  // bits
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    input  wire             write_i,
    input  wire [WIDTH-1:0] data_i,
    output wire             room_o,
    input  wire             room_i,
    output wire             reserve_o,
    output reg              valid_o,
    output reg  [WIDTH-1:0] x_o
);

  generate
    if (WIDTH < 1) begin : g_bad
      hwc_error_bad_WIDTH error ();
    end
  endgenerate

  assign room_o    = room_i;
  assign reserve_o = write_i;

  always @(posedge clk_i) begin
    valid_o <= rst_ni && write_i;
    x_o     <= data_i;
  end

endmodule

`default_nettype wire
