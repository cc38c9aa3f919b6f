// SPDX-License-Identifier: Apache-2.0
// hwc_rom_tile: a block RAM of constants with a registered read; leaf of hwc_rom.
//
//   data_o <= rom[addr_i] every clock, rom = the hexadecimal words of FILE.mem
//
// WIDTH  bits.  DEPTH: words.  Latency 1.
// FILE "" reads nothing: for tools that elaborate a module with its default parameters.

`default_nettype none

module hwc_rom_tile #(
    parameter integer WIDTH = 8,                                // bits
    parameter integer DEPTH = 16,                               // words
    parameter         FILE  = "",
    parameter integer A_W   = (DEPTH > 1) ? $clog2(DEPTH) : 1   // bits, derived
) (
    input  wire             clk_i,
    input  wire [  A_W-1:0] addr_i,
    output reg  [WIDTH-1:0] data_o
);

  // verilator lint_off UNDRIVEN
  (* rom_style = "block", ram_style = "block" *)
  reg [WIDTH-1:0] rom[0:DEPTH-1];
  // verilator lint_on UNDRIVEN

  generate
    if (|FILE) begin : g_file
      initial $readmemh({FILE, ".mem"}, rom);
    end
  endgenerate

  always @(posedge clk_i) data_o <= rom[addr_i];

endmodule

`default_nettype wire
