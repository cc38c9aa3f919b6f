// SPDX-License-Identifier: Apache-2.0
// hwc_dense_dsp: folded matrix-vector product on DSP blocks, PE rows by SIMD columns a step.
//
//   acc[r*PE + p] = sum over c, i of W[r*PE + p][c*SIMD + i] * x[c*SIMD + i] + b[r*PE + p]
//
// FAMILY  see hwc_mac.  X_W, W_W, ACC_W: bits of an input, a weight, an accumulator; weights and
// accumulators are signed, inputs as X_SIGNED says.  CF column steps for each of RF row steps.
// SEGMENT slots at most in a cascade.  LEVELS >= clog2(cascades of a row) of the adder tree.
// FABRIC_ACC 1: accumulate in logic after the tree (F = 1 clock), as DSP48E1 must if CF and S > 1.
// Weights: bank j is a hwc_rom of RF*CF words with STYLE = WSTYLE, FILE = WFILE_s<j>, COLUMNS = WCOLUMNS
// and the j-th part of WROM and WMAP; a slot that the last cascade lacks has no weights of it.
// Biases: a hwc_rom in logic of RF words of PE*ACC_W bits (BCOLUMNS, BROM, BMAP).
//
// Each row has G = ceil(SIMD / S) cascades of S = min(SEGMENT, SIMD) slots; slot j works j clocks
// after slot 0 and has a weight bank of its own.  A short last cascade uses the last slots.  The
// last slot accumulates over the CF steps.  The bias enters slot 0 of cascade 0.
//
// x_i comes one clock after issue_i.  Latency 3 + (S - 1) + F + LEVELS, from x_i.

