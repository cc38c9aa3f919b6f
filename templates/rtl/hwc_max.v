// SPDX-License-Identifier: Apache-2.0
// hwc_max: largest of TAPS codes, lane by lane, as a tree with a register after each level.
//
//   y[l] = max over t of x[t][l]
//
// Tap t, lane l at [(t*LANES + l)*X_W +: X_W] of x_i, lane l at [l*X_W +: X_W] of y_o.
// LANES, TAPS  >= 1.  X_W: bits, signed or not as X_SIGNED says.
// LEVELS >= clog2(TAPS); what is above is delay.  Latency LEVELS; 0 is a wire.

`default_nettype none

module hwc_max #(
    parameter integer LANES    = 1,
    parameter integer TAPS     = 4,
    parameter integer X_W      = 8,  // bits
    parameter integer X_SIGNED = 1,
    parameter integer LEVELS   = 2
) (
    input  wire                      clk_i,
    input  wire                      rst_ni,
    input  wire                      valid_i,
    input  wire [TAPS*LANES*X_W-1:0] x_i,
    output wire                      valid_o,
    output wire [     LANES*X_W-1:0] y_o
);

  localparam integer TREE = $clog2(TAPS);  // levels that compare
  localparam integer Y_W = LANES * X_W;

  generate
    if (LANES < 1 || TAPS < 1 || X_W < 1) begin : g_bad
      hwc_error_bad_LANES_TAPS_or_X_W error ();
    end
    if (LEVELS < TREE) begin : g_bad_levels
      hwc_error_LEVELS_below_clog2_TAPS error ();
    end
  endgenerate

  function integer count(input integer level);  // vectors after a level
    count = (TAPS + (1 << level) - 1) >> level;
  endfunction

  function integer start(input integer level);  // first vector of a level, from level 1
    integer i;
    begin
      start = 0;
      for (i = 1; i < level; i = i + 1) start = start + count(i);
    end
  endfunction

  // Ranks order like codes, unsigned: signs change sides.
  function [X_W-1:0] larger(input [X_W-1:0] a, input [X_W-1:0] b);
    reg [X_W-1:0] a_rank, b_rank;
    begin
      a_rank = a;
      b_rank = b;
      if (X_SIGNED != 0) begin
        a_rank[X_W-1] = b[X_W-1];
        b_rank[X_W-1] = a[X_W-1];
      end
      larger = (a_rank > b_rank) ? a : b;
    end
  endfunction

  wire [Y_W-1:0] all;  // the largest of all
  genvar level, node, k;

  generate
    if (TREE == 0) begin : g_single
      assign all = x_i;
    end else begin : g_tree
      // Written and read in clocked blocks only, as in hwc_tree.  Of an odd number another one
      // passes at each level, so that none becomes a shift register in LUTs.
      reg [start(TREE+1)*Y_W-1:0] best_q;
      assign all = best_q[start(TREE)*Y_W+:Y_W];

      for (level = 1; level <= TREE; level = level + 1) begin : g_level
        for (node = 0; node < count(level); node = node + 1) begin : g_node
          localparam integer AT = (start(level) + node) * Y_W;
          localparam integer ODD = count(level - 1) % 2;  // the first one passes, and goes last
          localparam integer PAIR = (ODD == 0 || node < count(level) - 1) ? 1 : 0;
          localparam integer A = (start(level - 1) + ((PAIR != 0) ? 2 * node + ODD : 0)) * Y_W;
          localparam integer B = A + Y_W;

          if (PAIR == 0 && level == 1) begin : g_pass_input
            always @(posedge clk_i) best_q[AT+:Y_W] <= x_i[A+:Y_W];
          end else if (PAIR == 0) begin : g_pass
            always @(posedge clk_i) best_q[AT+:Y_W] <= best_q[A+:Y_W];
          end else begin : g_pair
            for (k = 0; k < LANES * X_W; k = k + X_W) begin : g_lane
              if (level == 1) begin : g_inputs
                always @(posedge clk_i) best_q[AT+k+:X_W] <= larger(x_i[A+k+:X_W], x_i[B+k+:X_W]);
              end else begin : g_nodes
                always @(posedge clk_i)
                  best_q[AT+k+:X_W] <= larger(best_q[A+k+:X_W], best_q[B+k+:X_W]);
              end
            end
          end
        end
      end
    end
  endgenerate

  hwc_delay #(
      .WIDTH (Y_W),
      .CYCLES(LEVELS - TREE)
  ) excess (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .d_i   (all),
      .q_o   (y_o)
  );

  hwc_valid #(
      .CYCLES(LEVELS)
  ) valid (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .valid_i(valid_i),
      .valid_o(valid_o)
  );

endmodule

`default_nettype wire
