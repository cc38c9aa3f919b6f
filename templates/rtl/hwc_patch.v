// SPDX-License-Identifier: Apache-2.0
// hwc_patch: the whole window of a convolution or pooling at once, from pixels in raster order.
//
//   tap (ky, kx) = pixel (y - (KR-1-ky)*DR, x - (KC-1-kx)*DC), or PAD; (y, x): of the last shift
//
// Tap (ky, kx) at [(ky*KC + kx)*WORD_W +: WORD_W] of x_o.
// WORD_W  bits of a pixel.  COLS: pixels of a row of the map.  KR, KC, DR, DC: kernel, dilation.
// PADDED  0: no window leaves the map, first_i, outside_i and rows_i are not used.
// PAD     word of a tap outside the map.
// STYLE   of the line memories, (KR-1)*DR rows in all: as in hwc_line.
//
// shift_i with data_i and the flags of hwc_scan: a step of the walk over the map.
//   first_i    only with shift_i: x == 0, older columns belong to another row
//   outside_i  the column lies behind the map, the line memories stay as they are
//   rows_i[k]  low only with shift_i: the pixel of row y - (KR-1-k)*DR lies outside the map
// So PAD is the set or reset of the window's registers, straight from a register of hwc_scan.
// x_o from registers, after the edge of the shift; it stays until the next one.

`default_nettype none

module hwc_patch #(
    parameter integer WORD_W = 8,  // bits
    parameter integer COLS = 4,
    parameter integer KR = 3,
    parameter integer KC = 3,
    parameter integer DR = 1,
    parameter integer DC = 1,
    parameter integer PADDED = 0,
    parameter [WORD_W-1:0] PAD = {WORD_W{1'b0}},
    parameter integer STYLE = 1
) (
    input  wire                    clk_i,
    input  wire                    rst_ni,
    input  wire                    shift_i,
    input  wire [      WORD_W-1:0] data_i,
    input  wire                    first_i,
    input  wire                    outside_i,
    input  wire [          KR-1:0] rows_i,
    output wire [KR*KC*WORD_W-1:0] x_o
);

  localparam integer ROW_W = KC * WORD_W;  // bits of a row of taps
  localparam integer OLD_W = ROW_W - WORD_W;  // of those behind its newest one
  localparam integer SPAN_C = (KC - 1) * DC;

  generate
    if (WORD_W < 1 || COLS < 1 || KR < 1 || KC < 1 || DR < 1 || DC < 1) begin : g_bad
      hwc_error_bad_WORD_W_COLS_or_window error ();
    end
    if (PADDED == 0) begin : g_never_outside
      wire unused_flags = &{1'b0, first_i, outside_i, rows_i};
    end
  endgenerate

  // The column of the step: a line memory's row is the one above, DR rows earlier.
  wire [KR*WORD_W-1:0] column;

  assign column[(KR-1)*WORD_W+:WORD_W] = data_i;

  generate
    if (KR == 1) begin : g_no_lines
      wire unused_inputs = &{1'b0, rst_ni, outside_i};
    end else begin : g_lines
      hwc_line #(
          .WIDTH ((KR - 1) * WORD_W),
          .LENGTH(DR * COLS),
          .STYLE (STYLE)
      ) lines (
          .clk_i (clk_i),
          .rst_ni(rst_ni),
          .step_i(shift_i && (PADDED == 0 || !outside_i)),
          .d_i   (column[KR*WORD_W-1:WORD_W]),
          .q_o   (column[(KR-1)*WORD_W-1:0])
      );
    end
  endgenerate

  // Older taps of a row that would show another row: tap kx after shift x, if x < (KC-1-kx)*DC.
  // Without dilation they are all of the first shift's, and PAD itself moves on.
  wire [KC-1:0] cut;
  wire unused_cut = &{1'b0, cut};  // of the newest tap, and all equal without dilation
  genvar k, j;

  generate
    if (PADDED != 0 && DC > 1 && KC > 1) begin : g_cut
      reg [SPAN_C:1] row_q;  // bit s: the step that comes has s columns of its row behind it

      always @(posedge clk_i) begin
        if (first_i) row_q <= {{(SPAN_C - 1) {1'b0}}, 1'b1};
        else if (shift_i) row_q <= {row_q[SPAN_C-1:1], 1'b1};
      end

      for (j = 0; j < KC - 1; j = j + 1) begin : g_tap
        assign cut[j] = first_i || (shift_i && !row_q[(KC-1-j)*DC]);
      end
      assign cut[KC-1] = 1'b0;
    end else begin : g_first
      assign cut = {KC{PADDED != 0 && first_i}};
    end

    for (k = 0; k < KR; k = k + 1) begin : g_row
      reg [WORD_W-1:0] new_q;

      always @(posedge clk_i) begin
        if (PADDED != 0 && !rows_i[k]) new_q <= PAD;
        else if (shift_i) new_q <= column[k*WORD_W+:WORD_W];
      end

      if (KC == 1) begin : g_single
        assign x_o[k*ROW_W+:ROW_W] = new_q;
      end else begin : g_older
        reg  [OLD_W-1:0] old_q;
        wire [OLD_W-1:0] next;
        wire [ROW_W-1:0] row = {new_q, old_q};

        hwc_line #(
            .WIDTH (OLD_W),
            .LENGTH(DC - 1),
            .STYLE (0)
        ) between (
            .clk_i (clk_i),
            .rst_ni(rst_ni),
            .step_i(shift_i),
            .d_i   (row[ROW_W-1:WORD_W]),
            .q_o   (next)
        );

        if (DC == 1) begin : g_dense
          always @(posedge clk_i) begin
            if (cut[0]) old_q <= {(KC - 1) {PAD}};
            else if (shift_i) old_q <= next;
          end
        end else begin : g_dilated
          for (j = 0; j < KC - 1; j = j + 1) begin : g_tap
            always @(posedge clk_i) begin
              if (cut[j]) old_q[j*WORD_W+:WORD_W] <= PAD;
              else if (shift_i) old_q[j*WORD_W+:WORD_W] <= next[j*WORD_W+:WORD_W];
            end
          end
        end

        assign x_o[k*ROW_W+:ROW_W] = row;
      end
    end
  endgenerate

endmodule

`default_nettype wire
