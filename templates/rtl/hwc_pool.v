// SPDX-License-Identifier: Apache-2.0
// hwc_pool: largest element or sum of the taps of a window, group by group, lane by lane.
//
//   y[g] = max or sum over t of x[t][g]; a frame is TAPS times GROUPS inputs, groups the fastest
//
// SUM     0: maximum, Y_W = X_W bits, signed or not as X_SIGNED says; 1: sum, Y_W bits signed, wide
//         enough for TAPS inputs.  LANES: lane k at [k*X_W +: X_W] and [k*Y_W +: Y_W].
// GROUPS  1: accumulators are the output registers; else they lie in a hwc_ram of this STYLE, and
//         each input fetches the one of the next group, which was written before it.
//
// valid_o is high for the GROUPS results of a frame.  Latency 1.

`default_nettype none

module hwc_pool #(
    parameter integer LANES    = 1,
    parameter integer X_W      = 8,  // bits
    parameter integer X_SIGNED = 1,
    parameter integer Y_W      = 8,  // bits
    parameter integer SUM      = 0,
    parameter integer GROUPS   = 1,
    parameter integer TAPS     = 4,
    parameter integer STYLE    = 1
) (
    input  wire                 clk_i,
    input  wire                 rst_ni,
    input  wire                 valid_i,
    input  wire [LANES*X_W-1:0] x_i,
    output wire                 valid_o,
    output wire [LANES*Y_W-1:0] y_o
);

  localparam integer SUM_LEAST = X_W + ((X_SIGNED != 0) ? 0 : 1);

  generate
    if (LANES < 1 || X_W < 1 || TAPS < 1 || GROUPS < 1) begin : g_bad
      hwc_error_bad_LANES_X_W_TAPS_or_GROUPS error ();
    end
    if ((SUM == 0) ? Y_W != X_W : Y_W < SUM_LEAST) begin : g_bad_width
      hwc_error_bad_Y_W error ();
    end
  endgenerate

  reg [LANES*Y_W-1:0] y_q, result;
  wire [LANES*Y_W-1:0] old;  // of the group of x_i; any at its first tap
  wire first, last, group_last;
  reg valid_q;
  integer k;

  generate
    if (TAPS == 1) begin : g_one_tap
      wire unused_last = &{1'b0, group_last};
      assign first = 1'b1;
      assign last  = 1'b1;
    end else begin : g_taps
      reg first_q;
      always @(posedge clk_i) begin
        if (!rst_ni) first_q <= 1'b1;
        else if (valid_i && group_last) first_q <= last;
      end
      assign first = first_q;

      hwc_count #(
          .COUNT(TAPS)
      ) taps (
          .clk_i  (clk_i),
          .rst_ni (rst_ni),
          .step_i (valid_i && group_last),
          .clear_i(1'b0),
          .last_o (last)
      );
    end

    if (GROUPS == 1 || TAPS == 1) begin : g_register
      assign group_last = 1'b1;
      assign old        = y_q;
    end else begin : g_memory
      localparam integer G_W = $clog2(GROUPS);
      localparam integer LAST = GROUPS - 1;
      reg  [G_W-1:0] group_q;
      wire [G_W-1:0] next = group_last ? {G_W{1'b0}} : group_q + {{(G_W - 1) {1'b0}}, 1'b1};

      always @(posedge clk_i) begin
        if (!rst_ni) group_q <= {G_W{1'b0}};
        else if (valid_i) group_q <= next;
      end
      assign group_last = group_q == LAST[G_W-1:0];

      hwc_ram #(
          .WIDTH(LANES * Y_W),
          .DEPTH(GROUPS),
          .STYLE(STYLE)
      ) ram (
          .clk_i  (clk_i),
          .we_i   (valid_i),
          .waddr_i(group_q),
          .wdata_i(result),
          .re_i   (valid_i),
          .raddr_i(next),
          .rdata_o(old)
      );
    end

    if (SUM == 0) begin : g_max
      reg [X_W-1:0] x, y, x_rank, y_rank;  // ranks order like codes, unsigned: signs change sides
      always @* begin
        for (k = 0; k < LANES; k = k + 1) begin
          x = x_i[k*X_W+:X_W];
          y = old[k*X_W+:X_W];
          x_rank = x;
          y_rank = y;
          if (X_SIGNED != 0) begin
            x_rank[X_W-1] = y[X_W-1];
            y_rank[X_W-1] = x[X_W-1];
          end
          result[k*X_W+:X_W] = (first || x_rank > y_rank) ? x : y;
        end
      end
    end else begin : g_sum
      localparam integer MORE = Y_W - X_W;  // bits
      wire [LANES*Y_W-1:0] wide, kept;
      genvar lane;
      for (lane = 0; lane < LANES; lane = lane + 1) begin : g_wide
        if (MORE == 0) begin : g_same
          assign wide[lane*Y_W+:Y_W] = x_i[lane*X_W+:X_W];
        end else begin : g_more
          wire sign = (X_SIGNED != 0) && x_i[lane*X_W+X_W-1];
          assign wide[lane*Y_W+:Y_W] = {{MORE{sign}}, x_i[lane*X_W+:X_W]};
        end
      end
      assign kept = old & {LANES * Y_W{!first}};
      always @*
        for (k = 0; k < LANES; k = k + 1)
          result[k*Y_W+:Y_W] = wide[k*Y_W+:Y_W] + kept[k*Y_W+:Y_W];
    end
  endgenerate

  always @(posedge clk_i) begin
    valid_q <= rst_ni && valid_i && last;
    if (valid_i) y_q <= result;
  end

  assign valid_o = valid_q;
  assign y_o     = y_q;

endmodule

`default_nettype wire
