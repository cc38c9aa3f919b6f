// SPDX-License-Identifier: Apache-2.0
// hwc_row_dsp: one output of a layer with reuse 1, one DSP block for each non-zero weight.
//
//   acc_o = sum over t of weight[t] * x[index[t]] + BIAS
//
// FAMILY  see hwc_mac.  N: inputs.  X_W, W_W, ACC_W: bits; weights are signed.
// TERMS   non-zero weights, >= 0.  LIST: entry t is {index[15:0], weight[W_W-1:0]}, entry 0 low.
// SEGMENT slots at most in a cascade.  LEVELS >= clog2(ceil(TERMS / SEGMENT)) of the adder tree.
// taps_i  tap k = all N inputs, k clocks ago (hwc_taps, shared by the rows of a layer).
//
// Term t is slot t % SEGMENT of cascade t / SEGMENT; slot j reads tap j.  A short last cascade
// uses the last slots.  Latency 3 + (SEGMENT - 1) + LEVELS, from tap 0.
// rst_ni is not used: every module that a generated top instantiates has it.

`default_nettype none

module hwc_row_dsp #(
    parameter integer FAMILY = 0,
    parameter integer N = 1,
    parameter integer X_W = 8,  // bits
    parameter integer X_SIGNED = 1,
    parameter integer W_W = 8,  // bits
    parameter integer TERMS = 1,
    parameter [((TERMS>0)?TERMS:1)*(16+W_W)-1:0] LIST = 0,
    parameter integer SEGMENT = 1,
    parameter integer LEVELS = 0,
    parameter integer ACC_W = 24,  // bits, at most 48
    parameter signed [ACC_W-1:0] BIAS = 0
) (
    // verilator lint_off UNUSEDSIGNAL
    input  wire                       clk_i,
    input  wire                       rst_ni,
    input  wire [SEGMENT*N*X_W-1:0]   taps_i,
    // verilator lint_on UNUSEDSIGNAL
    output wire [          ACC_W-1:0] acc_o
);

  localparam integer G = (TERMS + SEGMENT - 1) / SEGMENT;  // cascades
  localparam integer SKIP = G * SEGMENT - TERMS;  // slots that the last cascade lacks
  localparam integer PC_W = (FAMILY == 5) ? 58 : 48;  // bits of a cascade
  localparam integer XE = X_W + ((X_SIGNED != 0) ? 0 : 1);  // a signed input
  localparam integer WEIGHT_FIRST = (W_W > XE) ? 1 : 0;  // the wider operand goes to port A
  localparam integer A_W = (WEIGHT_FIRST != 0) ? W_W : XE;
  localparam integer B_W = (WEIGHT_FIRST != 0) ? XE : W_W;
  localparam integer E_W = 16 + W_W;
  localparam [47:0] BIAS_48 = {{(48 - ACC_W) {BIAS[ACC_W-1]}}, BIAS};

  genvar g, j;
  generate
    if (N < 1 || X_W < 1 || W_W < 1 || TERMS < 0 || SEGMENT < 1) begin : g_bad
      hwc_error_bad_shape error ();
    end
    if (ACC_W < 1 || ACC_W > 48) begin : g_bad_acc
      hwc_error_bad_ACC_W error ();
    end

    if (TERMS == 0) begin : g_constant
      assign acc_o = BIAS;
    end else begin : g_terms
      wire [G*ACC_W-1:0] sums;

      for (g = 0; g < G; g = g + 1) begin : g_cascade
        localparam integer BEGIN = (g == G - 1) ? SKIP : 0;
        // verilator lint_off UNUSEDSIGNAL
        wire [PC_W-1:0] chain[0:SEGMENT-1];  // pcout of each slot
        // verilator lint_on UNUSEDSIGNAL

        for (j = BEGIN; j < SEGMENT; j = j + 1) begin : g_slot
          localparam integer TERM = g * SEGMENT + j - BEGIN;
          localparam [E_W-1:0] ENTRY = LIST[TERM*E_W+:E_W];
          localparam integer INDEX = {16'd0, ENTRY[E_W-1:W_W]};
          localparam integer AT = (j * N + INDEX) * X_W;
          wire [X_W-1:0] x = taps_i[AT+:X_W];
          wire [W_W-1:0] weight = ENTRY[W_W-1:0];
          wire [XE-1:0] x_signed;
          wire [A_W-1:0] a;
          wire [B_W-1:0] b;
          wire [PC_W-1:0] pcin;
          // verilator lint_off UNUSEDSIGNAL
          wire [ACC_W-1:0] sum;  // of the last slot is read
          // verilator lint_on UNUSEDSIGNAL

          if (X_SIGNED != 0) begin : g_signed
            assign x_signed = x;
          end else begin : g_unsigned
            assign x_signed = {1'b0, x};
          end

          if (WEIGHT_FIRST != 0) begin : g_weight_first
            assign a = weight;
            assign b = x_signed;
          end else begin : g_x_first
            assign a = x_signed;
            assign b = weight;
          end

          if (j == BEGIN) begin : g_begin
            assign pcin = {PC_W{1'b0}};
          end else begin : g_link
            assign pcin = chain[j-1];
          end

          hwc_mac #(
              .FAMILY(FAMILY),
              .A_W   (A_W),
              .B_W   (B_W),
              .CAS   ((j == BEGIN) ? 0 : 1),
              .ACC   (0),
              .BIAS  ((TERM == 0) ? 1 : 0),
              .P_W   (ACC_W)
          ) mac (
              .clk_i  (clk_i),
              .a_i    (a),
              .b_i    (b),
              .c_i    (BIAS_48),
              .first_i(1'b1),
              .en_i   (1'b1),
              .pcin_i (pcin),
              .p_o    (sum),
              .pcout_o(chain[j])
          );

          if (j == SEGMENT - 1) begin : g_sum
            assign sums[g*ACC_W+:ACC_W] = sum;
          end
        end
        for (j = 0; j < BEGIN; j = j + 1) begin : g_absent
          assign chain[j] = {PC_W{1'b0}};
        end
      end

      hwc_tree #(
          .COUNT (G),
          .IN_W  (ACC_W),
          .OUT_W (ACC_W),
          .LEVELS(LEVELS)
      ) tree (
          .clk_i (clk_i),
          .rst_ni(rst_ni),
          .d_i  (sums),
          .q_o  (acc_o)
      );
    end
  endgenerate

endmodule

`default_nettype wire
