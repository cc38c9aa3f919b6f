// SPDX-License-Identifier: Apache-2.0
// MULT18X18D: simulation and proof model of what hwc_mac_lattice uses, written from FPGA-TN-02205,
// ECP5 and ECP5-5G sysDSP Usage Guide, and compared with reading Lattice's simulation library.
//
//   P = A * B through the registers IN (A and B), PIPELINE and OUTPUT, each with its clock enable
//
// Both operands signed, direct inputs, CLK0 everywhere, no reset.  Anything else stops the
// simulation.  Registers power up as zero.  Only for tests: it takes the vendor's name.

`default_nettype none

module MULT18X18D #(
    parameter REG_INPUTA_CLK = "NONE",
    parameter REG_INPUTA_CE = "CE0",
    parameter REG_INPUTB_CLK = "NONE",
    parameter REG_INPUTB_CE = "CE0",
    parameter REG_PIPELINE_CLK = "NONE",
    parameter REG_PIPELINE_CE = "CE0",
    parameter REG_OUTPUT_CLK = "NONE",
    parameter REG_OUTPUT_CE = "CE0",
    parameter SOURCEB_MODE = "B_SHIFT",
    parameter MULT_BYPASS = "DISABLED",
    parameter RESETMODE = "SYNC",
    parameter GSR = "ENABLED"
) (
    input  wire A0, A1, A2, A3, A4, A5, A6, A7, A8,
    input  wire A9, A10, A11, A12, A13, A14, A15, A16, A17,
    input  wire B0, B1, B2, B3, B4, B5, B6, B7, B8,
    input  wire B9, B10, B11, B12, B13, B14, B15, B16, B17,
    input  wire SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input  wire CLK0, CLK1, CLK2, CLK3,
    input  wire CE0, CE1, CE2, CE3,
    input  wire RST0, RST1, RST2, RST3,
    output wire P0, P1, P2, P3, P4, P5, P6, P7, P8,
    output wire P9, P10, P11, P12, P13, P14, P15, P16, P17,
    output wire P18, P19, P20, P21, P22, P23, P24, P25, P26,
    output wire P27, P28, P29, P30, P31, P32, P33, P34, P35
);

  reg signed [17:0] a_q, b_q;
  reg signed [35:0] m_q, p_q;

  initial begin
    a_q = 18'd0;
    b_q = 18'd0;
    m_q = 36'd0;
    p_q = 36'd0;
  end

  always @(posedge CLK0) begin
    if (CE0) a_q <= {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
    if (CE0) b_q <= {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
    if (CE0) m_q <= a_q * b_q;
    if ((REG_OUTPUT_CE == "CE1") ? CE1 : CE0) p_q <= m_q;
  end

  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
          P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = (REG_OUTPUT_CLK == "CLK0") ? p_q : m_q;

`ifndef PROOF
  wire clocks = (REG_INPUTA_CLK == "CLK0") && (REG_INPUTB_CLK == "CLK0") && (REG_PIPELINE_CLK == "CLK0");
  wire enables = (REG_INPUTA_CE == "CE0") && (REG_INPUTB_CE == "CE0") && (REG_PIPELINE_CE == "CE0");
  wire last = (REG_OUTPUT_CLK == "NONE") || (REG_OUTPUT_CLK == "CLK0" && REG_OUTPUT_CE == "CE1");
  wire plain = (SOURCEB_MODE == "B_SHIFT") && (MULT_BYPASS == "DISABLED") && SIGNEDA && SIGNEDB;
  wire quiet = !SOURCEA && !SOURCEB && !RST0 && !RST1 && !RST2 && !RST3 && (GSR == "DISABLED");

  always @(posedge CLK0) begin
    if (!(clocks && enables && last && plain && quiet)) begin
      $display("MULT18X18D model: %m is used in a way that the model does not cover");
      $finish;
    end
  end
`endif

endmodule

`default_nettype wire
