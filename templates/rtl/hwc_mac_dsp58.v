// SPDX-License-Identifier: Apache-2.0
// hwc_mac_dsp58: the body of hwc_mac for Versal, a DSP58 with the registers of AM004 (v1.2.1).
//
//   P = a * b + (CAS ? pcin : 0) + (first ? (BIAS ? c : 0) : (ACC ? P : 0)), 58 bits, = PCOUT
//
// FAMILY  5.  Parameters and timing as in hwc_mac; operands at most 27 x 24 bits.
// No open tool maps to Versal and none ships a model: the tests use a twin of the used subset.

`default_nettype none

module hwc_mac_dsp58 #(
    parameter integer FAMILY = 0,
    parameter integer A_W    = 27,  // bits
    parameter integer B_W    = 24,  // bits
    parameter integer CAS    = 0,
    parameter integer ACC    = 0,
    parameter integer BIAS   = 0
) (
    // verilator lint_off UNUSEDSIGNAL
    input  wire           clk_i,
    input  wire [A_W-1:0] a_i,      // signed
    input  wire [B_W-1:0] b_i,      // signed
    input  wire [   47:0] c_i,      // signed
    input  wire           first_i,
    input  wire           en_i,
    input  wire [   57:0] pcin_i,
    // verilator lint_on UNUSEDSIGNAL
    output wire [   57:0] pcout_o
);

  generate
    if (FAMILY == 5) begin : g_58
      wire [33:0] a34 = {{(34 - A_W) {a_i[A_W-1]}}, a_i};
      wire [23:0] b24 = {{(24 - B_W) {b_i[B_W-1]}}, b_i};
      wire [57:0] c58 = (BIAS != 0) ? {{10{c_i[47]}}, c_i} : 58'd0;
      wire [57:0] pcin58 = (CAS != 0) ? pcin_i : 58'd0;
      // Z and W as on the DSP48E2, of which a DSP58 in mode INT24 is a superset (AM004).
      wire [2:0] z = (CAS != 0) ? 3'b001 : (ACC != 0) ? {2'b01, first_i} :
                     (BIAS != 0) ? {1'b0, first_i, first_i} : 3'b000;
      wire [1:0] w = (CAS == 0) ? 2'b00 : (ACC != 0) ? {first_i, 1'b1} :
                     (BIAS != 0) ? {first_i, first_i} : 2'b00;
      wire [8:0] opmode = {w, z, 4'b0101};
      wire c_enable = (BIAS != 0);
      wire unused_58 = &{1'b0, first_i, c_i, pcin_i};

      // verilator lint_off PINCONNECTEMPTY
      DSP58 #(
          .DSP_MODE("INT24"),
          .RESET_MODE("SYNC"),
          .AMULTSEL("A"),
          .BMULTSEL("B"),
          .PREADDINSEL("A"),
          .A_INPUT("DIRECT"),
          .B_INPUT("DIRECT"),
          .USE_MULT("MULTIPLY"),
          .USE_SIMD("ONE58"),
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
          .A(a34),
          .B(b24),
          .C(c58),
          .D(27'd0),
          .PCIN(pcin58),
          .ACIN(34'd0),
          .BCIN(24'd0),
          .CARRYCASCIN(1'b0),
          .MULTSIGNIN(1'b0),
          .CARRYIN(1'b0),
          .CARRYINSEL(3'd0),
          .ALUMODE(4'd0),
          .INMODE(5'd0),
          .NEGATE(3'd0),
          .ASYNC_RST(1'b0),
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
          .P(),
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
    end else begin : g_other
      assign pcout_o = 58'd0;
    end
  endgenerate

endmodule

`default_nettype wire
