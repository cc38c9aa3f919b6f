// SPDX-License-Identifier: Apache-2.0
// hwc_rom: memory of constants with a registered read.
//
//   data_o <= rom[addr_i] every clock.  Latency 1.
//
// WIDTH  bits.  DEPTH: words.  A_W: bits of addr_i, clog2(DEPTH) but at least 1.
// STYLE  0 logic: the columns of ROM in the order of MAP (hwc_rom_logic).  1 block: RAMB18 tiles, tile
//        (row, column) reads FILE_<row>_<column>.mem.  Up to 512 words a tile is 36 bits wide, 1024: 18,
//        2048: 9, 4096: 4, 8192: 2, else 1; rows of 16384 words; column 0 holds the low bits.
//        2 block of 4 Kbit (iCE40): up to 256 words 16 bits, 512: 8, 1024: 4, else 2; rows of 2048 words.

`default_nettype none

module hwc_rom #(
    parameter integer                   FAMILY  = 0,
    parameter integer                   WIDTH   = 8,                                // bits
    parameter integer                   DEPTH   = 16,                               // words
    parameter                           FILE    = "",
    parameter integer                   STYLE   = 0,
    parameter integer                   COLUMNS = 0,
    parameter         [COLUMNS*DEPTH:0] ROM     = 0,
    parameter         [   16*WIDTH-1:0] MAP     = 0,
    parameter integer                   A_W     = (DEPTH > 1) ? $clog2(DEPTH) : 1   // bits, derived
) (
    input  wire             clk_i,
    input  wire [  A_W-1:0] addr_i,
    output wire [WIDTH-1:0] data_o
);

  localparam integer TILE_W =
      (STYLE == 2) ? ((DEPTH <= 256) ? 16 : (DEPTH <= 512) ? 8 : (DEPTH <= 1024) ? 4 : 2) :
      (DEPTH <= 512) ? 36 : (DEPTH <= 1024) ? 18 : (DEPTH <= 2048) ? 9 :
      (DEPTH <= 4096) ? 4 : (DEPTH <= 8192) ? 2 : 1;
  localparam integer ROW_A = (STYLE == 2) ? 11 : 14;  // address bits of a row of tiles
  localparam integer ROW_DEPTH = 1 << ROW_A;
  localparam integer TILES = (WIDTH + TILE_W - 1) / TILE_W;
  localparam integer ROWS = (DEPTH + ROW_DEPTH - 1) / ROW_DEPTH;

  function integer digits(input integer n);
    integer rest;
    begin
      digits = 1;
      for (rest = n / 10; rest > 0; rest = rest / 10) digits = digits + 1;
    end
  endfunction

  // verilator lint_off UNUSEDSIGNAL
  function [63:0] decimal(input integer n);  // n in ASCII, the low digits(n) characters
    integer k, rest, digit;
    begin
      rest = n;
      for (k = 0; k < 8; k = k + 1) begin
        digit = 48 + rest % 10;
        decimal[8*k+:8] = digit[7:0];
        rest = rest / 10;
      end
    end
  endfunction
  // verilator lint_on UNUSEDSIGNAL

  genvar r, c;
  generate
    if (WIDTH < 1 || DEPTH < 1 || STYLE < 0 || STYLE > 2) begin : g_bad
      hwc_error_bad_WIDTH_DEPTH_or_STYLE error ();
    end

    if (STYLE == 0) begin : g_logic
      hwc_rom_logic #(
          .FAMILY (FAMILY),
          .WIDTH  (WIDTH),
          .DEPTH  (DEPTH),
          .COLUMNS(COLUMNS),
          .ROM    (ROM),
          .MAP    (MAP)
      ) logic_rom (
          .clk_i (clk_i),
          .addr_i(addr_i),
          .data_o(data_o)
      );
    end else begin : g_block
      wire [ROWS*WIDTH-1:0] words;

      for (r = 0; r < ROWS; r = r + 1) begin : g_row
        localparam integer LEFT = DEPTH - r * ROW_DEPTH;
        localparam integer WORDS = (LEFT < ROW_DEPTH) ? LEFT : ROW_DEPTH;
        localparam integer W = (WORDS > 1) ? $clog2(WORDS) : 1;
        localparam [63:0] ROW_TEXT = decimal(r);
        localparam [8*digits(r)-1:0] ROW = ROW_TEXT[8*digits(r)-1:0];

        for (c = 0; c < TILES; c = c + 1) begin : g_column
          localparam integer REST = WIDTH - c * TILE_W;
          localparam integer BITS = (REST < TILE_W) ? REST : TILE_W;
          localparam [63:0] COLUMN_TEXT = decimal(c);
          localparam [8*digits(c)-1:0] COLUMN = COLUMN_TEXT[8*digits(c)-1:0];
          hwc_rom_tile #(
              .WIDTH(BITS),
              .DEPTH(WORDS),
              .FILE ({FILE, "_", ROW, "_", COLUMN})
          ) tile (
              .clk_i (clk_i),
              .addr_i(addr_i[W-1:0]),
              .data_o(words[r*WIDTH+c*TILE_W+:BITS])
          );
        end
      end

      if (ROWS == 1) begin : g_single
        assign data_o = words;
      end else begin : g_rows
        reg [A_W-ROW_A-1:0] row_q;
        reg [WIDTH-1:0] word;
        integer k;
        always @(posedge clk_i) row_q <= addr_i[A_W-1:ROW_A];
        always @* begin
          word = {WIDTH{1'b0}};
          for (k = 0; k < ROWS; k = k + 1)
            word = word | (words[k*WIDTH+:WIDTH] & {WIDTH{row_q == k[A_W-ROW_A-1:0]}});
        end
        assign data_o = word;
      end
    end
  endgenerate

endmodule

`default_nettype wire
