// SPDX-License-Identifier: Apache-2.0
// hwc_walk: one axis of the walk over a map, element by element, and where windows are complete.
//
//   tap k of position o reads element o * STRIDE - BEFORE + k * DILATION of SIZE
//
// The walk runs over the elements and on, outside the map, to the last tap of the last position;
// then it begins again.  KERNEL taps, OUT positions.  step_i: to the next element.
//   last_o           the walk ends here
//   outside_o        the element lies behind the map
//   complete_o       it is the last tap of a position; and complete_last_o: of the last position
// Every output comes from registers, complete_o from a single one.

`default_nettype none

module hwc_walk #(
    parameter integer SIZE     = 4,
    parameter integer KERNEL   = 3,
    parameter integer STRIDE   = 1,
    parameter integer DILATION = 1,
    parameter integer BEFORE   = 1,
    parameter integer OUT      = 4
) (
    input  wire clk_i,
    input  wire rst_ni,
    input  wire step_i,
    output wire last_o,
    output wire outside_o,
    output wire complete_o,
    output wire complete_last_o
);

  function integer most(input integer a, input integer b);
    most = (a > b) ? a : b;
  endfunction

  localparam integer SPAN = (KERNEL - 1) * DILATION;  // from the first tap to the last
  localparam integer BEGIN = SPAN - BEFORE;  // last tap of the first position
  localparam integer END = BEGIN + (OUT - 1) * STRIDE;  // and of the last position
  localparam integer BEHIND = most(0, END - SIZE + 1);  // elements of the walk outside the map
  localparam integer REST = SIZE + BEHIND - 1 - END;  // elements behind the last tap of all

  generate
    if (SIZE < 1 || KERNEL < 1 || STRIDE < 1 || DILATION < 1 || OUT < 1) begin : g_bad
      hwc_error_bad_SIZE_or_window error ();
    end
    if (BEFORE < 0 || BEGIN < 0 || END - SPAN >= SIZE) begin : g_bad_padding
      hwc_error_window_outside_the_map error ();
    end
  endgenerate

  wire map_last;

  hwc_count #(
      .COUNT(SIZE)
  ) elements (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (step_i && !outside_o),
      .clear_i(1'b0),
      .last_o (map_last)
  );

  generate
    if (BEHIND == 0) begin : g_inside
      assign outside_o = 1'b0;
      assign last_o    = map_last;
    end else begin : g_behind
      wire behind_last;
      reg  outside_q;

      hwc_count #(
          .COUNT(BEHIND)
      ) behind (
          .clk_i  (clk_i),
          .rst_ni (rst_ni),
          .step_i (step_i && outside_o),
          .clear_i(1'b0),
          .last_o (behind_last)
      );

      always @(posedge clk_i) begin
        if (!rst_ni) outside_q <= 1'b0;
        else if (step_i) outside_q <= outside_q ? !behind_last : map_last;
      end
      assign outside_o = outside_q;
      assign last_o    = outside_q && behind_last;
    end

    if (REST == 0) begin : g_flush
      assign complete_last_o = last_o;
    end else begin : g_rest
      hwc_count #(
          .COUNT(OUT)
      ) positions (
          .clk_i  (clk_i),
          .rst_ni (rst_ni),
          .step_i (step_i && complete_o),
          .clear_i(1'b0),
          .last_o (complete_last_o)
      );
    end

    if (BEGIN == 0 && STRIDE == 1 && REST == 0) begin : g_always
      assign complete_o = 1'b1;
    end else begin : g_until
      // Counts up to a power of two, so that complete_o is its top bit; behind the last position
      // from zero, where it would otherwise find another one.
      localparam integer STOPS = (REST >= STRIDE) ? 1 : 0;
      localparam integer W = $clog2(most(most(BEGIN, STRIDE - 1), (STOPS != 0) ? REST : 0));
      localparam integer FIRST = (1 << W) - BEGIN;
      localparam integer NEXT = (1 << W) - (STRIDE - 1);
      reg [W:0] until_q;

      always @(posedge clk_i) begin
        if (!rst_ni || (step_i && last_o)) until_q <= FIRST[W:0];
        else if (step_i) begin
          if (STOPS != 0 && complete_o && complete_last_o) until_q <= {(W + 1) {1'b0}};
          else if (complete_o) until_q <= NEXT[W:0];
          else until_q <= until_q + {{W{1'b0}}, 1'b1};
        end
      end
      assign complete_o = until_q[W];
    end
  endgenerate

endmodule

`default_nettype wire
