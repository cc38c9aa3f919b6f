// SPDX-License-Identifier: Apache-2.0
// hwc_mul_lut: product in logic; synthesis sees no `*`, so that no tool puts it into a DSP block.
//
//   p_o = a_i * b_i
//
// A_W, B_W  bits, >= 1.  A_SIGNED, B_SIGNED: two's complement or not.  Latency 2.
// Operands of 6 bits together: a truth table, one LUT6 a bit of p_o.  Wider: rows of conditional
// additions, one for each bit of the shorter operand, cut in the middle by a register: about
// A_W * B_W LUTs.  Simulation multiplies, which event simulators do ten times faster, unless
// ROWS is set; hdl_tests/test_arithmetic.py holds both to the same products.

`default_nettype none

module hwc_mul_lut #(
    parameter integer A_W      = 8,  // bits
    parameter integer A_SIGNED = 1,
    parameter integer B_W      = 8,  // bits
    parameter integer B_SIGNED = 1,
    parameter integer ROWS     = 0
) (
    input  wire               clk_i,
    input  wire [    A_W-1:0] a_i,
    input  wire [    B_W-1:0] b_i,
    output wire [A_W+B_W-1:0] p_o
);

  // The longer operand is added (n), the bits of the shorter one select the rows (m).
  localparam integer SWAP = (A_W < B_W) ? 1 : 0;
  localparam integer N_W = (SWAP != 0) ? B_W : A_W;
  localparam integer M_W = (SWAP != 0) ? A_W : B_W;
  localparam integer N_SIGNED = (SWAP != 0) ? B_SIGNED : A_SIGNED;
  localparam integer M_SIGNED = (SWAP != 0) ? A_SIGNED : B_SIGNED;
  localparam integer P_W = A_W + B_W;

  localparam integer TABLE = (P_W <= 6) ? 1 << P_W : 1;

  // verilator lint_off UNUSEDSIGNAL
  // Bit r: bit c of the product of the operands whose bits together, {n, m}, read r.
  function [TABLE-1:0] column(input integer c);
    integer r, x, y, p, j;
    begin
      for (r = 0; r < TABLE; r = r + 1) begin
        x = r >> M_W;
        y = r - (x << M_W);
        if (N_SIGNED != 0 && x >= (1 << (N_W - 1))) x = x - (1 << N_W);
        if (M_SIGNED != 0 && y >= (1 << (M_W - 1))) y = y - (1 << M_W);
        p = 0;
        for (j = 0; j < 8; j = j + 1) begin  // m has 3 bits at most
          if (j < y) p = p + x;
          if (j < -y) p = p - x;
        end
        p = p >>> c;
        column[r] = p[0];
      end
    end
  endfunction
  // verilator lint_on UNUSEDSIGNAL

  wire [N_W-1:0] n;
  wire [M_W-1:0] m;

  reg  [P_W-1:0] p_q;
  assign p_o = p_q;

  genvar k;
  generate
    if (A_W < 1 || B_W < 1) begin : g_bad
      hwc_error_bad_A_W_or_B_W error ();
    end

    if (SWAP != 0) begin : g_swap
      assign n = b_i;
      assign m = a_i;
    end else begin : g_straight
      assign n = a_i;
      assign m = b_i;
    end

`ifndef SYNTHESIS
    if (ROWS == 0) begin : g_plain
      reg signed [A_W:0] a_q;
      reg signed [B_W:0] b_q;
      // verilator lint_off UNUSEDSIGNAL
      wire signed [P_W+1:0] product = a_q * b_q;
      // verilator lint_on UNUSEDSIGNAL

      always @(posedge clk_i) begin
        a_q <= {(A_SIGNED != 0) && a_i[A_W-1], a_i};
        b_q <= {(B_SIGNED != 0) && b_i[B_W-1], b_i};
        p_q <= product[P_W-1:0];
      end
      wire unused_operands = &{1'b0, n, m};
    end else
`endif
    if (P_W <= 6) begin : g_table
      reg [P_W-1:0] nm_q;

      always @(posedge clk_i) nm_q <= {n, m};

      for (k = 0; k < P_W; k = k + 1) begin : g_bit
        localparam [TABLE-1:0] COLUMN = column(k);
        always @(posedge clk_i) p_q[k] <= COLUMN[nm_q];
      end
    end else begin : g_rows
      localparam integer S_W = N_W + 1;  // a sum of rows
      localparam integer CUT = (M_W + 1) / 2;  // rows before the register
      // Row k leaves a sum worth 2^k; its low bit is bit k of the product, the rest goes on.
      // Signed sums are kept with their sign bit inverted (plus 2^(S_W-1)): so every adder has
      // operands that begin with 0, and Yosys folds the selection of the row into its LUTs.
      localparam [0:0] FLIP = (N_SIGNED != 0);
      localparam [0:0] FLIP_LAST = FLIP && (M_SIGNED == 0);  // a difference has its true sign
      wire [S_W-1:0] sums[0:M_W-1];
      reg [S_W-1:0] half_q;
      // verilator lint_off UNUSEDSIGNAL
      wire [N_W-1:0] n_late;
      wire [M_W-1:0] m_late;
      // verilator lint_on UNUSEDSIGNAL
      wire [N_W:0] high;  // the sum of all rows
      reg [P_W-1:0] product;  // written bit by bit; as a net it would be slow in event simulators
      always @* product[P_W-1:M_W-1] = high;

      always @(posedge clk_i) begin
        half_q <= sums[CUT-1];
        p_q    <= product;
      end

      if (CUT < M_W) begin : g_late
        reg [N_W-1:0] n_q;
        reg [M_W-1:CUT] m_q;
        always @(posedge clk_i) begin
          n_q <= n;
          m_q <= m[M_W-1:CUT];
        end
        assign n_late = n_q;
        assign m_late = {m_q, {CUT{1'b0}}};
        assign high = {sums[M_W-1][S_W-1] ^ FLIP_LAST, sums[M_W-1][N_W-1:0]};
      end else begin : g_early
        assign n_late = {N_W{1'b0}};
        assign m_late = {M_W{1'b0}};
        assign high = {half_q[S_W-1] ^ FLIP_LAST, half_q[N_W-1:0]};
      end

      for (k = 0; k < M_W; k = k + 1) begin : g_row
        wire [N_W-1:0] number = (k < CUT) ? n : n_late;
        wire choose = (k < CUT) ? m[k] : m_late[k];
        // verilator lint_off UNUSEDSIGNAL
        wire [S_W-1:0] row = ({1'b0, number} & {S_W{choose}}) ^ {1'b0, FLIP, {(N_W - 1) {1'b0}}};
        wire [S_W-1:0] onto;
        // verilator lint_on UNUSEDSIGNAL

        if (k == 0) begin : g_none
          assign onto = {1'b0, FLIP, {(N_W - 1) {1'b0}}};
        end else if (k == CUT) begin : g_cut
          assign onto = {1'b0, half_q[S_W-1:1]};
        end else begin : g_chain
          assign onto = {1'b0, sums[k-1][S_W-1:1]};
        end

        if (k == 0 && !(M_SIGNED != 0 && M_W == 1)) begin : g_load
          wire [N_W-1:0] plain = number & {N_W{choose}};
          assign sums[0] = {(plain[N_W-1] & FLIP) ^ FLIP, plain};
        end else if (M_SIGNED != 0 && k == M_W - 1) begin : g_minus
          assign sums[k] = onto - row;
        end else begin : g_plus
          assign sums[k] = onto + row;
        end

        if (k < M_W - 1) begin : g_bit
          wire low;
          always @* product[k] = low;

          if (k < CUT - 1) begin : g_late
            reg low_q;
            always @(posedge clk_i) low_q <= sums[k][0];
            assign low = low_q;
          end else if (k == CUT - 1) begin : g_cut
            assign low = half_q[0];
          end else begin : g_now
            assign low = sums[k][0];
          end
        end
      end
    end
  endgenerate

endmodule

`default_nettype wire
