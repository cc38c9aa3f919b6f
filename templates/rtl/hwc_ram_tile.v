// SPDX-License-Identifier: Apache-2.0
// hwc_ram_tile: one memory with a write port and a registered read port; leaf of hwc_ram.
//
//   rdata_o <= ram[raddr_i] if re_i (the old word if it is written in the same clock)
//
// WIDTH  bits.  DEPTH: words.  STYLE: 0 registers, 1 LUTRAM, 2 block RAM, 3 block RAM whose user
//        never reads a word while it is written (no_rw_check: Yosys adds no bypass).  Latency 1.

`default_nettype none

module hwc_ram_tile #(
    parameter integer WIDTH = 8,                                // bits
    parameter integer DEPTH = 16,                               // words
    parameter integer STYLE = 1,
    parameter integer A_W   = (DEPTH > 1) ? $clog2(DEPTH) : 1   // bits, derived
) (
    input  wire             clk_i,
    input  wire             we_i,
    input  wire [  A_W-1:0] waddr_i,
    input  wire [WIDTH-1:0] wdata_i,
    input  wire             re_i,
    input  wire [  A_W-1:0] raddr_i,
    output reg  [WIDTH-1:0] rdata_o
);

  generate
    if (STYLE == 0) begin : g_registers
      (* ram_style = "registers" *)
      reg [WIDTH-1:0] ram[0:DEPTH-1];
      always @(posedge clk_i) if (we_i) ram[waddr_i] <= wdata_i;
      always @(posedge clk_i) if (re_i) rdata_o <= ram[raddr_i];
    end else if (STYLE == 1) begin : g_lutram
      // Above 32 words whole rows of 64, or Yosys takes three RAM32M16 for two RAM64M8.
      localparam integer ROWS_64 = (DEPTH + 63) / 64;
      localparam integer WORDS = (DEPTH <= 32) ? DEPTH : 64 * ROWS_64;
      (* ram_style = "distributed" *)
      reg [WIDTH-1:0] ram[0:WORDS-1];
      always @(posedge clk_i) if (we_i) ram[waddr_i] <= wdata_i;
      always @(posedge clk_i) if (re_i) rdata_o <= ram[raddr_i];
    end else if (STYLE == 3) begin : g_block_apart
      (* ram_style = "block", no_rw_check *)
      reg [WIDTH-1:0] ram[0:DEPTH-1];
      always @(posedge clk_i) if (we_i) ram[waddr_i] <= wdata_i;
      always @(posedge clk_i) if (re_i) rdata_o <= ram[raddr_i];
    end else begin : g_block
      (* ram_style = "block" *)
      reg [WIDTH-1:0] ram[0:DEPTH-1];
      always @(posedge clk_i) if (we_i) ram[waddr_i] <= wdata_i;
      always @(posedge clk_i) if (re_i) rdata_o <= ram[raddr_i];
    end
  endgenerate

endmodule

`default_nettype wire
