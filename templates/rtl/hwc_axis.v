// SPDX-License-Identifier: Apache-2.0
// hwc_axis: one axis of a window that moves over a map: its taps, its positions, what lies outside.
//
//   tap k of position o reads element o * STRIDE - BEFORE + k * DILATION of SIZE
//
// KERNEL taps, OUT positions.  tap_i steps to the next tap, after the last one back to the first;
// move_i, with the last tap: on to the next position.  Every position has a tap inside the map.
// Valid at the last tap of a position, about the way to the next position:
//   last_o   there is none in this row
//   early_o  its first tap lies before the map    enter_o  the next one's inside, not at element 0
//   over_o   the next one's last tap lies no further inside the map
//   brim_o   the next one's last tap lies further inside, but by less than STRIDE
// enter_o and brim_o are constants, like the others, where no position needs them.

`default_nettype none

module hwc_axis #(
    parameter integer SIZE     = 4,
    parameter integer KERNEL   = 3,
    parameter integer STRIDE   = 1,
    parameter integer DILATION = 1,
    parameter integer BEFORE   = 1,
    parameter integer OUT      = 4
) (
    input  wire clk_i,
    input  wire rst_ni,
    input  wire tap_i,
    input  wire move_i,
    output wire tap_last_o,
    output wire outside_o,
    output wire last_o,
    output wire early_o,
    output wire enter_o,
    output wire over_o,
    output wire brim_o
);

  localparam integer SPAN = (KERNEL - 1) * DILATION;  // from the first tap to the last
  localparam integer BEGIN = SPAN - BEFORE;  // last tap of the first position
  localparam integer END = BEGIN + (OUT - 1) * STRIDE;  // and of the last position

  generate
    if (SIZE < 1 || KERNEL < 1 || STRIDE < 1 || DILATION < 1 || OUT < 1) begin : g_bad
      hwc_error_bad_SIZE_or_window error ();
    end
    if (BEFORE < 0 || BEGIN < 0 || END - SPAN >= SIZE) begin : g_bad_padding
      hwc_error_window_outside_the_map error ();
    end
  endgenerate

  hwc_count #(
      .COUNT(KERNEL)
  ) taps (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (tap_i),
      .clear_i(1'b0),
      .last_o (tap_last_o)
  );

  generate
    if (BEFORE == 0 && END < SIZE) begin : g_inside
      hwc_count #(
          .COUNT(OUT)
      ) positions (
          .clk_i  (clk_i),
          .rst_ni (rst_ni),
          .step_i (tap_i && tap_last_o && move_i),
          .clear_i(1'b0),
          .last_o (last_o)
      );
      assign outside_o = 1'b0;
      assign early_o   = 1'b0;
      assign enter_o   = 1'b0;
      assign over_o    = 1'b0;
      assign brim_o    = 1'b0;
    end else begin : g_padded
      // The element that the tap reads; before the map it wraps to what lies above LIMIT.
      localparam integer W = $clog2(END + BEFORE + 1);
      localparam integer LIMIT = (END < SIZE) ? END + 1 : SIZE;
      localparam integer BACK = -SPAN;
      localparam integer NEXT = STRIDE - SPAN;
      localparam integer ROUND = -BEFORE - END;
      localparam integer FIRST = -BEFORE;
      reg  [W-1:0] at_q;
      wire [W-1:0] change = !tap_last_o ? DILATION[W-1:0] : !move_i ? BACK[W-1:0] :
                            !last_o ? NEXT[W-1:0] : ROUND[W-1:0];

      always @(posedge clk_i) begin
        if (!rst_ni) at_q <= FIRST[W-1:0];
        else if (tap_i) at_q <= at_q + change;
      end

      assign outside_o = at_q >= LIMIT[W-1:0];
      assign last_o    = at_q == END[W-1:0];

      // Positions that begin before the map, and how far inside the next one begins.
      localparam integer EARLY = (BEFORE + STRIDE - 1) / STRIDE;
      localparam integer ENTER = EARLY * STRIDE - BEFORE;
      localparam integer EARLY_LAST = BEGIN + (EARLY - 1) * STRIDE;

      if (EARLY == 0) begin : g_not_early
        assign early_o = 1'b0;
      end else if (EARLY >= OUT) begin : g_all_early
        assign early_o = 1'b1;
      end else begin : g_early
        assign early_o = at_q <= EARLY_LAST[W-1:0];
      end

      if (EARLY == 0 || EARLY >= OUT || ENTER == 0) begin : g_no_enter
        assign enter_o = 1'b0;
      end else if (EARLY == 1) begin : g_enter_early
        assign enter_o = early_o;
      end else begin : g_enter
        assign enter_o = at_q == EARLY_LAST[W-1:0];
      end

      // Positions that end inside the map, and how much of it is left behind them.
      localparam integer FULL = (BEGIN >= SIZE) ? 0 : (SIZE - 1 - BEGIN) / STRIDE + 1;
      localparam integer FULL_LAST = BEGIN + (FULL - 1) * STRIDE;
      localparam integer BRIM = SIZE - 1 - FULL_LAST;

      if (FULL >= OUT) begin : g_not_over
        assign over_o = 1'b0;
        assign brim_o = 1'b0;
      end else if (FULL == 0 || SIZE == 1) begin : g_all_over
        assign over_o = 1'b1;
        assign brim_o = 1'b0;
      end else if (BRIM == 0) begin : g_flush
        assign over_o = at_q >= FULL_LAST[W-1:0];
        assign brim_o = 1'b0;
      end else begin : g_brim
        assign over_o = (FULL < OUT - 1) && at_q > FULL_LAST[W-1:0];
        assign brim_o = at_q == FULL_LAST[W-1:0];
      end
    end
  endgenerate

endmodule

`default_nettype wire
