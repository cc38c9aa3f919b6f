// SPDX-License-Identifier: Apache-2.0
// hwc_table: any function of one number, a ROM for each lane.
//
//   y_o lane k = rom[x_i lane k], the bits of x read as an unsigned address
//
// LANES.  IN_W, OUT_W: bits of a lane; 2^IN_W words.  The others: as in hwc_rom.  Latency 1.

`default_nettype none

module hwc_table #(
    parameter integer FAMILY  = 0,
    parameter integer LANES   = 1,
    parameter integer IN_W    = 8,    // bits, 1 .. 16
    parameter integer OUT_W   = 8,    // bits
    parameter         FILE    = "",
    parameter integer STYLE   = 0,
    parameter integer COLUMNS = 0,
    parameter [(COLUMNS<<IN_W):0] ROM = 0,
    parameter [16*OUT_W-1:0] MAP = 0
) (
    input  wire                   clk_i,
    input  wire                   rst_ni,
    input  wire                   valid_i,
    input  wire [ LANES*IN_W-1:0] x_i,
    output reg                    valid_o,
    output reg  [LANES*OUT_W-1:0] y_o
);

  genvar k;
  generate
    if (LANES < 1 || IN_W < 1 || IN_W > 16 || OUT_W < 1) begin : g_bad
      hwc_error_bad_LANES_IN_W_or_OUT_W error ();
    end

    for (k = 0; k < LANES; k = k + 1) begin : g_lane
      wire [OUT_W-1:0] y;

      hwc_rom #(
          .FAMILY (FAMILY),
          .WIDTH  (OUT_W),
          .DEPTH  (1 << IN_W),
          .FILE   (FILE),
          .STYLE  (STYLE),
          .COLUMNS(COLUMNS),
          .ROM    (ROM),
          .MAP    (MAP)
      ) rom (
          .clk_i (clk_i),
          .addr_i(x_i[k*IN_W+:IN_W]),
          .data_o(y)
      );

      // A variable: a net that many lanes drive in parts is slow in event simulators.
      always @* y_o[k*OUT_W+:OUT_W] = y;
    end
  endgenerate

  always @(posedge clk_i) valid_o <= rst_ni && valid_i;

endmodule

`default_nettype wire
