// SPDX-License-Identifier: Apache-2.0
// hwc_row_lut: one output of a layer with reuse 1 as a tree of shifted inputs, no multiplier.
//
//   acc_o = BIAS + sum over t of (neg[t] ? ~x[index[t]] : x[index[t]]) * 2^shift[t]
//
// As -x = ~x + 1, BIAS holds the bias plus the 2^shift of every negative term.
//
// N: inputs.  X_W, ACC_W: bits.  TERMS >= 0.
// LIST    entry t is {neg, shift[6:0], index[15:0]}, entry 0 low.  Neighbours are added first.
// LEVELS  >= clog2(TERMS + (BIAS != 0)): BIAS is one more operand unless it is zero.
// Every node of the tree is as wide as the range of its sum needs.  Latency LEVELS.
// rst_ni is not used: every module that a generated top instantiates has it.

`default_nettype none

module hwc_row_lut #(
    parameter integer N = 1,
    parameter integer X_W = 8,  // bits
    parameter integer X_SIGNED = 1,
    parameter integer TERMS = 1,
    parameter [((TERMS>0)?TERMS:1)*24-1:0] LIST = 0,
    parameter integer LEVELS = 0,
    parameter integer ACC_W = 16,  // bits, at most 62
    parameter signed [ACC_W-1:0] BIAS = 0
) (
    // verilator lint_off UNUSEDSIGNAL
    input  wire             clk_i,
    input  wire             rst_ni,
    input  wire [N*X_W-1:0] x_i,
    // verilator lint_on UNUSEDSIGNAL
    output wire [ACC_W-1:0] acc_o
);

  localparam integer LEAVES = TERMS + ((BIAS != 0) ? 1 : 0);
  localparam integer SUMS = (LEAVES > 1) ? $clog2(LEAVES) : 0;  // levels that add

  function integer count(input integer level);  // nodes of a level
    count = (LEAVES + (1 << level) - 1) >> level;
  endfunction

  function integer start(input integer level);  // nodes of the levels before
    integer k;
    begin
      start = 0;
      for (k = 0; k < level; k = k + 1) start = start + count(k);
    end
  endfunction

  localparam integer NODES = (LEAVES > 0) ? start(SUMS + 1) : 1;
  localparam integer UNIT_BITS = (X_SIGNED != 0) ? X_W - 1 : X_W;

  // {may be negative, bits, at most ACC_W} of each node, from the range of its sum, which is from
  // -neg * 2^UNIT_BITS to below pos * 2^UNIT_BITS.
  // verilator lint_off UNUSEDSIGNAL
  function [NODES*8-1:0] shapes(input integer unused);
    integer k, from, to, left, bits;
    reg [NODES*64-1:0] ranges;
    reg [23:0] entry;
    reg [31:0] size;
    reg [31:0] neg, pos;
    reg signed [63:0] wide;
    begin
      ranges = {NODES * 64{1'b0}};
      for (k = 0; k < TERMS; k = k + 1) begin
        entry = LIST[k*24+:24];
        size  = 32'd1 << entry[22:16];
        neg   = (X_SIGNED != 0 || entry[23]) ? size : 32'd0;
        pos   = (X_SIGNED != 0 || !entry[23]) ? size : 32'd0;
        ranges[k*64+:64] = {neg, pos};
      end
      if (BIAS != 0) begin
        wide = {{(64 - ACC_W) {BIAS[ACC_W-1]}}, BIAS};
        neg  = 32'd0;
        pos  = 32'd0;
        if (BIAS < 0) begin
          wide = ((-wide - 1) >>> UNIT_BITS) + 1;
          neg  = wide[31:0];
        end else begin
          wide = (wide >>> UNIT_BITS) + 1;
          pos  = wide[31:0];
        end
        ranges[(LEAVES-1)*64+:64] = {neg, pos};
      end
      from = 0;
      to   = LEAVES;
      left = LEAVES;
      while (left > 1) begin
        for (k = 0; k < left; k = k + 2) begin
          neg = ranges[(from+k)*64+32+:32];
          pos = ranges[(from+k)*64+:32];
          if (k + 1 < left) begin
            neg = neg + ranges[(from+k+1)*64+32+:32];
            pos = pos + ranges[(from+k+1)*64+:32];
          end
          ranges[to*64+:64] = {neg, pos};
          to = to + 1;
        end
        from = from + left;
        left = (left + 1) / 2;
      end
      for (k = 0; k < NODES; k = k + 1) begin
        neg  = ranges[k*64+32+:32];
        pos  = ranges[k*64+:32];
        bits = UNIT_BITS + ((neg > pos) ? $clog2(neg) : $clog2(pos)) + ((neg != 0) ? 1 : 0);
        if (bits > ACC_W) bits = ACC_W;
        shapes[k*8+:8] = {neg != 0, bits[6:0]};
      end
    end
  endfunction
  // verilator lint_on UNUSEDSIGNAL

  localparam [NODES*8-1:0] SHAPES = shapes(0);

  genvar i, level;
  generate
    if (N < 1 || X_W < 1 || TERMS < 0 || ACC_W < 1 || ACC_W > 62) begin : g_bad
      hwc_error_bad_shape error ();
    end
    if (LEVELS < SUMS) begin : g_bad_levels
      hwc_error_LEVELS_below_clog2_of_operands error ();
    end

    if (LEAVES == 0) begin : g_zero
      assign acc_o = {ACC_W{1'b0}};
    end else begin : g_sum
      // The low bits of each, as SHAPES says, are used.  An array, because as parts of one net (or of one register)
      // the nodes would cost an event simulator a look at the whole tree for every node that changes.
      // verilator lint_off UNUSEDSIGNAL
      wire [ACC_W-1:0] nodes[0:NODES-1];
      // verilator lint_on UNUSEDSIGNAL

      for (i = 0; i < LEAVES; i = i + 1) begin : g_leaf
        if (i < TERMS) begin : g_term
          localparam [23:0] ENTRY = LIST[i*24+:24];
          localparam integer INDEX = {16'd0, ENTRY[15:0]};
          localparam [6:0] SHIFT = ENTRY[22:16];
          wire [X_W-1:0] x = x_i[INDEX*X_W+:X_W] ^ {X_W{ENTRY[23]}};
          wire signed [ACC_W-1:0] wide;  // extended with the sign

          // verilator lint_off WIDTHEXPAND
          if (X_SIGNED != 0) begin : g_signed
            assign wide = $signed(x);
          end else begin : g_unsigned
            assign wide = $signed({ENTRY[23], x});
          end
          // verilator lint_on WIDTHEXPAND
          assign nodes[i] = wide <<< SHIFT;
        end else begin : g_bias
          assign nodes[i] = BIAS;
        end
      end

      for (level = 1; level <= SUMS; level = level + 1) begin : g_level
        localparam integer BEFORE = count(level - 1);
        localparam integer HERE = count(level);
        localparam integer FROM = start(level - 1);
        for (i = 0; i < HERE; i = i + 1) begin : g_node
          localparam integer TO = FROM + BEFORE + i;
          localparam integer A = FROM + 2 * i;
          localparam integer B = (2 * i + 1 < BEFORE) ? A + 1 : A;
          localparam [7:0] SHAPE = SHAPES[TO*8+:8];
          localparam [7:0] A_SHAPE = SHAPES[A*8+:8];
          localparam [7:0] B_SHAPE = SHAPES[B*8+:8];
          localparam integer W = {25'd0, SHAPE[6:0]};
          localparam integer A_W = {25'd0, A_SHAPE[6:0]};
          localparam integer B_W = {25'd0, B_SHAPE[6:0]};
          localparam [0:0] SIGN = SHAPE[7];
          localparam [0:0] A_SIGN = A_SHAPE[7];
          localparam [0:0] B_SIGN = B_SHAPE[7];
          reg [W-1:0] sum_q;

          if (A == B) begin : g_pass
            always @(posedge clk_i) sum_q <= nodes[A][W-1:0];
          end else begin : g_add
            always @(posedge clk_i)
              sum_q <= {{(W - A_W) {A_SIGN & nodes[A][A_W-1]}}, nodes[A][A_W-1:0]} +
                       {{(W - B_W) {B_SIGN & nodes[B][B_W-1]}}, nodes[B][B_W-1:0]};
          end
          assign nodes[TO] = {{(ACC_W - W) {SIGN & sum_q[W-1]}}, sum_q};
        end
      end

      localparam integer ROOT = NODES - 1;
      localparam [7:0] ROOT_SHAPE = SHAPES[ROOT*8+:8];
      localparam integer ROOT_W = {25'd0, ROOT_SHAPE[6:0]};
      wire [ROOT_W-1:0] total, root;

      assign total = nodes[ROOT][ROOT_W-1:0];

      hwc_delay #(
          .WIDTH (ROOT_W),
          .CYCLES(LEVELS - SUMS)
      ) excess (
          .clk_i (clk_i),
          .rst_ni(rst_ni),
          .d_i   (total),
          .q_o   (root)
      );

      if (ROOT_W < ACC_W) begin : g_wide
        wire sign = ROOT_SHAPE[7] && root[ROOT_W-1];
        assign acc_o = {{(ACC_W - ROOT_W) {sign}}, root};
      end else begin : g_exact
        assign acc_o = root;
      end
    end
  endgenerate

endmodule

`default_nettype wire
