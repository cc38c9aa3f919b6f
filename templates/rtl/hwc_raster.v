// SPDX-License-Identifier: Apache-2.0
// hwc_raster: where the window of hwc_window stands, whether its words are there, which are free.
//
//   position (oy, ox), tap (ky, kx) reads pixel (oy*SR - PT + ky*DR, ox*SC - PL + kx*DC)
//
// Parameters as in hwc_window.  tap_i: the tap is done; move_i: and with the last tap the position.
// outside_o  the tap lies outside the map.  *_tap_last_o, and at the last tap *_last_o: the column or
//            row is the last one of the window, of the positions.
// ready_o    all words are written up to the last pixel that the position needs.
// room_o     a place is free.  The last step of a position frees what lies before its successor: the
//            rows above the first tap and, in that row, the pixels left of it; of a frame, all of it.
// Every output comes from registers of this module.

`default_nettype none

module hwc_raster #(
    parameter integer DEPTH = 16,  // words
    parameter integer ROWS  = 4,
    parameter integer COLS  = 4,
    parameter integer E     = 1,   // words of a pixel
    parameter integer KR    = 3,
    parameter integer KC    = 3,
    parameter integer SR    = 1,
    parameter integer SC    = 1,
    parameter integer DR    = 1,
    parameter integer DC    = 1,
    parameter integer PT    = 0,
    parameter integer PL    = 0,
    parameter integer OROWS = 2,
    parameter integer OCOLS = 2
) (
    input  wire clk_i,
    input  wire rst_ni,
    input  wire tap_i,
    input  wire move_i,
    input  wire write_i,
    input  wire reserve_i,
    output wire column_tap_last_o,
    output wire row_tap_last_o,
    output wire column_last_o,
    output wire row_last_o,
    output wire outside_o,
    output wire ready_o,
    output wire room_o
);

  function integer least(input integer a, input integer b);
    least = (a < b) ? a : b;
  endfunction

  function integer most(input integer a, input integer b);
    most = (a > b) ? a : b;
  endfunction

  // Rows and columns of first taps (FIRST), and of last taps inside the map (NEED).
  localparam integer SPAN_R = (KR - 1) * DR;
  localparam integer SPAN_C = (KC - 1) * DC;
  localparam integer FIRST_LAST_R = (OROWS - 1) * SR - PT;
  localparam integer FIRST_LAST_C = (OCOLS - 1) * SC - PL;
  localparam integer NEED_R = least(SPAN_R - PT, ROWS - 1);
  localparam integer NEED_C = least(SPAN_C - PL, COLS - 1);
  localparam integer NEED_LAST_R = least(FIRST_LAST_R + SPAN_R, ROWS - 1);
  localparam integer NEED_LAST_C = least(FIRST_LAST_C + SPAN_C, COLS - 1);
  // Positions that begin before the map, first tap of the one behind them; pixels that are left for
  // the last tap to move when it cannot move a stride.
  localparam integer EARLY_R = least(OROWS, (PT + SR - 1) / SR);
  localparam integer EARLY_C = least(OCOLS, (PL + SC - 1) / SC);
  localparam integer ENTER_R = EARLY_R * SR - PT;
  localparam integer ENTER_C = EARLY_C * SC - PL;
  localparam integer BRIM_R = (ROWS - 1 - NEED_R) % SR;
  localparam integer BRIM_C = (COLS - 1 - NEED_C) % SC;

  // Words more that the next position needs, negative.
  localparam integer FRAME = ROWS * COLS * E;
  localparam integer NEED = (NEED_R * COLS + NEED_C + 1) * E;
  localparam integer NEED_LAST = (NEED_LAST_R * COLS + NEED_LAST_C + 1) * E;
  localparam integer ASK_COLUMN = -SC * E;
  localparam integer ASK_BRIM = -BRIM_C * E;
  localparam integer ASK_ROW_OVER = (NEED_LAST_C - NEED_C) * E;
  localparam integer ASK_ROW_BRIM = ASK_ROW_OVER - BRIM_R * COLS * E;
  localparam integer ASK_ROW = ASK_ROW_OVER - SR * COLS * E;
  localparam integer ASK_FRAME = NEED_LAST - FRAME - NEED;
  localparam integer ASK_LEAST = least(ASK_FRAME, least(ASK_COLUMN, ASK_ROW));
  localparam integer AHEAD_W = $clog2(most(DEPTH, -ASK_LEAST)) + 1;
  localparam integer AHEAD_BEGIN = -NEED;

  // Words more that are free, less one.  Those that no window reads may be free before they are
  // written: SKIP at most.
  localparam integer FREE_COLUMN = SC * E - 1;
  localparam integer FREE_ENTER = ENTER_C * E - 1;
  localparam integer FREE_ROW_ENTER = ENTER_R * COLS * E - 1;
  localparam integer FREE_ROW = (SR * COLS - most(0, FIRST_LAST_C)) * E - 1;
  localparam integer FREE_FRAME = FRAME - 1 - ((FIRST_LAST_R < 0) ? 0 :
                                  (FIRST_LAST_R * COLS + most(0, FIRST_LAST_C)) * E);
  localparam integer SKIP_COLUMN = (SC - SPAN_C - 1 - (NEED_LAST_R - FIRST_LAST_R) * COLS) * E;
  localparam integer SKIP_ROW = ((SR - SPAN_R) * COLS - NEED_LAST_C - 1) * E;
  localparam integer SKIP = most(most(SKIP_COLUMN, SKIP_ROW), FRAME - NEED_LAST);
  localparam integer PLACE_W = $clog2(DEPTH + SKIP) + 1;
  localparam integer PLACE_BEGIN = DEPTH - 1;

  // Pixels from the first that is not free to the last that is needed, at most.
  localparam integer WIDE = least(ENTER_C + SPAN_C, COLS - 1) - ENTER_C;
  localparam integer WIDE_EARLY = least((EARLY_C - 1) * SC - PL + SPAN_C, COLS - 1);
  localparam integer TALL = least(ENTER_R + SPAN_R, ROWS - 1) - ENTER_R;
  localparam integer TALL_EARLY = least((EARLY_R - 1) * SR - PT + SPAN_R, ROWS - 1);
  localparam integer HOLD_C = most((EARLY_C < OCOLS) ? WIDE : 0, (EARLY_C > 0) ? WIDE_EARLY : 0);
  localparam integer HOLD = 1 + most((EARLY_R < OROWS) ? TALL * COLS + HOLD_C : 0,
                                     (EARLY_R > 0) ? TALL_EARLY * COLS + NEED_LAST_C : 0);

  generate
    if (DEPTH < HOLD * E) begin : g_bad_depth
      hwc_error_DEPTH_below_a_window error ();
    end
  endgenerate

  wire column_outside, column_early, column_enter, column_over, column_brim;
  wire row_outside, row_early, row_enter, row_over, row_brim;
  wire advance = tap_i && column_tap_last_o && row_tap_last_o && move_i;

  hwc_axis #(
      .SIZE    (COLS),
      .KERNEL  (KC),
      .STRIDE  (SC),
      .DILATION(DC),
      .BEFORE  (PL),
      .OUT     (OCOLS)
  ) columns (
      .clk_i     (clk_i),
      .rst_ni    (rst_ni),
      .tap_i     (tap_i),
      .move_i    (row_tap_last_o && move_i),
      .tap_last_o(column_tap_last_o),
      .outside_o (column_outside),
      .last_o    (column_last_o),
      .early_o   (column_early),
      .enter_o   (column_enter),
      .over_o    (column_over),
      .brim_o    (column_brim)
  );

  hwc_axis #(
      .SIZE    (ROWS),
      .KERNEL  (KR),
      .STRIDE  (SR),
      .DILATION(DR),
      .BEFORE  (PT),
      .OUT     (OROWS)
  ) rows (
      .clk_i     (clk_i),
      .rst_ni    (rst_ni),
      .tap_i     (tap_i && column_tap_last_o),
      .move_i    (move_i && column_last_o),
      .tap_last_o(row_tap_last_o),
      .outside_o (row_outside),
      .last_o    (row_last_o),
      .early_o   (row_early),
      .enter_o   (row_enter),
      .over_o    (row_over),
      .brim_o    (row_brim)
  );

  assign outside_o = column_outside || row_outside;

  // Words written beyond those that the position needs; places free, less one.  Negative: too few.
  // The bit below each sum carries a single word in.
  reg [AHEAD_W-1:0] ahead_q, ask;
  reg [PLACE_W-1:0] place_q, free;
  wire [AHEAD_W:0] ahead = {ahead_q, 1'b1} + {ask, write_i};
  wire [PLACE_W:0] place = {place_q, 1'b1} + {free, !reserve_i};

  always @* begin
    ask  = {AHEAD_W{1'b0}};
    free = {PLACE_W{1'b1}};
    if (advance && !column_last_o) begin
      if (column_brim) ask = ASK_BRIM[AHEAD_W-1:0];
      else if (!column_over) ask = ASK_COLUMN[AHEAD_W-1:0];
      if (!row_early) begin
        if (column_enter) free = FREE_ENTER[PLACE_W-1:0];
        else if (!column_early) free = FREE_COLUMN[PLACE_W-1:0];
      end
    end else if (advance && !row_last_o) begin
      if (row_brim) ask = ASK_ROW_BRIM[AHEAD_W-1:0];
      else if (row_over) ask = ASK_ROW_OVER[AHEAD_W-1:0];
      else ask = ASK_ROW[AHEAD_W-1:0];
      if (row_enter) free = FREE_ROW_ENTER[PLACE_W-1:0];
      else if (!row_early) free = FREE_ROW[PLACE_W-1:0];
    end else if (advance) begin
      ask  = ASK_FRAME[AHEAD_W-1:0];
      free = FREE_FRAME[PLACE_W-1:0];
    end
  end

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      ahead_q <= AHEAD_BEGIN[AHEAD_W-1:0];
      place_q <= PLACE_BEGIN[PLACE_W-1:0];
    end else begin
      ahead_q <= ahead[AHEAD_W:1];
      place_q <= place[PLACE_W:1];
    end
  end

  assign ready_o = !ahead_q[AHEAD_W-1];
  assign room_o  = !place_q[PLACE_W-1];

  wire unused_low = &{1'b0, ahead[0], place[0]};

endmodule

`default_nettype wire
