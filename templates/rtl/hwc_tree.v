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

  function integer start(input integer level);  // first bit of a level on the bus
    integer k;
    begin
      start = 0;
      for (k = 0; k < level; k = k + 1) start = start + count(k) * width(k);
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

  wire [start(SUMS+1)-1:0] bus;  // all levels, level 0 low

  genvar i, level;
  generate
    for (i = 0; i < COUNT; i = i + 1) begin : g_in
      if (IN_W <= OUT_W) begin : g_all
        assign bus[i*IN_W+:IN_W] = d_i[i*IN_W+:IN_W];
      end else begin : g_low
        wire unused_high = &{1'b0, d_i[i*IN_W+OUT_W+:IN_W-OUT_W]};
        assign bus[i*OUT_W+:OUT_W] = d_i[i*IN_W+:OUT_W];
      end
    end

    for (level = 1; level <= SUMS; level = level + 1) begin : g_level
      localparam integer FROM_W = width(level - 1);
      localparam integer TO_W = width(level);
      for (i = 0; i < count(level); i = i + 1) begin : g_node
        wire [FROM_W-1:0] a = bus[start(level-1)+2*i*FROM_W+:FROM_W];
        reg [TO_W-1:0] sum_q;
        if (2 * i + 1 < count(level - 1)) begin : g_add
          wire [FROM_W-1:0] b = bus[start(level-1)+(2*i+1)*FROM_W+:FROM_W];
          if (TO_W > FROM_W) begin : g_grow
            always @(posedge clk_i) sum_q <= {a[FROM_W-1], a} + {b[FROM_W-1], b};
          end else begin : g_keep
            always @(posedge clk_i) sum_q <= a + b;
          end
        end else if (TO_W > FROM_W) begin : g_extend
          always @(posedge clk_i) sum_q <= {a[FROM_W-1], a};
        end else begin : g_pass
          always @(posedge clk_i) sum_q <= a;
        end
        assign bus[start(level)+i*TO_W+:TO_W] = sum_q;
      end
    end
  endgenerate

  localparam integer SUM_W = width(SUMS);
  wire [SUM_W-1:0] sum;

  hwc_delay #(
      .WIDTH (SUM_W),
      .CYCLES(LEVELS - SUMS)
  ) excess (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .d_i  (bus[start(SUMS)+:SUM_W]),
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
