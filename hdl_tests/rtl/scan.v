// SPDX-License-Identifier: Apache-2.0
// scan: hwc_scan and hwc_patch as a generated top wires them, for test_scan.py.

`default_nettype none

module scan #(
    parameter integer WORD_W = 8,
    parameter integer DEPTH = 4,
    parameter integer ROWS = 4,
    parameter integer COLS = 4,
    parameter integer KR = 3,
    parameter integer KC = 3,
    parameter integer SR = 1,
    parameter integer SC = 1,
    parameter integer DR = 1,
    parameter integer DC = 1,
    parameter integer PT = 0,
    parameter integer PL = 0,
    parameter integer OROWS = 2,
    parameter integer OCOLS = 2,
    parameter integer REPLAY = 1,
    parameter integer COLLECT = 1,
    parameter integer PER_POSITION = 0,
    parameter integer STYLE = 1,
    parameter integer PADDED = 0,
    parameter [WORD_W-1:0] PAD = {WORD_W{1'b0}},
    parameter integer LINES = 1  // STYLE of the line memories
) (
    input  wire                    clk_i,
    input  wire                    rst_ni,
    input  wire                    reserve_i,
    input  wire                    write_i,
    input  wire [      WORD_W-1:0] data_i,
    output wire                    room_o,
    input  wire                    room_i,
    output wire                    reserve_o,
    output wire                    shift_o,
    output wire                    first_o,
    output wire                    outside_o,
    output wire [          KR-1:0] rows_o,
    output wire                    issue_o,
    output wire                    valid_o,
    output wire [KR*KC*WORD_W-1:0] x_o
);

  wire [WORD_W-1:0] data;

  hwc_scan #(
      .WORD_W(WORD_W),
      .DEPTH(DEPTH),
      .ROWS(ROWS),
      .COLS(COLS),
      .KR(KR),
      .KC(KC),
      .SR(SR),
      .SC(SC),
      .DR(DR),
      .DC(DC),
      .PT(PT),
      .PL(PL),
      .OROWS(OROWS),
      .OCOLS(OCOLS),
      .REPLAY(REPLAY),
      .COLLECT(COLLECT),
      .PER_POSITION(PER_POSITION),
      .STYLE(STYLE)
  ) head (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .reserve_i(reserve_i),
      .write_i(write_i),
      .data_i(data_i),
      .room_o(room_o),
      .room_i(room_i),
      .reserve_o(reserve_o),
      .shift_o(shift_o),
      .data_o(data),
      .first_o(first_o),
      .outside_o(outside_o),
      .rows_o(rows_o),
      .issue_o(issue_o),
      .valid_o(valid_o)
  );

  hwc_patch #(
      .WORD_W(WORD_W),
      .COLS(COLS),
      .KR(KR),
      .KC(KC),
      .DR(DR),
      .DC(DC),
      .PADDED(PADDED),
      .PAD(PAD),
      .STYLE(LINES)
  ) patch (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .shift_i(shift_o),
      .data_i(data),
      .first_i(first_o),
      .outside_i(outside_o),
      .rows_i(rows_o),
      .x_o(x_o)
  );

endmodule

`default_nettype wire
