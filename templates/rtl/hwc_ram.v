// SPDX-License-Identifier: Apache-2.0
// hwc_ram: simple dual-port memory with a registered read.
//
//   ram[waddr_i] <= wdata_i if we_i;  rdata_o <= ram[raddr_i] if re_i.  Latency 1.
//
// WIDTH  bits.  DEPTH: words.  A_W: bits of an address, clog2(DEPTH) but at least 1.
// STYLE  0 registers, 1 LUTRAM, block RAM in tiles of the shapes of hwc_rom: 2 RAMB18, 3 the same for
//        blocks that cannot read a word while it is written (ECP5), 4 such blocks of 4 Kbit (iCE40).

`default_nettype none

module hwc_ram #(
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
    output wire [WIDTH-1:0] rdata_o
);

  localparam integer TILE_W =
      (STYLE == 4) ? ((DEPTH <= 256) ? 16 : (DEPTH <= 512) ? 8 : (DEPTH <= 1024) ? 4 : 2) :
      (DEPTH <= 512) ? 36 : (DEPTH <= 1024) ? 18 : (DEPTH <= 2048) ? 9 :
      (DEPTH <= 4096) ? 4 : (DEPTH <= 8192) ? 2 : 1;
  localparam integer ROW_A = (STYLE == 4) ? 11 : 14;  // address bits of a row of tiles
  localparam integer ROW_DEPTH = 1 << ROW_A;
  localparam integer COLUMNS = (WIDTH + TILE_W - 1) / TILE_W;
  localparam integer ROWS = (DEPTH + ROW_DEPTH - 1) / ROW_DEPTH;

  genvar r, c;
  generate
    if (WIDTH < 1 || DEPTH < 1 || STYLE < 0 || STYLE > 4) begin : g_bad
      hwc_error_bad_WIDTH_DEPTH_or_STYLE error ();
    end

    if (STYLE < 2) begin : g_whole
      hwc_ram_tile #(
          .WIDTH(WIDTH),
          .DEPTH(DEPTH),
          .STYLE(STYLE)
      ) tile (
          .clk_i  (clk_i),
          .we_i   (we_i),
          .waddr_i(waddr_i),
          .wdata_i(wdata_i),
          .re_i   (re_i),
          .raddr_i(raddr_i),
          .rdata_o(rdata_o)
      );
    end else begin : g_block
      wire [ROWS*WIDTH-1:0] words;
      wire [ROWS-1:0] here;  // rows that the write goes to

      for (r = 0; r < ROWS; r = r + 1) begin : g_row
        localparam integer LEFT = DEPTH - r * ROW_DEPTH;
        localparam integer WORDS = (LEFT < ROW_DEPTH) ? LEFT : ROW_DEPTH;
        localparam integer W = (WORDS > 1) ? $clog2(WORDS) : 1;

        if (ROWS == 1) begin : g_always
          assign here[r] = we_i;
        end else begin : g_select
          localparam integer ROW = r;
          assign here[r] = we_i && waddr_i[A_W-1:ROW_A] == ROW[A_W-ROW_A-1:0];
        end

        for (c = 0; c < COLUMNS; c = c + 1) begin : g_column
          localparam integer REST = WIDTH - c * TILE_W;
          localparam integer BITS = (REST < TILE_W) ? REST : TILE_W;
          hwc_ram_tile #(
              .WIDTH(BITS),
              .DEPTH(WORDS),
              .STYLE((STYLE > 2) ? 3 : 2)
          ) tile (
              .clk_i  (clk_i),
              .we_i   (here[r]),
              .waddr_i(waddr_i[W-1:0]),
              .wdata_i(wdata_i[c*TILE_W+:BITS]),
              .re_i   (re_i),
              .raddr_i(raddr_i[W-1:0]),
              .rdata_o(words[r*WIDTH+c*TILE_W+:BITS])
          );
        end
      end

      if (ROWS == 1) begin : g_single
        assign rdata_o = words;
      end else begin : g_rows
        reg [A_W-ROW_A-1:0] row_q;
        reg [WIDTH-1:0] word;
        integer k;
        always @(posedge clk_i) if (re_i) row_q <= raddr_i[A_W-1:ROW_A];
        always @* begin
          word = {WIDTH{1'b0}};
          for (k = 0; k < ROWS; k = k + 1)
            word = word | (words[k*WIDTH+:WIDTH] & {WIDTH{row_q == k[A_W-ROW_A-1:0]}});
        end
        assign rdata_o = word;
      end
    end
  endgenerate

endmodule

`default_nettype wire
