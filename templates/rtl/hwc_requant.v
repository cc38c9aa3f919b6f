// SPDX-License-Identifier: Apache-2.0
// hwc_requant: change of fixed-point type; the only module that rounds or saturates.
//
//   y = clamp(((acc << LEFT) + half) >>> shift, LO, HI)     half = HALF && shift > 0 ? 2^(shift-1) : 0
//
// LANES.  IN_W, OUT_W: bits of a lane, signed or not.  LEFT: zero bits appended first.
// SHIFTS   6 bits for each (fold, lane), fold-major, (0, 0) low.
// VARIABLE 0: the shift depends on the lane only (fold 0), latency 1.  1: a counter of FOLDS folds
//          that advances with valid_i selects it, latency 2.
// HALF     1 rounds half up; 0 floors, or the bias upstream holds the half.
// EVEN     1 clears the last bit on a tie (half to even).
// SATURATE 1 clamps to LO..HI, 0 wraps into the type first.  Twin: hwcompress.ir.fixed.

`default_nettype none

module hwc_requant #(
    parameter integer LANES = 1,
    parameter integer IN_W = 24,  // bits
    parameter integer IN_SIGNED = 1,
    parameter integer OUT_W = 8,  // bits
    parameter integer OUT_SIGNED = 1,
    parameter integer FOLDS = 1,
    parameter integer VARIABLE = 0,
    parameter integer LEFT = 0,  // bits
    parameter [6*LANES*FOLDS-1:0] SHIFTS = 0,
    parameter integer HALF = 1,
    parameter integer EVEN = 0,
    parameter integer SATURATE = 1,
    // verilator lint_off WIDTHEXPAND
    parameter signed [63:0] LO = -128,  // plain integers will do
    parameter signed [63:0] HI = 127
    // verilator lint_on WIDTHEXPAND
) (
    input  wire                   clk_i,
    input  wire                   rst_ni,
    input  wire                   valid_i,
    input  wire [ LANES*IN_W-1:0] acc_i,
    output wire                   valid_o,
    output wire [LANES*OUT_W-1:0] y_o
);

  localparam signed [63:0] ONE = 1;
  localparam signed [63:0] OUT_MIN = (OUT_SIGNED != 0) ? -(ONE <<< (OUT_W - 1)) : 0;
  localparam signed [63:0] OUT_MAX = (ONE <<< ((OUT_SIGNED != 0) ? OUT_W - 1 : OUT_W)) - 1;
  localparam integer USED = (VARIABLE != 0) ? FOLDS : 1;  // folds that count
  localparam integer FOLD_W = (USED > 1) ? $clog2(USED) : 1;
  // The number as it is shifted: with LEFT zeros and, if it is to be rounded, one more, so that
  // the bit below the result survives.
  localparam integer BELOW = (HALF != 0) ? 1 : 0;
  // An unsigned input gets a sign bit that is zero.
  localparam integer ABOVE = (IN_SIGNED != 0) ? 0 : 1;
  localparam integer V_W = ABOVE + IN_W + LEFT + BELOW;

  function integer shift(input integer lane, input integer f);
    shift = {26'd0, SHIFTS[(f*LANES+lane)*6+:6]};
  endfunction

  function integer smallest(input integer lane);
    integer f;
    begin
      smallest = 63;
      for (f = 0; f < USED; f = f + 1)
        if (shift(lane, f) < smallest) smallest = shift(lane, f);
    end
  endfunction

  function integer largest(input integer lane);
    integer f;
    begin
      largest = 0;
      for (f = 0; f < USED; f = f + 1)
        if (shift(lane, f) > largest) largest = shift(lane, f);
    end
  endfunction

  // Bit f: the shift of fold f drops bits of the input itself, not only the zeros that LEFT appended.
  function [USED-1:0] drops(input integer lane);
    integer f;
    begin
      for (f = 0; f < USED; f = f + 1) drops[f] = shift(lane, f) > LEFT;
    end
  endfunction

  // Bit f: bit `place` of what the shift of fold f is above the smallest one of the lane.
  // verilator lint_off UNUSEDSIGNAL
  function [USED-1:0] excess(input integer lane, input integer place);
    integer f, low, more;
    begin
      low = smallest(lane);
      for (f = 0; f < USED; f = f + 1) begin
        more = (shift(lane, f) - low) >> place;
        excess[f] = more[0];
      end
    end
  endfunction
  // verilator lint_on UNUSEDSIGNAL

  generate
    if (LANES < 1 || IN_W < 1 || OUT_W < 1 || FOLDS < 1 || LEFT < 0) begin : g_bad
      hwc_error_bad_shape error ();
    end
    if (SATURATE != 0 && (LO < OUT_MIN || HI > OUT_MAX)) begin : g_bad_ends
      hwc_error_LO_or_HI_beyond_the_output_type error ();
    end
    if (V_W > 62) begin : g_bad_width
      hwc_error_bad_IN_W_plus_LEFT error ();
    end
  endgenerate

  wire [(VARIABLE!=0)?2:1:0] live;
  wire [FOLD_W-1:0] fold;

  assign valid_o = live[(VARIABLE!=0)?2 : 1];

  hwc_live #(
      .STAGES((VARIABLE != 0) ? 2 : 1)
  ) lives (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .live_i(valid_i),
      .live_o(live)
  );

  hwc_address #(
      .DEPTH(USED)
  ) folds (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .step_i(valid_i),
      .addr_o(fold)
  );
  wire unused_fold = &{1'b0, fold};

  // One register for all lanes: a net or a register that changes in parts wakes its readers for each part, which
  // makes event simulators slow.
  wire [OUT_W-1:0] y[0:LANES-1];
  reg [LANES*OUT_W-1:0] next, y_q;
  integer n;

  // verilator lint_off BLKSEQ
  always @(posedge clk_i) begin
    for (n = 0; n < LANES; n = n + 1) next[n*OUT_W+:OUT_W] = y[n];
    y_q <= next;
  end
  // verilator lint_on BLKSEQ
  assign y_o = y_q;

  genvar k, b;
  generate
    for (k = 0; k < LANES; k = k + 1) begin : g_lane
      localparam integer MIN = smallest(k);
      localparam integer SPREAD = largest(k) - MIN;
      localparam integer STAGES = (SPREAD > 0) ? $clog2(SPREAD + 1) : 0;
      localparam integer DROP = (MIN < V_W) ? MIN : V_W - 1;  // bits below, but for the sign
      localparam integer KEPT = V_W - DROP;
      localparam integer U_W = (KEPT > 1) ? KEPT : 2;  // -1 may become -2 on a tie
      localparam integer STICKY = (MIN < V_W) ? MIN : V_W;  // bits that are shifted out at once
      wire [V_W-1:0] v;
      wire [(STAGES+1)*U_W-1:0] shifted;
      wire [STAGES:0] lost;  // a one was shifted out

      assign v = {{ABOVE{1'b0}}, acc_i[k*IN_W+:IN_W], {(LEFT + BELOW) {1'b0}}};

      assign shifted[0+:U_W] = {{(U_W - KEPT) {v[V_W-1]}}, v[V_W-1:DROP]};
      if (STICKY > 0) begin : g_sticky
        assign lost[0] = |v[STICKY-1:0];
      end else begin : g_exact
        assign lost[0] = 1'b0;
      end

      for (b = 0; b < STAGES; b = b + 1) begin : g_stage
        localparam integer STEP = 1 << b;
        localparam integer OUT = (STEP < U_W) ? STEP : U_W;
        localparam integer GONE = (STEP < U_W) ? STEP : U_W - 1;
        localparam [USED-1:0] MORE = excess(k, b);
        wire more = MORE[fold];
        wire [U_W-1:0] x = shifted[b*U_W+:U_W];
        wire [U_W-1:0] far = {{GONE{x[U_W-1]}}, x[U_W-1:GONE]};
        assign shifted[(b+1)*U_W+:U_W] = more ? far : x;
        assign lost[b+1] = lost[b] || (more && |x[OUT-1:0]);
      end

      // u: shifted, the bit below still there if HALF; tie: exactly half an output step.
      wire [U_W-1:0] u;
      wire tie;
      localparam [USED-1:0] DROPS = drops(k);
      wire half_bit = (HALF != 0) ? shifted[STAGES*U_W] : DROPS[fold];
      wire tie_now = (EVEN != 0) && half_bit && !lost[STAGES];
      wire unused_lane = &{1'b0, lost, tie_now, shifted};

      if (VARIABLE != 0) begin : g_two
        reg [U_W-1:0] u_q;
        reg tie_q;
        always @(posedge clk_i) begin
          u_q   <= shifted[STAGES*U_W+:U_W];
          tie_q <= tie_now;
        end
        assign u   = u_q;
        assign tie = tie_q;
      end else begin : g_one
        assign u   = shifted[STAGES*U_W+:U_W];
        assign tie = tie_now;
      end

      wire [U_W-1:0] rounded;
      wire [U_W-1:0] t;

      if (HALF == 0) begin : g_floor
        assign rounded = u;
      end else begin : g_round
        wire [U_W:0] sum = {u[U_W-1], u} + {{U_W{1'b0}}, 1'b1};
        wire unused_sum = &{1'b0, sum};
        assign rounded = sum[U_W:1];
      end

      assign t = {rounded[U_W-1:1], rounded[0] && !tie};

      if (SATURATE != 0) begin : g_saturate
        hwc_clamp #(
            .IN_W    (U_W),
            .NEGATIVE(IN_SIGNED),
            .OUT_W   (OUT_W),
            .SATURATE(1),
            .LO      (LO),
            .HI      (HI)
        ) clamp (
            .t_i(t),
            .y_o(y[k])
        );
      end else begin : g_wrap  // the low bits are the code; bounds apply to it
        wire sign = (IN_SIGNED != 0) && t[U_W-1];
        wire [U_W+OUT_W-1:0] far = {{OUT_W{sign}}, t};
        wire [OUT_W:0] code = {(OUT_SIGNED != 0) && far[OUT_W-1], far[OUT_W-1:0]};
        wire unused_far = &{1'b0, far};
        hwc_clamp #(
            .IN_W    (OUT_W + 1),
            .NEGATIVE(OUT_SIGNED),
            .OUT_W   (OUT_W),
            .SATURATE(1),
            .LO      (LO),
            .HI      (HI)
        ) clamp (
            .t_i(code),
            .y_o(y[k])
        );
      end
    end
  endgenerate

endmodule

`default_nettype wire
