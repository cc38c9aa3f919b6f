// SPDX-License-Identifier: Apache-2.0
// hwc_mac: one multiply-accumulate slot; the only place where a product may become a DSP block.
//
//   P = a * b + (CAS ? pcin : 0) + (first ? (BIAS ? c : 0) : (ACC ? P : 0))
//
// FAMILY  0 behavioural, 1 DSP48E1, 2 DSP48E2, 3 MULT18X18D (ECP5), 4 SB_MAC16 (iCE40 UltraPlus),
//         5 DSP58 (Versal).  1 and 4 have one addend besides the product: they cannot cascade and
//         accumulate (or add a bias).  3 adds in logic, and so does 4 above 32 bits.
// A_W, B_W  bits of the signed operands: at most 25 x 18, 27 x 18, 18 x 18, 16 x 16, 27 x 24.
// CAS     adds pcin_i.  ACC: adds P.  BIAS: adds c_i.  P_W: bits of p_o, at most 48.
// PC_W    bits of the cascade, derived.  3 and 4 give on the low P_W bits of P, above them zeros.
//
// Timing: a_i and b_i are sampled at edge t, first_i and c_i at t + 1, en_i (the clock enable of
// P) at t + 2; P is valid after t + 2.  No reset: P starts anew with first_i.  pcin_i must come
// from pcout_o of the slot before (or be zero where CAS = 0).
// Every configuration of FAMILY 2 is 1 DSP48E2, 0 LUT, 0 FF: first_i goes straight to OPMODE.
// The bodies of 3 and 4, which take logic, and of 5 are hwc_mac_lattice and hwc_mac_dsp58.

