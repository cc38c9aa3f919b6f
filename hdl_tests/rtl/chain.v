// SPDX-License-Identifier: Apache-2.0
// chain: a two-layer network wired by hand for test_stream.py: every kind of head, core and border.
//
//   in -> buffer A (SUB, REPLAY) -> dense_lut -> requant -> collect -> buffer B -> dense_dsp
//      -> requant -> out.  Beats of S1*X_W bits in, PE2*Y_W bits out.

`default_nettype none
`include "weights.vh"  // LAYER1, LAYER2: their ROMs

module chain #(
    parameter integer IN_BEATS = 4,
    parameter integer Q1 = 2,       // elements of a beat and of a word of A
    parameter integer S1 = 2,       // columns of layer 1
    parameter integer PE1 = 1,      // rows of layer 1
    parameter integer CF1 = 4,
    parameter integer RF1 = 4,
    parameter integer L1 = 1,
    parameter integer DEPTH1 = 8,
    parameter integer C1 = 2,       // emissions in a word of B
    parameter integer S2 = 2,       // columns of layer 2
    parameter integer PE2 = 1,
    parameter integer CF2 = 2,
    parameter integer RF2 = 3,
    parameter integer SEG2 = 2,
    parameter integer L2 = 0,
    parameter integer FABRIC = 0,
    parameter integer DEPTH2 = 4,
    parameter integer C2 = 1,       // emissions in an output beat
    parameter integer OUT_BEATS = 3,
    parameter integer DEPTH3 = 3,
    parameter integer X_W = 4,
    parameter integer W_W = 4,
    parameter integer ACC1 = 14,
    parameter integer ACC2 = 14,
    parameter integer SHIFT1 = 3,
    parameter integer SHIFT2 = 3
) (
    input  wire                            aclk,
    input  wire                            aresetn,
    input  wire [((Q1*X_W+7)/8)*8-1:0]     s_axis_tdata,
    input  wire                            s_axis_tvalid,
    output wire                            s_axis_tready,
    input  wire                            s_axis_tlast,
    output wire [((C2*PE2*X_W+7)/8)*8-1:0] m_axis_tdata,
    output wire                            m_axis_tvalid,
    input  wire                            m_axis_tready,
    output wire                            m_axis_tlast,
    output wire                            frame_error
);

  localparam integer SUB1 = Q1 / S1;
  localparam integer WORD2 = C1 * PE1;  // elements of a word of B
  localparam integer SUB2 = WORD2 / S2;
  localparam [5:0] SH1 = SHIFT1;
  localparam [5:0] SH2 = SHIFT2;

  wire room0, room1, room2, write0, reserve1, reserve2, write1, write2;
  wire issue1, issue2, valid1, valid2, v_acc1, v_acc2, v_y1, v_y2;
  wire [Q1*X_W-1:0] data0;
  wire [S1*X_W-1:0] x1;
  wire [S2*X_W-1:0] x2;
  wire [PE1*ACC1-1:0] acc1;
  wire [PE2*ACC2-1:0] acc2;
  wire [PE1*X_W-1:0] y1;
  wire [PE2*X_W-1:0] y2;
  wire [WORD2*X_W-1:0] data1;
  wire [C2*PE2*X_W-1:0] data2;

  hwc_input #(.DATA_W(Q1 * X_W), .TDATA_W(((Q1 * X_W + 7) / 8) * 8), .BEATS(IN_BEATS)) in (
      .clk_i(aclk), .rst_ni(aresetn), .s_axis_tdata(s_axis_tdata), .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready), .s_axis_tlast(s_axis_tlast), .room_i(room0), .write_o(write0),
      .data_o(data0), .frame_error_o(frame_error));

  hwc_buffer #(.WORD_W(Q1 * X_W), .DEPTH(DEPTH1), .WORDS(IN_BEATS), .SUB(SUB1), .STEPS(CF1),
      .REPLAY(RF1), .EMIT(CF1), .COLLECT(C1), .STYLE(1)) a (
      .clk_i(aclk), .rst_ni(aresetn), .reserve_i(write0), .write_i(write0), .data_i(data0),
      .room_o(room0), .room_i(room1), .reserve_o(reserve1), .issue_o(issue1), .valid_o(valid1),
      .x_o(x1));

  hwc_dense_lut #(.PE(PE1), .SIMD(S1), .X_W(X_W), .X_SIGNED(1), .W_W(W_W), .ACC_W(ACC1), .CF(CF1),
      .RF(RF1), .LEVELS(L1), `LAYER1) layer1 (
      .clk_i(aclk), .rst_ni(aresetn), .issue_i(issue1), .x_i(x1), .valid_o(v_acc1), .acc_o(acc1));

  hwc_requant #(.LANES(PE1), .IN_W(ACC1), .OUT_W(X_W), .SHIFTS({PE1{SH1}}),
      .LO(-(1 << (X_W - 1))), .HI((1 << (X_W - 1)) - 1)) r1 (
      .clk_i(aclk), .rst_ni(aresetn), .valid_i(v_acc1), .acc_i(acc1), .valid_o(v_y1), .y_o(y1));

  hwc_collect #(.IN_W(PE1 * X_W), .GROUP(C1), .COUNT(RF1)) c1 (
      .clk_i(aclk), .rst_ni(aresetn), .valid_i(v_y1), .data_i(y1), .write_o(write1),
      .data_o(data1));

  hwc_buffer #(.WORD_W(WORD2 * X_W), .DEPTH(DEPTH2), .WORDS((CF2 + SUB2 - 1) / SUB2), .SUB(SUB2),
      .STEPS(CF2), .REPLAY(RF2), .EMIT(CF2), .COLLECT(C2), .STYLE(1)) b (
      .clk_i(aclk), .rst_ni(aresetn), .reserve_i(reserve1), .write_i(write1), .data_i(data1),
      .room_o(room1), .room_i(room2), .reserve_o(reserve2), .issue_o(issue2), .valid_o(valid2),
      .x_o(x2));

  hwc_dense_dsp #(.PE(PE2), .SIMD(S2), .X_W(X_W), .X_SIGNED(1), .W_W(W_W), .ACC_W(ACC2),
      .CF(CF2), .RF(RF2), .SEGMENT(SEG2), .LEVELS(L2), .FABRIC_ACC(FABRIC), `LAYER2) layer2 (
      .clk_i(aclk), .rst_ni(aresetn), .issue_i(issue2), .x_i(x2), .valid_o(v_acc2), .acc_o(acc2));

  hwc_requant #(.LANES(PE2), .IN_W(ACC2), .OUT_W(X_W), .SHIFTS({PE2{SH2}}),
      .LO(-(1 << (X_W - 1))), .HI((1 << (X_W - 1)) - 1)) r2 (
      .clk_i(aclk), .rst_ni(aresetn), .valid_i(v_acc2), .acc_i(acc2), .valid_o(v_y2), .y_o(y2));

  hwc_collect #(.IN_W(PE2 * X_W), .GROUP(C2), .COUNT(RF2)) c2 (
      .clk_i(aclk), .rst_ni(aresetn), .valid_i(v_y2), .data_i(y2), .write_o(write2),
      .data_o(data2));

  hwc_output #(.DATA_W(C2 * PE2 * X_W), .TDATA_W(((C2 * PE2 * X_W + 7) / 8) * 8), .DEPTH(DEPTH3),
      .BEATS(OUT_BEATS), .STYLE(1)) out (
      .clk_i(aclk), .rst_ni(aresetn), .reserve_i(reserve2), .write_i(write2), .data_i(data2),
      .room_o(room2), .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready), .m_axis_tlast(m_axis_tlast));

endmodule

`default_nettype wire
