// SPDX-License-Identifier: Apache-2.0
// hwc_rom_tile: one memory with one file and a registered read; leaf of hwc_rom.
//
//   data_o <= rom[addr_i] every clock, rom = the hexadecimal words of FILE.mem
//
// WIDTH  bits.  DEPTH: words.  BLOCK: block RAM, else logic.  Latency 1.
// FILE "" reads nothing: for tools that elaborate a module with its default parameters.

`default_nettype none

module hwc_rom_tile #(
    parameter integer WIDTH = 8,                                // bits
    parameter integer DEPTH = 16,                               // words
    parameter integer BLOCK = 0,
    parameter         FILE  = "",
    parameter integer A_W   = (DEPTH > 1) ? $clog2(DEPTH) : 1   // bits, derived
) (
    input  wire             clk_i,
    input  wire [  A_W-1:0] addr_i,
    output reg  [WIDTH-1:0] data_o
);

  // verilator lint_off UNDRIVEN
  generate
    if (BLOCK != 0) begin : g_block
      (* rom_style = "block", ram_style = "block" *)
      reg [WIDTH-1:0] rom[0:DEPTH-1];
      if (|FILE) begin : g_file
        initial $readmemh({FILE, ".mem"}, rom);
      end
      always @(posedge clk_i) data_o <= rom[addr_i];
    end else begin : g_logic
      (* rom_style = "logic", ram_style = "logic" *)
      reg [WIDTH-1:0] rom[0:DEPTH-1];
      if (|FILE) begin : g_file
        initial $readmemh({FILE, ".mem"}, rom);
      end
      always @(posedge clk_i) data_o <= rom[addr_i];
    end
  endgenerate
  // verilator lint_on UNDRIVEN

endmodule

`default_nettype wire
