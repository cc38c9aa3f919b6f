// SPDX-License-Identifier: Apache-2.0
// hwc_tree: sum of COUNT signed numbers, a register after each level of additions.
//
//   q_o = d[0] + d[1] + .. + d[COUNT-1]   modulo 2^OUT_W
//
// COUNT >= 1.  IN_W, OUT_W: bits; a level is one bit wider than the one before, up to OUT_W.
// LEVELS >= clog2(COUNT); what is above is delay.  Latency LEVELS.
// rst_ni is not used, but by hwc_delay's interface.

`default_nettype none

module hwc_tree #(
    parameter integer COUNT  = 4,
    parameter integer IN_W   = 8,   // bits
    parameter integer OUT_W  = 10,  // bits
    parameter integer LEVELS = 2
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    input  wire [COUNT*IN_W-1:0] d_i,
    output wire [     OUT_W-1:0] q_o
);

  localparam integer SUMS = $clog2(COUNT);  // levels that add

  function integer count(input integer level);  // numbers after a level
    count = (COUNT + (1 << level) - 1) >> level;
  endfunction

  function integer width(input integer level);  // bits of each
    width = (IN_W + level < OUT_W) ? IN_W + level : OUT_W;
  endfunction

  function integer start(input integer level);  // first bit of the sums of a level, from level 1
    integer k;
    begin
      start = 0;
      for (k = 1; k < level; k = k + 1) start = start + count(k) * width(k);
    end
  endfunction

  generate
    if (COUNT < 1 || IN_W < 1 || OUT_W < 1) begin : g_bad
      hwc_error_bad_COUNT_or_width error ();
    end
    if (LEVELS < SUMS) begin : g_bad_levels
      hwc_error_LEVELS_below_clog2_COUNT error ();
    end
  endgenerate

  localparam integer SUM_W = width(SUMS);
  wire [SUM_W-1:0] all;  // the sum of all

  genvar i, level;
  generate
    if (SUMS == 0) begin : g_single
      wire unused_high = &{1'b0, d_i};
      assign all = d_i[SUM_W-1:0];
    end else begin : g_tree
      // Written and read in clocked blocks only: as nets, the nodes would cost Icarus a look at
      // the whole tree for every node that changes.
      reg [start(SUMS+1)-1:0] sums_q;
      assign all = sums_q[start(SUMS)+:SUM_W];

      for (level = 1; level <= SUMS; level = level + 1) begin : g_level
        localparam integer A_W = width(level - 1);
        localparam integer W = width(level);
        localparam integer GROW = W - A_W;  // 1, or 0 at the full width
        for (i = 0; i < count(level); i = i + 1) begin : g_node
          localparam integer AT = start(level) + i * W;
          localparam integer A = 2 * i * ((level == 1) ? IN_W : A_W);
          localparam integer B = A + ((level == 1) ? IN_W : A_W);
          localparam integer FROM = start(level - 1);

          if (level == 1 && 2 * i + 1 < COUNT) begin : g_add_inputs
            always @(posedge clk_i)
              sums_q[AT+:W] <= {{GROW{d_i[A+A_W-1]}}, d_i[A+:A_W]} +
                               {{GROW{d_i[B+A_W-1]}}, d_i[B+:A_W]};
          end else if (level == 1) begin : g_pass_input
            always @(posedge clk_i) sums_q[AT+:W] <= {{GROW{d_i[A+A_W-1]}}, d_i[A+:A_W]};
          end else if (2 * i + 1 < count(level - 1)) begin : g_add
            always @(posedge clk_i)
              sums_q[AT+:W] <= {{GROW{sums_q[FROM+A+A_W-1]}}, sums_q[FROM+A+:A_W]} +
                               {{GROW{sums_q[FROM+B+A_W-1]}}, sums_q[FROM+B+:A_W]};
          end else begin : g_pass
            always @(posedge clk_i)
              sums_q[AT+:W] <= {{GROW{sums_q[FROM+A+A_W-1]}}, sums_q[FROM+A+:A_W]};
          end
        end
      end
      wire unused_inputs = &{1'b0, d_i};
    end
  endgenerate

  wire [SUM_W-1:0] sum;

  hwc_delay #(
      .WIDTH (SUM_W),
      .CYCLES(LEVELS - SUMS)
  ) excess (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .d_i  (all),
      .q_o  (sum)
  );

  generate
    if (SUM_W < OUT_W) begin : g_wide
      assign q_o = {{(OUT_W - SUM_W) {sum[SUM_W-1]}}, sum};
    end else begin : g_same
      assign q_o = sum;
    end
  endgenerate

endmodule

`default_nettype wire
