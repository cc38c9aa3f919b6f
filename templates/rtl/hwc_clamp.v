// SPDX-License-Identifier: Apache-2.0
// hwc_clamp: saturation, combinational.
//
//   y_o = min(max(t_i, LO), HI), low OUT_W bits; t_i itself if SATURATE = 0
//
// IN_W, OUT_W  bits; t_i is signed.  LO <= HI.  Ends that are powers of two (2^k - 1, -2^k, 0)
// need only the bits above k, others a comparator; an end out of reach needs nothing.

`default_nettype none

module hwc_clamp #(
    parameter integer IN_W = 16,  // bits, at most 62
    parameter integer NEGATIVE = 1,  // 0: t_i never is
    parameter integer OUT_W = 8,  // bits
    parameter integer SATURATE = 1,
    // verilator lint_off WIDTHEXPAND
    parameter signed [63:0] LO = -128,  // plain integers will do
    parameter signed [63:0] HI = 127
    // verilator lint_on WIDTHEXPAND
) (
    input  wire [ IN_W-1:0] t_i,
    output wire [OUT_W-1:0] y_o
);

  localparam signed [63:0] ONE = 1;
  localparam signed [63:0] TOP = (ONE <<< (IN_W - 1)) - 1;  // largest t_i
  localparam signed [63:0] HI_NEXT = HI + 1;
  localparam signed [63:0] LO_SIZE = -LO;
  localparam signed [63:0] BOTTOM = (NEGATIVE != 0) ? -TOP - 1 : 0;
  localparam integer REACH_HI = (SATURATE != 0) && (TOP > HI) ? 1 : 0;
  localparam integer REACH_LO = (SATURATE != 0) && (BOTTOM < LO) ? 1 : 0;
  localparam integer POWER_HI = (HI >= 0) && ((HI & HI_NEXT) == 0) ? 1 : 0;
  localparam integer POWER_LO = (LO < 0) && ((LO_SIZE & (LO_SIZE - 1)) == 0) ? 1 : 0;
  localparam integer HI_BITS = (HI >= 0) ? $clog2(HI_NEXT) : 0;
  // Both ends are those of a signed type of HI_BITS + 1 bits: beyond if the bits above differ.
  localparam integer TYPE = (REACH_HI != 0 && REACH_LO != 0 && HI > 0 && LO == -HI - 1 &&
                             OUT_W > HI_BITS) ? POWER_HI : 0;
  localparam integer LO_BITS = (LO < 0) ? $clog2(LO_SIZE) : 0;

  wire sign = (NEGATIVE != 0) && t_i[IN_W-1];
  wire over, under;
  wire [OUT_W-1:0] t;

  generate
    if (IN_W < 1 || IN_W > 62 || OUT_W < 1 || OUT_W > 62 || LO > HI) begin : g_bad
      hwc_error_bad_width_or_LO_above_HI error ();
    end

    if (REACH_HI == 0) begin : g_never_over
      assign over = 1'b0;
    end else if (BOTTOM > HI) begin : g_always_over
      assign over = 1'b1;
    end else if (POWER_HI != 0) begin : g_over_bits
      assign over = !sign && |t_i[IN_W-2:HI_BITS];
    end else begin : g_over
      assign over = $signed(t_i) > $signed(HI[IN_W-1:0]);
    end

    if (REACH_LO == 0) begin : g_never_under
      assign under = 1'b0;
    end else if (TOP < LO) begin : g_always_under
      assign under = 1'b1;
    end else if (LO == 0) begin : g_under_sign
      assign under = sign;
    end else if (POWER_LO != 0) begin : g_under_bits
      assign under = sign && !(&t_i[IN_W-2:LO_BITS]);
    end else begin : g_under
      assign under = $signed(t_i) < $signed(LO[IN_W-1:0]);
    end

    if (IN_W < OUT_W) begin : g_extend
      assign t = {{(OUT_W - IN_W) {sign}}, t_i};
    end else begin : g_low
      wire unused_high = &{1'b0, t_i, sign};
      assign t = t_i[OUT_W-1:0];
    end
  endgenerate

  generate
    if (TYPE != 0) begin : g_type
      wire beyond = (t_i[IN_W-2:HI_BITS] != {(IN_W - 1 - HI_BITS) {sign}});
      wire unused_ends = &{1'b0, over, under, t};
      assign y_o = {{(OUT_W - HI_BITS) {sign}}, beyond ? {HI_BITS{!sign}} : t[HI_BITS-1:0]};
    end else begin : g_ends
      assign y_o = over ? HI[OUT_W-1:0] : under ? LO[OUT_W-1:0] : t;
    end
  endgenerate

endmodule

`default_nettype wire