`default_nettype none

module hwc_dense_dsp #(
    parameter integer FAMILY   = 0,
    parameter integer PE       = 1,
    parameter integer SIMD     = 1,
    parameter integer X_W      = 8,    // bits
    parameter integer X_SIGNED = 1,
    parameter integer W_W      = 8,    // bits
    parameter integer ACC_W    = 24,   // bits, at most 48
    parameter integer CF       = 4,
    parameter integer RF       = 4,
    parameter integer SEGMENT  = 4,
    parameter integer LEVELS   = 0,
    parameter integer FABRIC_ACC = 0,
    parameter         WFILE    = "",
    parameter integer WSTYLE   = 0,
    parameter integer WCOLUMNS = 0,
    parameter [((SEGMENT<SIMD)?SEGMENT:SIMD)*(WCOLUMNS*RF*CF+1)-1:0] WROM = 0,
    parameter [16*PE*W_W*((SIMD+((SEGMENT<SIMD)?SEGMENT:SIMD)-1)/((SEGMENT<SIMD)?SEGMENT:SIMD))*
               ((SEGMENT<SIMD)?SEGMENT:SIMD)-1:0] WMAP = 0,
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

  localparam integer S = (SEGMENT < SIMD) ? SEGMENT : SIMD;  // slots of a cascade
  localparam integer G = (SIMD + S - 1) / S;  // cascades of a row
  localparam integer SKIP = G * S - SIMD;  // slots that the last cascade lacks
  localparam integer FOLDED = (CF > 1) ? 1 : 0;
  localparam integer FABRIC = (FABRIC_ACC != 0) ? 1 : 0;
  localparam integer PC_W = (FAMILY == 5) ? 58 : 48;  // bits of a cascade
  localparam integer XE = X_W + ((X_SIGNED != 0) ? 0 : 1);  // a signed input
  localparam integer WEIGHT_FIRST = (W_W > XE) ? 1 : 0;  // the wider operand goes to port A
  localparam integer A_W = (WEIGHT_FIRST != 0) ? W_W : XE;
  localparam integer B_W = (WEIGHT_FIRST != 0) ? XE : W_W;
  localparam integer STEPS = RF * CF;
  localparam integer STEP_W = (STEPS > 1) ? $clog2(STEPS) : 1;
  localparam integer ROW_W = (RF > 1) ? $clog2(RF) : 1;
  localparam integer BANK_W = G * PE * W_W;

  function integer digits(input integer n);
    integer rest;
    begin
      digits = 1;
      for (rest = n / 10; rest > 0; rest = rest / 10) digits = digits + 1;
    end
  endfunction

  // verilator lint_off UNUSEDSIGNAL
  function [63:0] decimal(input integer n);  // n in ASCII, the low digits(n) characters
    integer k, rest, digit;
    begin
      rest = n;
      for (k = 0; k < 8; k = k + 1) begin
        digit = 48 + rest % 10;
        decimal[8*k+:8] = digit[7:0];
        rest = rest / 10;
      end
    end
  endfunction
  // verilator lint_on UNUSEDSIGNAL

  genvar g, i, j, p;
  generate
    if (PE < 1 || SIMD < 1 || X_W < 1 || W_W < 1 || CF < 1 || RF < 1 || SEGMENT < 1) begin : g_bad
      hwc_error_bad_shape error ();
    end
    if (FABRIC_ACC != 0 && CF == 1) begin : g_bad_fabric
      hwc_error_FABRIC_ACC_without_accumulation error ();
    end
    if (ACC_W < 1 || ACC_W > 48) begin : g_bad_acc
      hwc_error_bad_ACC_W error ();
    end
  endgenerate

  // Control.  Tap k of a line is k clocks after issue; x is there at tap 1, slot j adds at tap
  // j + 3, the tree has its result at tap S + 3 + LEVELS.
  localparam integer LIVES = (FOLDED != 0 && FABRIC == 0) ? S + 2 : S + 3 + LEVELS;
  wire [LIVES:0] live;  // a step is here
  wire row_last;  // the step that is issued is the last one of its row
  wire row_first;

  hwc_live #(.STAGES(LIVES)) lives (
      .clk_i(clk_i), .rst_ni(rst_ni), .live_i(issue_i), .live_o(live)
  );

  generate
    if (FOLDED == 0) begin : g_flat
      assign row_last  = 1'b1;
      assign row_first = 1'b1;
    end else begin : g_folded
      reg row_first_q;
      hwc_count #(.COUNT(CF)) columns (
          .clk_i(clk_i), .rst_ni(rst_ni), .step_i(issue_i), .clear_i(1'b0), .last_o(row_last)
      );
      always @(posedge clk_i) begin
        if (!rst_ni) row_first_q <= 1'b1;
        else if (issue_i) row_first_q <= row_last;
      end
      assign row_first = row_first_q;
    end
  endgenerate

  wire first_slot, last_slot;  // row_first at slot 0 and at slot S - 1, when OPMODE samples it

  hwc_delay #(.WIDTH(1), .CYCLES(2)) first_begin (
      .clk_i(clk_i), .rst_ni(rst_ni), .d_i(row_first), .q_o(first_slot)
  );

  hwc_delay #(.WIDTH(1), .CYCLES(S - 1)) first_end (
      .clk_i(clk_i), .rst_ni(rst_ni), .d_i(first_slot), .q_o(last_slot)
  );

  // Weights: bank j sees the address of the step j clocks late.
  wire [STEP_W-1:0] step;
  wire [S*STEP_W-1:0] steps;
  // verilator lint_off UNUSEDSIGNAL
  wire [BANK_W-1:0] weights[0:S-1];
  // verilator lint_on UNUSEDSIGNAL

  hwc_address #(.DEPTH(STEPS)) addresses (
      .clk_i(clk_i), .rst_ni(rst_ni), .step_i(issue_i), .addr_o(step)
  );

  hwc_taps #(.WIDTH(STEP_W), .TAPS(S)) late (
      .clk_i(clk_i), .rst_ni(rst_ni), .d_i(step), .q_o(steps)
  );

  generate
    for (j = 0; j < S; j = j + 1) begin : g_bank
      localparam [63:0] BANK_TEXT = decimal(j);
      localparam [8*digits(j)-1:0] BANK = BANK_TEXT[8*digits(j)-1:0];
      localparam integer BITS = (j < SKIP) ? BANK_W - PE * W_W : BANK_W;
      wire [BITS-1:0] bank;

      if (BITS == BANK_W) begin : g_full
        assign weights[j] = bank;
      end else begin : g_short
        assign weights[j] = {{(PE * W_W) {1'b0}}, bank};
      end

      hwc_rom #(
          .FAMILY (FAMILY),
          .WIDTH  (BITS),
          .DEPTH  (STEPS),
          .FILE   ({WFILE, "_s", BANK}),
          .STYLE  (WSTYLE),
          .COLUMNS(WCOLUMNS),
          .ROM    (WROM[j*(WCOLUMNS*STEPS+1)+:WCOLUMNS*STEPS+1]),
          .MAP    (WMAP[j*16*BANK_W+:16*BITS])
      ) rom (
          .clk_i (clk_i),
          .addr_i(steps[j*STEP_W+:STEP_W]),
          .data_o(bank)
      );
    end
  endgenerate

  // Biases: the row counter follows one clock after the steps, as C does after A and B.
  reg row_next_q;
  wire [ROW_W-1:0] row;
  wire [PE*ACC_W-1:0] biases;

  always @(posedge clk_i) row_next_q <= row_last;

  hwc_address #(.DEPTH(RF)) rows (
      .clk_i(clk_i), .rst_ni(rst_ni), .step_i(live[1] && row_next_q), .addr_o(row)
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

  // Inputs: column i is in slot i % S, which starts that much later.
  wire [X_W-1:0] x[0:SIMD-1];

  generate
    for (i = 0; i < SIMD; i = i + 1) begin : g_column
      hwc_delay #(.WIDTH(X_W), .CYCLES(i % S + ((i / S == G - 1) ? SKIP : 0))) delay (
          .clk_i(clk_i), .rst_ni(rst_ni), .d_i(x_i[i*X_W+:X_W]), .q_o(x[i])
      );
    end
  endgenerate

  // Cascades and tree, row by row.
  wire [PE*ACC_W-1:0] totals;

  generate
    for (p = 0; p < PE; p = p + 1) begin : g_row
      wire [G*ACC_W-1:0] sums;
      for (g = 0; g < G; g = g + 1) begin : g_cascade
        localparam integer BEGIN = (g == G - 1) ? SKIP : 0;
        // verilator lint_off UNUSEDSIGNAL
        wire [PC_W-1:0] chain[0:S-1];  // pcout of each slot
        // verilator lint_on UNUSEDSIGNAL
        for (j = BEGIN; j < S; j = j + 1) begin : g_slot
          localparam integer COLUMN = g * S + j - BEGIN;
          localparam integer BEGINS = (j == BEGIN) ? 1 : 0;
          localparam integer ENDS = (j == S - 1) ? 1 : 0;
          localparam integer ACC = (FOLDED != 0 && FABRIC == 0) ? ENDS : 0;
          localparam integer BIAS = (g == 0) ? BEGINS : 0;
          wire [X_W-1:0] x_slot = x[COLUMN];
          wire [W_W-1:0] weight = weights[j][(g*PE+p)*W_W+:W_W];
          wire [XE-1:0] x_signed;
          wire [A_W-1:0] a;
          wire [B_W-1:0] b;
          wire [47:0] c;
          wire [PC_W-1:0] pcin;
          wire first = (ENDS != 0) ? last_slot : first_slot;
          wire enable = (ACC != 0) ? live[S+2] : 1'b1;
          wire [ACC_W-1:0] sum;  // of the last slot is read
          wire unused_sum = &{1'b0, sum};
          if (X_SIGNED != 0) begin : g_signed
            assign x_signed = x_slot;
          end else begin : g_unsigned
            assign x_signed = {1'b0, x_slot};
          end
          if (WEIGHT_FIRST != 0) begin : g_weight_first
            assign a = weight;
            assign b = x_signed;
          end else begin : g_x_first
            assign a = x_signed;
            assign b = weight;
          end
          if (BIAS != 0) begin : g_bias
            wire [ACC_W-1:0] bias_p = biases[p*ACC_W+:ACC_W];
            if (ACC_W < 48) begin : g_extend
              assign c = {{(48 - ACC_W) {bias_p[ACC_W-1]}}, bias_p};
            end else begin : g_exact
              assign c = bias_p;
            end
          end else begin : g_no_bias
            assign c = 48'd0;
          end
          if (BEGINS != 0) begin : g_begin
            assign pcin = {PC_W{1'b0}};
          end else begin : g_link
            assign pcin = chain[j-1];
          end
          hwc_mac #(
              .FAMILY(FAMILY),
              .A_W   (A_W),
              .B_W   (B_W),
              .CAS   (1 - BEGINS),
              .ACC   (ACC),
              .BIAS  (BIAS),
              .P_W   (ACC_W)
          ) mac (
              .clk_i  (clk_i),
              .a_i    (a),
              .b_i    (b),
              .c_i    (c),
              .first_i(first),
              .en_i   (enable),
              .pcin_i (pcin),
              .p_o    (sum),
              .pcout_o(chain[j])
          );
          if (ENDS != 0) begin : g_sum
            assign sums[g*ACC_W+:ACC_W] = sum;
          end
        end
        for (j = 0; j < BEGIN; j = j + 1) begin : g_absent
          assign chain[j] = {PC_W{1'b0}};
        end
      end
      hwc_tree #(.COUNT(G), .IN_W(ACC_W), .OUT_W(ACC_W), .LEVELS(LEVELS)) tree (
          .clk_i(clk_i), .rst_ni(rst_ni), .d_i(sums), .q_o(totals[p*ACC_W+:ACC_W])
      );
    end
  endgenerate

  // Where the DSPs do not accumulate, logic does.
  generate
    if (FOLDED == 0) begin : g_every_step
      assign valid_o = live[LIVES];
      assign acc_o   = totals;
    end else begin : g_row_ends
      wire last, first;  // of the step that is at tap LIVES
      reg  done_q;
      hwc_delay #(.WIDTH(1), .CYCLES(LIVES)) lasts (
          .clk_i(clk_i), .rst_ni(rst_ni), .d_i(row_last), .q_o(last)
      );
      always @(posedge clk_i) done_q <= rst_ni && live[LIVES] && last;
      if (FABRIC != 0) begin : g_fabric
        hwc_delay #(.WIDTH(1), .CYCLES(LEVELS + 2)) firsts (
            .clk_i(clk_i), .rst_ni(rst_ni), .d_i(last_slot), .q_o(first)
        );
        for (p = 0; p < PE; p = p + 1) begin : g_acc
          reg [ACC_W-1:0] acc_q;
          wire [ACC_W-1:0] onto = acc_q & {ACC_W{!first}};
          always @(posedge clk_i)
            if (live[LIVES]) acc_q <= totals[p*ACC_W+:ACC_W] + onto;
          assign acc_o[p*ACC_W+:ACC_W] = acc_q;
        end
        assign valid_o = done_q;
      end else begin : g_dsp
        wire [LEVELS:0] done;
        assign first   = 1'b0;
        assign acc_o   = totals;
        assign valid_o = done[LEVELS];
        if (LEVELS == 0) begin : g_now
          assign done = done_q;
        end else begin : g_tree_time
          hwc_live #(.STAGES(LEVELS)) dones (
              .clk_i(clk_i), .rst_ni(rst_ni), .live_i(done_q), .live_o(done)
          );
        end
      end
      wire unused_first = first;
    end
  endgenerate

endmodule

`default_nettype wire
