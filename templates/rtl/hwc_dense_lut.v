// SPDX-License-Identifier: Apache-2.0
// hwc_dense_lut: folded matrix-vector product in logic, PE rows by SIMD columns a step.
//
//   acc[r*PE + p] = sum over c, i of W[r*PE + p][c*SIMD + i] * x[c*SIMD + i] + b[r*PE + p]
//
// FAMILY  see hwc_rom_logic.
// X_W, W_W, ACC_W: bits of an input, a weight, an accumulator; weights and accumulators are
// signed, inputs as X_SIGNED says.  CF column steps for each of RF row steps.
// LEVELS  >= clog2(SIMD), of the adder tree.
// Weights: a hwc_rom of RF*CF words, element p*SIMD + i (WFILE, WSTYLE, WCOLUMNS, WROM, WMAP).
// Biases: a hwc_rom in logic of RF words of PE*ACC_W bits (BCOLUMNS, BROM, BMAP).
//
// x_i comes one clock after issue_i.  Latency 2 + LEVELS + 1, from x_i.

`default_nettype none

module hwc_dense_lut #(
    parameter integer FAMILY   = 0,
    parameter integer PE       = 1,
    parameter integer SIMD     = 1,
    parameter integer X_W      = 4,    // bits
    parameter integer X_SIGNED = 1,
    parameter integer W_W      = 4,    // bits
    parameter integer ACC_W    = 16,   // bits
    parameter integer CF       = 4,
    parameter integer RF       = 4,
    parameter integer LEVELS   = 0,
    parameter         WFILE    = "",
    parameter integer WSTYLE   = 0,
    parameter integer WCOLUMNS = 0,
    parameter [WCOLUMNS*RF*CF:0] WROM = 0,
    parameter [16*PE*SIMD*W_W-1:0] WMAP = 0,
    parameter integer BCOLUMNS = 0,
    parameter [BCOLUMNS*RF:0] BROM = 0,
    parameter [16*PE*ACC_W-1:0] BMAP = 0
) (
    input  wire                clk_i,
    input  wire                rst_ni,
    input  wire                issue_i,
    input  wire [SIMD*X_W-1:0] x_i,
    output wire                valid_o,
    output wire [PE*ACC_W-1:0] acc_o
);

  localparam integer STEPS = RF * CF;
  localparam integer STEP_W = (STEPS > 1) ? $clog2(STEPS) : 1;
  localparam integer ROW_W = (RF > 1) ? $clog2(RF) : 1;
  localparam integer P_W = X_W + W_W;
  localparam integer LIVES = LEVELS + 3;  // tap at which the sum of a step leaves the tree

  generate
    if (PE < 1 || SIMD < 1 || X_W < 1 || W_W < 1 || ACC_W < 1 || CF < 1 || RF < 1) begin : g_bad
      hwc_error_bad_shape error ();
    end
  endgenerate

  // Control.  Tap k of a line is k clocks after issue; x is there at tap 1.
  wire [LIVES:0] live;  // a step is here
  wire row_last;  // the step that is issued is the last one of its row
  wire row_ends;  // the step whose bias is read is the last one of its row
  wire last, first;  // of the step whose sum leaves the tree

  hwc_live #(
      .STAGES(LIVES)
  ) lives (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .live_i(issue_i),
      .live_o(live)
  );

  hwc_count #(
      .COUNT(CF)
  ) columns (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (issue_i),
      .clear_i(1'b0),
      .last_o (row_last)
  );

  hwc_delay #(
      .WIDTH (1),
      .CYCLES(LIVES - 1)
  ) ends (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .d_i  (row_last),
      .q_o  (row_ends)
  );

  hwc_delay #(
      .WIDTH (1),
      .CYCLES(1)
  ) lasts (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .d_i  (row_ends),
      .q_o  (last)
  );

  reg done_q;
  always @(posedge clk_i) done_q <= rst_ni && live[LIVES] && last;
  assign valid_o = done_q;

  generate
    if (CF == 1) begin : g_flat
      assign first = 1'b1;
    end else begin : g_folded
      reg first_q;  // the row before is complete
      always @(posedge clk_i) begin
        if (!rst_ni) first_q <= 1'b1;
        else if (live[LIVES]) first_q <= last;
      end
      assign first = first_q;
    end
  endgenerate

  // Weights and biases.
  wire [STEP_W-1:0] step;
  wire [ROW_W-1:0] row;
  wire [PE*SIMD*W_W-1:0] weights;
  wire [PE*ACC_W-1:0] biases;

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
      .WIDTH  (PE * SIMD * W_W),
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

  hwc_address #(
      .DEPTH(RF)
  ) rows (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .step_i(live[LIVES-1] && row_ends),
      .addr_o(row)
  );

  hwc_rom #(
      .FAMILY (FAMILY),
      .WIDTH  (PE * ACC_W),
      .DEPTH  (RF),
      .COLUMNS(BCOLUMNS),
      .ROM    (BROM),
      .MAP    (BMAP)
  ) bias (
      .clk_i (clk_i),
      .addr_i(row),
      .data_o(biases)
  );

  genvar p, i;
  generate
    for (p = 0; p < PE; p = p + 1) begin : g_row
      wire [SIMD*P_W-1:0] products;
      wire [ACC_W-1:0] sum;
      reg [ACC_W-1:0] acc_q;
      wire [ACC_W-1:0] onto = first ? biases[p*ACC_W+:ACC_W] : acc_q;

      for (i = 0; i < SIMD; i = i + 1) begin : g_column
        hwc_mul_lut #(
            .A_W     (X_W),
            .A_SIGNED(X_SIGNED),
            .B_W     (W_W),
            .B_SIGNED(1)
        ) mul (
            .clk_i(clk_i),
            .a_i  (x_i[i*X_W+:X_W]),
            .b_i  (weights[(p*SIMD+i)*W_W+:W_W]),
            .p_o  (products[i*P_W+:P_W])
        );
      end

      hwc_tree #(
          .COUNT (SIMD),
          .IN_W  (P_W),
          .OUT_W (ACC_W),
          .LEVELS(LEVELS)
      ) tree (
          .clk_i (clk_i),
          .rst_ni(rst_ni),
          .d_i  (products),
          .q_o  (sum)
      );

      always @(posedge clk_i) if (live[LIVES]) acc_q <= sum + onto;
      assign acc_o[p*ACC_W+:ACC_W] = acc_q;
    end
  endgenerate

endmodule

`default_nettype wire
