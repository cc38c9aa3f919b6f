// SPDX-License-Identifier: Apache-2.0
// hwc_jump: address in a memory of DEPTH words that moves by one of COUNT constants.
//
//   addr <= (addr + JUMPS[select_i]) modulo DEPTH if step_i; addr = BEGIN after reset
//
// JUMPS: 32 bits for each select, >= 0 and < DEPTH.  COUNT: a power of two, >= 2.

`default_nettype none

module hwc_jump #(
    parameter integer DEPTH = 5,
    parameter integer BEGIN = 0,
    parameter integer COUNT = 2,
    parameter [32*COUNT-1:0] JUMPS = {32'd4, 32'd1},
    parameter integer W = (DEPTH > 1) ? $clog2(DEPTH) : 1,  // bits, derived
    parameter integer S_W = $clog2(COUNT)  // bits, derived
) (
    input  wire           clk_i,
    input  wire           rst_ni,
    input  wire           step_i,
    input  wire [S_W-1:0] select_i,
    output wire [  W-1:0] addr_o
);

  generate
    if (DEPTH < 1 || COUNT < 2 || COUNT != (1 << S_W) || BEGIN < 0 || BEGIN >= DEPTH) begin : g_bad
      hwc_error_bad_DEPTH_BEGIN_or_COUNT error ();
    end

    if (DEPTH == 1) begin : g_one
      wire unused_inputs = &{1'b0, clk_i, rst_ni, step_i, select_i};
      assign addr_o = {W{1'b0}};
    end else begin : g_many
      localparam integer WRAPS = (DEPTH == (1 << W)) ? 1 : 0;  // a power of two wraps by itself
      wire [W-1:0] limits[0:COUNT-1];
      wire [W-1:0] bys[0:COUNT-1];
      wire [W-1:0] backs[0:COUNT-1];
      genvar k;

      for (k = 0; k < COUNT; k = k + 1) begin : g_select
        localparam integer BY = JUMPS[32*k+:32];
        localparam integer LIMIT = DEPTH - BY;
        localparam integer BACK = BY - DEPTH;
        assign limits[k] = LIMIT[W-1:0];
        assign bys[k]    = BY[W-1:0];
        assign backs[k]  = BACK[W-1:0];
      end

      reg [W-1:0] addr_q;
      wire wrap = (WRAPS == 0) && addr_q >= limits[select_i];
      wire [W-1:0] by = wrap ? backs[select_i] : bys[select_i];

      always @(posedge clk_i) begin
        if (!rst_ni) addr_q <= BEGIN[W-1:0];
        else if (step_i) addr_q <= addr_q + by;
      end

      assign addr_o = addr_q;
    end
  endgenerate

endmodule

`default_nettype wire
