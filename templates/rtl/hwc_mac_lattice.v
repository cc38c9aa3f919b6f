// SPDX-License-Identifier: Apache-2.0
// hwc_mac_lattice: the bodies of hwc_mac for ECP5 and iCE40 UltraPlus, same equation and timing.
//
//   P = a * b + (CAS ? pcin : 0) + (first ? (BIAS ? c : 0) : (ACC ? P : 0)), low P_W bits
//
// FAMILY  3 MULT18X18D: product in the block (registers IN and PIPELINE), sum in logic; a bare
//           product ends in its output register, 0 LUT and 0 FF.
//         4 SB_MAC16: product, adder and P in the block up to 32 bits (wider: adder in logic).
//           What is added besides the product comes through C and D: pcin costs nothing, a bias
//           or an own sum a LUT a bit.  Cannot cascade and accumulate (or add a bias).
// A_W, B_W  bits: at most 18 x 18 (FAMILY 3), 16 x 16 (FAMILY 4).  Others as in hwc_mac.

`default_nettype none

module hwc_mac_lattice #(
    parameter integer FAMILY = 0,
    parameter integer A_W    = 16,  // bits
    parameter integer B_W    = 16,  // bits
    parameter integer CAS    = 0,
    parameter integer ACC    = 0,
    parameter integer BIAS   = 0,
    parameter integer P_W    = 32   // bits
) (
    // verilator lint_off UNUSEDSIGNAL
    input  wire           clk_i,
    input  wire [A_W-1:0] a_i,      // signed
    input  wire [B_W-1:0] b_i,      // signed
    input  wire [P_W-1:0] c_i,
    input  wire           first_i,
    input  wire           en_i,
    input  wire [P_W-1:0] pcin_i,
    // verilator lint_on UNUSEDSIGNAL
    output wire [P_W-1:0] p_o
);

  localparam integer MORE = (CAS != 0 || ACC != 0 || BIAS != 0) ? 1 : 0;  // more than a product
  localparam integer SUM_IN_BLOCK =
      ((FAMILY == 4 && P_W <= 32) || (FAMILY == 3 && MORE == 0)) ? 1 : 0;
  localparam integer PRODUCT_W = (FAMILY == 3) ? 36 : 32;

  // verilator lint_off UNUSEDSIGNAL
  wire [PRODUCT_W-1:0] o;  // of the block
  wire [PRODUCT_W+P_W-1:0] o_wide = {{P_W{o[PRODUCT_W-1]}}, o};
  // verilator lint_on UNUSEDSIGNAL
  wire [P_W-1:0] p;

  assign p_o = p;

  // What is added to the product: the first step's word, or the own sum.
  wire [P_W-1:0] onto;

  generate
    if (ACC == 0 && BIAS == 0) begin : g_nothing
      assign onto = {P_W{1'b0}};
    end else if (BIAS == 0) begin : g_own
      reg first_q;
      initial first_q = 1'b0;
      always @(posedge clk_i) first_q <= first_i;
      assign onto = p & {P_W{!first_q}};
    end else begin : g_bias
      if (ACC != 0) begin : g_both
        reg [P_W-1:0] c_q;
        reg first_q;
        initial c_q = {P_W{1'b0}};
        initial first_q = 1'b0;
        always @(posedge clk_i) c_q <= c_i;
        always @(posedge clk_i) first_q <= first_i;
        assign onto = first_q ? c_q : p;
      end else if (FAMILY == 4 && SUM_IN_BLOCK != 0) begin : g_block  // C and D have the register
        assign onto = c_i & {P_W{first_i}};
      end else begin : g_logic
        reg [P_W-1:0] c_q;
        initial c_q = {P_W{1'b0}};
        always @(posedge clk_i) c_q <= c_i & {P_W{first_i}};
        assign onto = c_q;
      end
    end

    if (SUM_IN_BLOCK != 0) begin : g_in_block
      assign p = o_wide[P_W-1:0];
    end else begin : g_in_logic
      reg [P_W-1:0] p_q;
      initial p_q = {P_W{1'b0}};  // as a block powers up
      if (CAS == 0) begin : g_first
        always @(posedge clk_i) if (en_i) p_q <= o_wide[P_W-1:0] + onto;
      end else if (ACC == 0 && BIAS == 0) begin : g_link
        always @(posedge clk_i) if (en_i) p_q <= o_wide[P_W-1:0] + pcin_i;
      end else begin : g_all
        always @(posedge clk_i) if (en_i) p_q <= o_wide[P_W-1:0] + pcin_i + onto;
      end
      assign p = p_q;
    end

    if (FAMILY != 3 && FAMILY != 4) begin : g_neither
      assign o = {PRODUCT_W{1'b0}};
    end

    if (FAMILY == 3) begin : g_ecp5
      wire [17:0] a = {{(18 - A_W) {a_i[A_W-1]}}, a_i};
      wire [17:0] b = {{(18 - B_W) {b_i[B_W-1]}}, b_i};
      // verilator lint_off PINMISSING
      // verilator lint_off WIDTHTRUNC
      MULT18X18D #(
          .REG_INPUTA_CLK  ("CLK0"),
          .REG_INPUTB_CLK  ("CLK0"),
          .REG_PIPELINE_CLK("CLK0"),
          .REG_OUTPUT_CLK  ((MORE != 0) ? "NONE" : "CLK0"),
          .REG_OUTPUT_CE   ("CE1"),
          .SOURCEB_MODE    ("B_SHIFT"),
          .MULT_BYPASS     ("DISABLED"),
          .RESETMODE       ("SYNC"),
          .GSR             ("DISABLED")
      ) mult (
          .A0(a[0]), .A1(a[1]), .A2(a[2]), .A3(a[3]), .A4(a[4]), .A5(a[5]), .A6(a[6]), .A7(a[7]),
          .A8(a[8]), .A9(a[9]), .A10(a[10]), .A11(a[11]), .A12(a[12]), .A13(a[13]), .A14(a[14]),
          .A15(a[15]), .A16(a[16]), .A17(a[17]), .B0(b[0]), .B1(b[1]), .B2(b[2]), .B3(b[3]),
          .B4(b[4]), .B5(b[5]), .B6(b[6]), .B7(b[7]), .B8(b[8]), .B9(b[9]), .B10(b[10]),
          .B11(b[11]), .B12(b[12]), .B13(b[13]), .B14(b[14]), .B15(b[15]), .B16(b[16]),
          .B17(b[17]), .SIGNEDA(1'b1), .SIGNEDB(1'b1), .SOURCEA(1'b0), .SOURCEB(1'b0),
          .CLK0(clk_i), .CLK1(1'b0), .CLK2(1'b0), .CLK3(1'b0), .CE0(1'b1), .CE1(en_i), .CE2(1'b0),
          .CE3(1'b0), .RST0(1'b0), .RST1(1'b0), .RST2(1'b0), .RST3(1'b0), .P0(o[0]), .P1(o[1]),
          .P2(o[2]), .P3(o[3]), .P4(o[4]), .P5(o[5]), .P6(o[6]), .P7(o[7]), .P8(o[8]), .P9(o[9]),
          .P10(o[10]), .P11(o[11]), .P12(o[12]), .P13(o[13]), .P14(o[14]), .P15(o[15]),
          .P16(o[16]), .P17(o[17]), .P18(o[18]), .P19(o[19]), .P20(o[20]), .P21(o[21]),
          .P22(o[22]), .P23(o[23]), .P24(o[24]), .P25(o[25]), .P26(o[26]), .P27(o[27]),
          .P28(o[28]), .P29(o[29]), .P30(o[30]), .P31(o[31]), .P32(o[32]), .P33(o[33]),
          .P34(o[34]), .P35(o[35])
      );
      // verilator lint_on WIDTHTRUNC
      // verilator lint_on PINMISSING
    end

    if (FAMILY == 4) begin : g_ice40
      wire [15:0] a = {{(16 - A_W) {a_i[A_W-1]}}, a_i};
      wire [15:0] b = {{(16 - B_W) {b_i[B_W-1]}}, b_i};
      // verilator lint_off UNUSEDSIGNAL
      wire [P_W+31:0] added = {32'd0, (CAS != 0) ? pcin_i : onto};
      // verilator lint_on UNUSEDSIGNAL
      localparam [0:0] ADDEND_REG = (BIAS != 0 && ACC == 0);
      localparam [1:0] OUT = (SUM_IN_BLOCK != 0) ? 2'b01 : 2'b11;  // P, or the product
      wire hold = !en_i;
      // verilator lint_off PINCONNECTEMPTY
      SB_MAC16 #(
          .A_REG(1'b1),
          .B_REG(1'b1),
          .C_REG(ADDEND_REG),
          .D_REG(ADDEND_REG),
          .PIPELINE_16x16_MULT_REG2(1'b1),
          .TOPOUTPUT_SELECT(OUT),
          .TOPADDSUB_LOWERINPUT(2'b10),  // the product
          .TOPADDSUB_UPPERINPUT(1'b1),  // C
          .TOPADDSUB_CARRYSELECT(2'b11),  // of the lower half
          .BOTOUTPUT_SELECT(OUT),
          .BOTADDSUB_LOWERINPUT(2'b10),
          .BOTADDSUB_UPPERINPUT(1'b1),  // D
          .BOTADDSUB_CARRYSELECT(2'b00),
          .A_SIGNED(1'b1),
          .B_SIGNED(1'b1)
      ) mac (
          .CLK(clk_i),
          .CE(1'b1),
          .A(a),
          .B(b),
          .C(added[31:16]),
          .D(added[15:0]),
          .AHOLD(1'b0),
          .BHOLD(1'b0),
          .CHOLD(1'b0),
          .DHOLD(1'b0),
          .IRSTTOP(1'b0),
          .IRSTBOT(1'b0),
          .ORSTTOP(1'b0),
          .ORSTBOT(1'b0),
          .OLOADTOP(1'b0),
          .OLOADBOT(1'b0),
          .ADDSUBTOP(1'b0),
          .ADDSUBBOT(1'b0),
          .OHOLDTOP(hold),
          .OHOLDBOT(hold),
          .CI(1'b0),
          .ACCUMCI(1'b0),
          .SIGNEXTIN(1'b0),
          .O(o),
          .CO(),
          .ACCUMCO(),
          .SIGNEXTOUT()
      );
      // verilator lint_on PINCONNECTEMPTY
    end
  endgenerate

endmodule

`default_nettype wire