`default_nettype none

module hwc_mac #(
    parameter integer FAMILY = 0,
    parameter integer A_W    = 18,  // bits
    parameter integer B_W    = 18,  // bits
    parameter integer CAS    = 0,
    parameter integer ACC    = 0,
    parameter integer BIAS   = 0,
    parameter integer P_W    = 48,  // bits
    parameter integer PC_W   = (FAMILY == 5) ? 58 : 48
) (
    input  wire            clk_i,
    input  wire [ A_W-1:0] a_i,      // signed
    input  wire [ B_W-1:0] b_i,      // signed
    input  wire [    47:0] c_i,
    input  wire            first_i,
    input  wire            en_i,
    input  wire [PC_W-1:0] pcin_i,
    output wire [ P_W-1:0] p_o,
    output wire [PC_W-1:0] pcout_o
);

  localparam integer MOST_A = (FAMILY == 1) ? 25 : (FAMILY == 3) ? 18 : (FAMILY == 4) ? 16 : 27;
  localparam integer MOST_B = (FAMILY == 4) ? 16 : (FAMILY == 5) ? 24 : 18;

  generate
    if (FAMILY < 0 || FAMILY > 5) begin : g_family
      hwc_error_bad_FAMILY error ();
    end
    if (A_W < 1 || B_W < 1 || A_W + B_W > 51) begin : g_width
      hwc_error_bad_A_W_or_B_W error ();
    end
    if (FAMILY != 0 && (A_W > MOST_A || B_W > MOST_B)) begin : g_port
      hwc_error_operand_wider_than_dsp error ();
    end
    if ((FAMILY == 1 || FAMILY == 4) && CAS != 0 && (ACC != 0 || BIAS != 0)) begin : g_cascade
      hwc_error_dsp_cannot_cascade_and_accumulate error ();
    end
    if (P_W < 1 || P_W > 48) begin : g_p_w
      hwc_error_bad_P_W error ();
    end
  endgenerate

  // verilator lint_off UNUSEDSIGNAL
  wire [47:0] p;
  // verilator lint_on UNUSEDSIGNAL

  generate
    if (FAMILY == 0) begin : g_behavioural
      reg signed [    A_W-1:0] a_q;
      reg signed [    B_W-1:0] b_q;
      reg signed [A_W+B_W-1:0] m_q;
      reg signed [       47:0] c_q;
      reg signed [       47:0] p_q;
      reg                      first_q;

      initial begin  // as the block powers up
        a_q     = {A_W{1'b0}};
        b_q     = {B_W{1'b0}};
        m_q     = {(A_W + B_W) {1'b0}};
        c_q     = 48'd0;
        p_q     = 48'd0;
        first_q = 1'b0;
      end

      always @(posedge clk_i) begin
        a_q <= a_i;
        b_q <= b_i;
        m_q <= a_q * b_q;
        if (BIAS != 0) c_q <= c_i;
        if (BIAS != 0 || ACC != 0) first_q <= first_i;
        // The product, and what the W and Z multiplexers select.
        // verilator lint_off WIDTHEXPAND
        // verilator lint_off WIDTHTRUNC
        if (en_i) begin
          if (BIAS == 0 && ACC == 0) p_q <= m_q + ((CAS != 0) ? $signed(pcin_i) : 48'sd0);
          else
            p_q <= m_q + ((CAS != 0) ? $signed(pcin_i) : 48'sd0) +
                   (first_q ? c_q : (ACC != 0) ? p_q : 48'sd0);
        end
        // verilator lint_on WIDTHTRUNC
        // verilator lint_on WIDTHEXPAND
      end

      assign p       = p_q;
      assign pcout_o = p_q;
    end

    if (FAMILY == 1) begin : g_e1
      wire [29:0] a30 = {{(30 - A_W) {a_i[A_W-1]}}, a_i};
      wire [17:0] b18 = {{(18 - B_W) {b_i[B_W-1]}}, b_i};
      wire [47:0] c48 = (BIAS != 0) ? c_i : 48'd0;
      wire [47:0] pcin48 = (CAS != 0) ? pcin_i : 48'd0;
      // Z: 000 zero, 001 PCIN, 010 P, 011 C.  Without a bias, C is zero, so no inverter is needed.
      wire [2:0] z = (CAS != 0) ? 3'b001 : (ACC != 0) ? {2'b01, first_i} :
                     (BIAS != 0) ? {1'b0, first_i, first_i} : 3'b000;
      wire [6:0] opmode = {z, 4'b0101};
      wire c_enable = (BIAS != 0);
      wire unused_e1 = &{1'b0, first_i, c_i, pcin_i};

      // verilator lint_off PINCONNECTEMPTY
      DSP48E1 #(
          .A_INPUT("DIRECT"),
          .B_INPUT("DIRECT"),
          .USE_DPORT("FALSE"),
          .USE_MULT("MULTIPLY"),
          .USE_SIMD("ONE48"),
          .USE_PATTERN_DETECT("NO_PATDET"),
          .AREG(1),
          .ACASCREG(1),
          .BREG(1),
          .BCASCREG(1),
          .CREG(1),
          .DREG(0),
          .ADREG(0),
          .MREG(1),
          .PREG(1),
          .OPMODEREG(1),
          .ALUMODEREG(0),
          .INMODEREG(0),
          .CARRYINREG(0),
          .CARRYINSELREG(0)
      ) dsp (
          .CLK(clk_i),
          .A(a30),
          .B(b18),
          .C(c48),
          .D(25'd0),
          .PCIN(pcin48),
          .ACIN(30'd0),
          .BCIN(18'd0),
          .CARRYCASCIN(1'b0),
          .MULTSIGNIN(1'b0),
          .CARRYIN(1'b0),
          .CARRYINSEL(3'd0),
          .ALUMODE(4'd0),
          .INMODE(5'd0),
          .OPMODE(opmode),
          .CEA1(1'b0),
          .CEA2(1'b1),
          .CEB1(1'b0),
          .CEB2(1'b1),
          .CEC(c_enable),
          .CED(1'b0),
          .CEAD(1'b0),
          .CEM(1'b1),
          .CEP(en_i),
          .CECTRL(1'b1),
          .CEALUMODE(1'b0),
          .CEINMODE(1'b0),
          .CECARRYIN(1'b0),
          .RSTA(1'b0),
          .RSTB(1'b0),
          .RSTC(1'b0),
          .RSTD(1'b0),
          .RSTM(1'b0),
          .RSTP(1'b0),
          .RSTCTRL(1'b0),
          .RSTALUMODE(1'b0),
          .RSTINMODE(1'b0),
          .RSTALLCARRYIN(1'b0),
          .P(p),
          .PCOUT(pcout_o),
          .ACOUT(),
          .BCOUT(),
          .CARRYOUT(),
          .CARRYCASCOUT(),
          .MULTSIGNOUT(),
          .OVERFLOW(),
          .UNDERFLOW(),
          .PATTERNDETECT(),
          .PATTERNBDETECT()
      );
      // verilator lint_on PINCONNECTEMPTY
    end

    if (FAMILY == 2) begin : g_e2
      wire [29:0] a30 = {{(30 - A_W) {a_i[A_W-1]}}, a_i};
      wire [17:0] b18 = {{(18 - B_W) {b_i[B_W-1]}}, b_i};
      wire [47:0] c48 = (BIAS != 0) ? c_i : 48'd0;
      wire [47:0] pcin48 = (CAS != 0) ? pcin_i : 48'd0;
      // Z: 000 zero, 001 PCIN, 010 P, 011 C.  W: 00 zero, 01 P, 11 C.  Without a bias, C is zero.
      wire [2:0] z = (CAS != 0) ? 3'b001 : (ACC != 0) ? {2'b01, first_i} :
                     (BIAS != 0) ? {1'b0, first_i, first_i} : 3'b000;
      wire [1:0] w = (CAS == 0) ? 2'b00 : (ACC != 0) ? {first_i, 1'b1} :
                     (BIAS != 0) ? {first_i, first_i} : 2'b00;
      wire [8:0] opmode = {w, z, 4'b0101};
      wire c_enable = (BIAS != 0);
      wire unused_e2 = &{1'b0, first_i, c_i, pcin_i};

      // verilator lint_off PINCONNECTEMPTY
      DSP48E2 #(
          .AMULTSEL("A"),
          .BMULTSEL("B"),
          .PREADDINSEL("A"),
          .A_INPUT("DIRECT"),
          .B_INPUT("DIRECT"),
          .USE_MULT("MULTIPLY"),
          .USE_SIMD("ONE48"),
          .USE_PATTERN_DETECT("NO_PATDET"),
          .AREG(1),
          .ACASCREG(1),
          .BREG(1),
          .BCASCREG(1),
          .CREG(1),
          .DREG(0),
          .ADREG(0),
          .MREG(1),
          .PREG(1),
          .OPMODEREG(1),
          .ALUMODEREG(0),
          .INMODEREG(0),
          .CARRYINREG(0),
          .CARRYINSELREG(0)
      ) dsp (
          .CLK(clk_i),
          .A(a30),
          .B(b18),
          .C(c48),
          .D(27'd0),
          .PCIN(pcin48),
          .ACIN(30'd0),
          .BCIN(18'd0),
          .CARRYCASCIN(1'b0),
          .MULTSIGNIN(1'b0),
          .CARRYIN(1'b0),
          .CARRYINSEL(3'd0),
          .ALUMODE(4'd0),
          .INMODE(5'd0),
          .OPMODE(opmode),
          .CEA1(1'b0),
          .CEA2(1'b1),
          .CEB1(1'b0),
          .CEB2(1'b1),
          .CEC(c_enable),
          .CED(1'b0),
          .CEAD(1'b0),
          .CEM(1'b1),
          .CEP(en_i),
          .CECTRL(1'b1),
          .CEALUMODE(1'b0),
          .CEINMODE(1'b0),
          .CECARRYIN(1'b0),
          .RSTA(1'b0),
          .RSTB(1'b0),
          .RSTC(1'b0),
          .RSTD(1'b0),
          .RSTM(1'b0),
          .RSTP(1'b0),
          .RSTCTRL(1'b0),
          .RSTALUMODE(1'b0),
          .RSTINMODE(1'b0),
          .RSTALLCARRYIN(1'b0),
          .P(p),
          .PCOUT(pcout_o),
          .ACOUT(),
          .BCOUT(),
          .CARRYOUT(),
          .CARRYCASCOUT(),
          .MULTSIGNOUT(),
          .OVERFLOW(),
          .UNDERFLOW(),
          .PATTERNDETECT(),
          .PATTERNBDETECT(),
          .XOROUT()
      );
      // verilator lint_on PINCONNECTEMPTY
    end

    if (FAMILY == 5) begin : g_58
      hwc_mac_dsp58 #(
          .FAMILY(FAMILY),
          .A_W   (A_W),
          .B_W   (B_W),
          .CAS   (CAS),
          .ACC   (ACC),
          .BIAS  (BIAS)
      ) mac (
          .clk_i  (clk_i),
          .a_i    (a_i),
          .b_i    (b_i),
          .c_i    (c_i),
          .first_i(first_i),
          .en_i   (en_i),
          .pcin_i (pcin_i),
          .pcout_o(pcout_o)
      );
      assign p = pcout_o[47:0];
    end

    if (FAMILY == 3 || FAMILY == 4) begin : g_lattice
      // verilator lint_off UNUSEDSIGNAL
      wire [P_W+47:0] p_wide = {48'd0, p_o};
      wire unused_lattice = &{1'b0, c_i, pcin_i};
      // verilator lint_on UNUSEDSIGNAL
      assign p       = p_wide[47:0];
      assign pcout_o = p;
      hwc_mac_lattice #(
          .FAMILY(FAMILY),
          .A_W   (A_W),
          .B_W   (B_W),
          .CAS   (CAS),
          .ACC   (ACC),
          .BIAS  (BIAS),
          .P_W   (P_W)
      ) mac (
          .clk_i  (clk_i),
          .a_i    (a_i),
          .b_i    (b_i),
          .c_i    (c_i[P_W-1:0]),
          .first_i(first_i),
          .en_i   (en_i),
          .pcin_i (pcin_i[P_W-1:0]),
          .p_o    (p_o)
      );
    end else begin : g_out
      assign p_o = p[P_W-1:0];
    end
  endgenerate

endmodule

`default_nettype wire
