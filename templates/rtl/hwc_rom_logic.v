// SPDX-License-Identifier: Apache-2.0
// hwc_rom_logic: constants in LUTs with a registered read; leaf of hwc_rom.
//
//   data_o <= the word at addr_i, every clock.  Latency 1.
//
// WIDTH    bits of a word.  DEPTH: words.
// COLUMNS  different columns, or 0: column k is ROM[k*DEPTH +: DEPTH], word 0 low; the last bit is not used.
// MAP      16 bits for each bit of a word: 0, 1 that constant; 2 + 2j bit j of the address, 3 + 2j its
//          complement; 64 + k column k.
// FAMILY   0 an array in simulation; 1, 2 (7 series, UltraScale): a LUT6 for every 64 words of a column, joined by
//          MUXF7 and MUXF8 up to 256, then by LUTs, none for 64 that are alike; others: left to the tools,
//          as up to 4 words always.

`default_nettype none

module hwc_rom_logic #(
    parameter integer                   FAMILY  = 0,
    parameter integer                   WIDTH   = 8,                                // bits
    parameter integer                   DEPTH   = 16,                               // words
    parameter integer                   COLUMNS = 0,
    parameter         [COLUMNS*DEPTH:0] ROM     = 0,
    parameter         [   16*WIDTH-1:0] MAP     = 0,
    parameter integer                   A_W     = (DEPTH > 1) ? $clog2(DEPTH) : 1   // bits, derived
) (
    input  wire             clk_i,
    // verilator lint_off UNUSEDSIGNAL
    input  wire [  A_W-1:0] addr_i,
    // verilator lint_on UNUSEDSIGNAL
    output wire [WIDTH-1:0] data_o
);

  localparam integer LEAVES = (DEPTH + 63) / 64;
  localparam integer GROUPS = (DEPTH + 255) / 256;

  genvar w, k, g, b;
  generate
    if (WIDTH < 1 || DEPTH < 1 || COLUMNS < 0) begin : g_bad
      hwc_error_bad_WIDTH_DEPTH_or_COLUMNS error ();
    end

`ifndef SYNTHESIS
    if (FAMILY == 0) begin : g_behavioural
      reg [WIDTH-1:0] rom[0:DEPTH-1];
      reg [WIDTH-1:0] data_q;
      reg [DEPTH-1:0] column;
      integer i, bit_i, from;

      // A column at a time: an event simulator copies all of ROM for every part that is taken of it.
      initial begin
        for (bit_i = 0; bit_i < WIDTH; bit_i = bit_i + 1) begin
          from = {16'd0, MAP[bit_i*16+:16]};
          // verilator lint_off SELRANGE
          if (from >= 64) column = ROM[(from-64)*DEPTH+:DEPTH];
          // verilator lint_on SELRANGE
          for (i = 0; i < DEPTH; i = i + 1) begin
            if (from < 2) rom[i][bit_i] = from[0];
            else if (from < 64) rom[i][bit_i] = from[0] ^ (|(i & (1 << ((from >> 1) - 1))));
            else rom[i][bit_i] = column[i];
          end
        end
      end

      always @(posedge clk_i) data_q <= rom[addr_i];
      assign data_o = data_q;
    end else
`endif
    begin : g_columns
      wire [COLUMNS:0] column;  // of the word at addr_i
      reg  [COLUMNS:0] column_q;
      reg  [  A_W-1:0] addr_q;

      assign column[COLUMNS] = 1'b0;

      for (k = 0; k < COLUMNS; k = k + 1) begin : g_column
        localparam [DEPTH-1:0] BITS = ROM[k*DEPTH+:DEPTH];

        if (FAMILY < 1 || FAMILY > 2 || DEPTH <= 4) begin : g_inferred
          assign column[k] = BITS[addr_i];
        end else begin : g_luts
          wire [5:0] a;
          wire [4*GROUPS-1:0] leaf;
          wire [GROUPS-1:0] group;

          if (A_W < 6) begin : g_narrow
            assign a = {{(6 - A_W) {1'b0}}, addr_i};
          end else begin : g_whole
            assign a = addr_i[5:0];
          end

          for (b = 0; b < 4 * GROUPS; b = b + 1) begin : g_leaf
            localparam integer FROM = b * 64;
            localparam integer SIZE = (DEPTH - FROM < 64) ? DEPTH - FROM : 64;
            localparam [63:0] INIT = (SIZE > 0) ? {64'd0, BITS} >> FROM : 64'd0;
            if (INIT == 64'd0 || INIT == ~64'd0) begin : g_constant
              assign leaf[b] = INIT[0];
            end else begin : g_lut
              LUT6 #(
                  .INIT(INIT)
              ) lut (
                  .I0(a[0]),
                  .I1(a[1]),
                  .I2(a[2]),
                  .I3(a[3]),
                  .I4(a[4]),
                  .I5(a[5]),
                  .O (leaf[b])
              );
            end
          end

          for (g = 0; g < GROUPS; g = g + 1) begin : g_group
            localparam integer LEFT = LEAVES - 4 * g;
            if (LEFT == 1) begin : g_one
              assign group[g] = leaf[4*g];
            end else begin : g_more
              wire [1:0] pair;
              MUXF7 low (
                  .I0(leaf[4*g]),
                  .I1(leaf[4*g+1]),
                  .S (addr_i[6]),
                  .O (pair[0])
              );
              if (LEFT == 2) begin : g_two
                assign pair[1]  = 1'b0;
                assign group[g] = pair[0];
              end else begin : g_four
                MUXF7 high (
                    .I0(leaf[4*g+2]),
                    .I1(leaf[4*g+3]),
                    .S (addr_i[6]),
                    .O (pair[1])
                );
                MUXF8 both (
                    .I0(pair[0]),
                    .I1(pair[1]),
                    .S (addr_i[7]),
                    .O (group[g])
                );
              end
            end
          end

          if (GROUPS == 1) begin : g_single
            assign column[k] = group[0];
          end else begin : g_groups
            assign column[k] = group[addr_i[A_W-1:8]];
          end
        end
      end

      always @(posedge clk_i) begin
        column_q <= column;
        addr_q   <= addr_i;
      end

      for (w = 0; w < WIDTH; w = w + 1) begin : g_bit
        localparam integer FROM = MAP[w*16+:16];
        if (FROM < 2) begin : g_constant
          assign data_o[w] = FROM[0];
        end else if (FROM < 64) begin : g_address
          assign data_o[w] = addr_q[FROM/2-1] ^ FROM[0];
        end else begin : g_variable
          assign data_o[w] = column_q[FROM-64];
        end
      end
    end
  endgenerate

endmodule

`default_nettype wire
