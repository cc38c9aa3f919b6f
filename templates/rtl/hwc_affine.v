// SPDX-License-Identifier: Apache-2.0
// hwc_affine: a scale and an offset for each channel; or, channel by channel, a sum over a window.
//
//   acc_o lane k = b + sum over TAPS steps of w * x_i lane k
//   b of channel (sum modulo WORDS) * LANES + k
//
// FAMILY  see hwc_mac.  DSP: 1 one hwc_mac a lane, 0 hwc_mul_lut.  LANES.
// X_W, W_W, ACC_W: bits; weights and accumulators are signed, inputs as X_SIGNED says.
// Weights: a hwc_rom of WORDS*TAPS words of LANES*W_W bits, one a step (WFILE, WSTYLE, WCOLUMNS, WROM, WMAP).
// Offsets: a hwc_rom in logic of WORDS words of LANES*ACC_W bits, one a sum (BCOLUMNS, BROM, BMAP).
// x_i comes one clock after issue_i.  Latency 3, from the last x_i of a sum.

`default_nettype none

module hwc_affine #(
    parameter integer FAMILY   = 0,
    parameter integer DSP      = 1,
    parameter integer LANES    = 1,
    parameter integer X_W      = 8,    // bits
    parameter integer X_SIGNED = 1,
    parameter integer W_W      = 8,    // bits
    parameter integer ACC_W    = 24,   // bits, at most 48
    parameter integer WORDS    = 4,
    parameter integer TAPS     = 1,
    parameter         WFILE    = "",
    parameter integer WSTYLE   = 0,
    parameter integer WCOLUMNS = 0,
    parameter [WCOLUMNS*WORDS*TAPS:0] WROM = 0,
    parameter [16*LANES*W_W-1:0] WMAP = 0,
    parameter integer BCOLUMNS = 0,
    parameter [BCOLUMNS*WORDS:0] BROM = 0,
    parameter [16*LANES*ACC_W-1:0] BMAP = 0
) (
    input  wire                   clk_i,
    input  wire                   rst_ni,
    input  wire                   issue_i,
    input  wire [  LANES*X_W-1:0] x_i,
    output wire                   valid_o,
    output wire [LANES*ACC_W-1:0] acc_o
);

  localparam integer PC_W = (FAMILY == 5) ? 58 : 48;  // bits of a cascade
  localparam integer XE = X_W + ((X_SIGNED != 0) ? 0 : 1);  // a signed input
  localparam integer WEIGHT_FIRST = (W_W > XE) ? 1 : 0;  // the wider operand goes to port A
  localparam integer A_W = (WEIGHT_FIRST != 0) ? W_W : XE;
  localparam integer B_W = (WEIGHT_FIRST != 0) ? XE : W_W;
  localparam integer P_W = X_W + W_W;
  localparam integer STEPS = WORDS * TAPS;
  localparam integer STEP_W = (STEPS > 1) ? $clog2(STEPS) : 1;
  localparam integer SUM_W = (WORDS > 1) ? $clog2(WORDS) : 1;

  generate
    if (LANES < 1 || X_W < 1 || W_W < 1 || WORDS < 1 || TAPS < 1) begin : g_bad
      hwc_error_bad_shape error ();
    end
    if (DSP < 0 || DSP > 1) begin : g_bad_dsp
      hwc_error_bad_DSP error ();
    end
    if (ACC_W < 1 || ACC_W > 48) begin : g_bad_acc
      hwc_error_bad_ACC_W error ();
    end
  endgenerate

  wire [4:0] live;
  wire [STEP_W-1:0] step;
  wire [SUM_W-1:0] sum, sum_late;
  wire first_late;  // the first step of a sum, beside its offset
  wire [LANES*W_W-1:0] weights;
  wire [LANES*ACC_W-1:0] biases;

  hwc_live #(
      .STAGES(4)
  ) lives (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .live_i(issue_i),
      .live_o(live)
  );

  generate
    if (TAPS == 1) begin : g_each
      wire unused_live = &{1'b0, live};
      assign valid_o    = live[4];
      assign first_late = 1'b1;
      assign sum        = step;
    end else begin : g_sums
      reg first_q;
      wire last;
      wire [4:0] ends;
      wire unused_live = &{1'b0, live, ends};

      hwc_count #(
          .COUNT(TAPS)
      ) taps (
          .clk_i  (clk_i),
          .rst_ni (rst_ni),
          .step_i (issue_i),
          .clear_i(1'b0),
          .last_o (last)
      );

      hwc_live #(
          .STAGES(4)
      ) sums (
          .clk_i (clk_i),
          .rst_ni(rst_ni),
          .live_i(issue_i && last),
          .live_o(ends)
      );

      hwc_address #(
          .DEPTH(WORDS)
      ) offsets (
          .clk_i (clk_i),
          .rst_ni(rst_ni),
          .step_i(issue_i && last),
          .addr_o(sum)
      );

      hwc_delay #(
          .WIDTH (1),
          .CYCLES((DSP != 0) ? 2 : 3)
      ) first (
          .clk_i (clk_i),
          .rst_ni(rst_ni),
          .d_i   (first_q),
          .q_o   (first_late)
      );

      always @(posedge clk_i) begin
        if (!rst_ni) first_q <= 1'b1;
        else if (issue_i) first_q <= last;
      end
      assign valid_o = ends[4];
    end
  endgenerate

  hwc_address #(
      .DEPTH(STEPS)
  ) addresses (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .step_i(issue_i),
      .addr_o(step)
  );

  hwc_rom #(
      .FAMILY (FAMILY),
      .WIDTH  (LANES * W_W),
      .DEPTH  (STEPS),
      .FILE   (WFILE),
      .STYLE  (WSTYLE),
      .COLUMNS(WCOLUMNS),
      .ROM    (WROM),
      .MAP    (WMAP)
  ) weight (
      .clk_i (clk_i),
      .addr_i(step),
      .data_o(weights)
  );

  // The offset is added one clock after (DSP: C) or two clocks after (logic) the operands.
  hwc_delay #(
      .WIDTH (SUM_W),
      .CYCLES((DSP != 0) ? 1 : 2)
  ) late (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .d_i   (sum),
      .q_o   (sum_late)
  );

  hwc_rom #(
      .FAMILY (FAMILY),
      .WIDTH  (LANES * ACC_W),
      .DEPTH  (WORDS),
      .COLUMNS(BCOLUMNS),
      .ROM    (BROM),
      .MAP    (BMAP)
  ) offset (
      .clk_i (clk_i),
      .addr_i(sum_late),
      .data_o(biases)
  );

  genvar k;
  generate
    for (k = 0; k < LANES; k = k + 1) begin : g_lane
      wire [  X_W-1:0] x = x_i[k*X_W+:X_W];
      wire [  W_W-1:0] w = weights[k*W_W+:W_W];
      wire [ACC_W-1:0] b = biases[k*ACC_W+:ACC_W];

      if (DSP != 0) begin : g_dsp
        wire [ XE-1:0] x_signed;
        wire [A_W-1:0] port_a;
        wire [B_W-1:0] port_b;
        wire [   47:0] c;
        wire [PC_W-1:0] unused_pcout;

        if (X_SIGNED != 0) begin : g_signed
          assign x_signed = x;
        end else begin : g_unsigned
          assign x_signed = {1'b0, x};
        end

        if (WEIGHT_FIRST != 0) begin : g_weight_first
          assign port_a = w;
          assign port_b = x_signed;
        end else begin : g_x_first
          assign port_a = x_signed;
          assign port_b = w;
        end

        if (ACC_W < 48) begin : g_extend
          assign c = {{(48 - ACC_W) {b[ACC_W-1]}}, b};
        end else begin : g_exact
          assign c = b;
        end

        hwc_mac #(
            .FAMILY(FAMILY),
            .A_W   (A_W),
            .B_W   (B_W),
            .CAS   (0),
            .ACC   ((TAPS > 1) ? 1 : 0),
            .BIAS  (1),
            .P_W   (ACC_W)
        ) mac (
            .clk_i  (clk_i),
            .a_i    (port_a),
            .b_i    (port_b),
            .c_i    (c),
            .first_i(first_late),
            .en_i   ((TAPS == 1) || live[3]),
            .pcin_i ({PC_W{1'b0}}),
            .p_o    (acc_o[k*ACC_W+:ACC_W]),
            .pcout_o(unused_pcout)
        );
      end else begin : g_logic
        wire [P_W-1:0] product;
        reg  [ACC_W-1:0] acc_q;

        hwc_mul_lut #(
            .A_W     (X_W),
            .A_SIGNED(X_SIGNED),
            .B_W     (W_W),
            .B_SIGNED(1)
        ) mul (
            .clk_i(clk_i),
            .a_i  (x),
            .b_i  (w),
            .p_o  (product)
        );

        wire [ACC_W-1:0] term;

        if (ACC_W > P_W) begin : g_wide
          assign term = {{(ACC_W - P_W) {product[P_W-1]}}, product};
        end else begin : g_low
          wire unused_high = &{1'b0, product};
          assign term = product[ACC_W-1:0];
        end

        always @(posedge clk_i)
          if (TAPS == 1 || live[3]) acc_q <= term + ((TAPS == 1 || first_late) ? b : acc_q);

        assign acc_o[k*ACC_W+:ACC_W] = acc_q;
      end
    end
  endgenerate

endmodule

`default_nettype wire
