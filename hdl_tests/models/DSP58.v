// SPDX-License-Identifier: Apache-2.0
// DSP58: simulation and proof model of what hwc_mac_dsp58 uses, written from AM004 (v1.2.1).
// No model of another origin was at hand to compare it with.
//
//   P <= W + X + Y + Z, with X + Y = M (OPMODE[3:0] = 0101) or 0 (0000)
//
// One register A and B, C, M, P, OPMODE; no pre-adder, no SIMD, ALUMODE 0, no carry in, direct
// inputs.  W: 00 zero, 01 P, 10 RND, 11 C.  Z: 000 zero, 001 PCIN, 010 P, 011 C.  Anything else
// stops the simulation.  Registers power up as zero.  Only for tests: it takes the vendor's name.

`default_nettype none

module DSP58 #(
    parameter DSP_MODE = "INT24",
    parameter RESET_MODE = "SYNC",
    parameter AMULTSEL = "A",
    parameter BMULTSEL = "B",
    parameter PREADDINSEL = "A",
    parameter A_INPUT = "DIRECT",
    parameter B_INPUT = "DIRECT",
    parameter USE_MULT = "MULTIPLY",
    parameter USE_SIMD = "ONE58",
    parameter USE_PATTERN_DETECT = "NO_PATDET",
    parameter [57:0] RND = 58'd0,
    parameter integer AREG = 1,
    parameter integer ACASCREG = 1,
    parameter integer BREG = 1,
    parameter integer BCASCREG = 1,
    parameter integer CREG = 1,
    parameter integer DREG = 1,
    parameter integer ADREG = 1,
    parameter integer MREG = 1,
    parameter integer PREG = 1,
    parameter integer OPMODEREG = 1,
    parameter integer ALUMODEREG = 1,
    parameter integer INMODEREG = 1,
    parameter integer CARRYINREG = 1,
    parameter integer CARRYINSELREG = 1
) (
    input  wire        CLK,
    input  wire [33:0] A,
    input  wire [23:0] B,
    input  wire [57:0] C,
    input  wire [26:0] D,
    input  wire [57:0] PCIN,
    input  wire [33:0] ACIN,
    input  wire [23:0] BCIN,
    input  wire        CARRYCASCIN,
    input  wire        MULTSIGNIN,
    input  wire        CARRYIN,
    input  wire [ 2:0] CARRYINSEL,
    input  wire [ 3:0] ALUMODE,
    input  wire [ 4:0] INMODE,
    input  wire [ 2:0] NEGATE,
    input  wire        ASYNC_RST,
    input  wire [ 8:0] OPMODE,
    input  wire        CEA1,
    input  wire        CEA2,
    input  wire        CEB1,
    input  wire        CEB2,
    input  wire        CEC,
    input  wire        CED,
    input  wire        CEAD,
    input  wire        CEM,
    input  wire        CEP,
    input  wire        CECTRL,
    input  wire        CEALUMODE,
    input  wire        CEINMODE,
    input  wire        CECARRYIN,
    input  wire        RSTA,
    input  wire        RSTB,
    input  wire        RSTC,
    input  wire        RSTD,
    input  wire        RSTM,
    input  wire        RSTP,
    input  wire        RSTCTRL,
    input  wire        RSTALUMODE,
    input  wire        RSTINMODE,
    input  wire        RSTALLCARRYIN,
    output wire [57:0] P,
    output wire [57:0] PCOUT,
    output wire [33:0] ACOUT,
    output wire [23:0] BCOUT,
    output wire [ 3:0] CARRYOUT,
    output wire        CARRYCASCOUT,
    output wire        MULTSIGNOUT,
    output wire        OVERFLOW,
    output wire        UNDERFLOW,
    output wire        PATTERNDETECT,
    output wire        PATTERNBDETECT,
    output wire [ 7:0] XOROUT
);

  reg signed [26:0] a_q;
  reg signed [23:0] b_q;
  reg signed [50:0] m_q;
  reg [57:0] c_q, p_q;
  reg [8:0] opmode_q;
  reg [57:0] w, z;
  wire [57:0] m = (opmode_q[3:0] == 4'b0101) ? {{7{m_q[50]}}, m_q} : 58'd0;

  initial begin
    a_q      = 27'd0;
    b_q      = 24'd0;
    m_q      = 51'd0;
    c_q      = 58'd0;
    p_q      = 58'd0;
    opmode_q = 9'd0;
  end

  always @* begin
    case (opmode_q[8:7])
      2'b00:   w = 58'd0;
      2'b01:   w = p_q;
      2'b10:   w = RND;
      default: w = c_q;
    endcase
    case (opmode_q[5:4])
      2'b00:   z = 58'd0;
      2'b01:   z = PCIN;
      2'b10:   z = p_q;
      default: z = c_q;
    endcase
  end

  always @(posedge CLK) begin
    if (RSTA) a_q <= 27'd0;
    else if (CEA2) a_q <= A[26:0];
    if (RSTB) b_q <= 24'd0;
    else if (CEB2) b_q <= B;
    if (RSTC) c_q <= 58'd0;
    else if (CEC) c_q <= C;
    if (RSTM) m_q <= 51'd0;
    else if (CEM) m_q <= a_q * b_q;
    if (RSTCTRL) opmode_q <= 9'd0;
    else if (CECTRL) opmode_q <= OPMODE;
    if (RSTP) p_q <= 58'd0;
    else if (CEP) p_q <= m + w + z;
  end

  assign P     = p_q;
  assign PCOUT = p_q;

`ifndef PROOF
  wire direct = (A_INPUT == "DIRECT") && (B_INPUT == "DIRECT");
  wire plain = (DSP_MODE == "INT24") && (RESET_MODE == "SYNC") && (USE_MULT == "MULTIPLY") && (USE_SIMD == "ONE58") && (AMULTSEL == "A");
  wire registers = (AREG == 1) && (BREG == 1) && (CREG == 1) && (MREG == 1) && (PREG == 1);
  wire modes = (OPMODEREG == 1) && (ALUMODEREG == 0) && (INMODEREG == 0) && (CARRYINREG == 0);
  wire quiet = (ALUMODE == 0) && (INMODE == 0) && !CARRYIN && !ASYNC_RST && (NEGATE == 0) && (CARRYINSEL == 0);
  wire known = !OPMODE[6] && (OPMODE[3:0] == 4'b0101 || OPMODE[3:0] == 4'b0000);

  always @(posedge CLK) begin
    if (!(direct && plain && registers && modes && quiet && known)) begin
      $display("DSP58 model: %m is used in a way that the model does not cover");
      $finish;
    end
  end
`endif

endmodule

`default_nettype wire
