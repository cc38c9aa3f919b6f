// SPDX-License-Identifier: Apache-2.0
// hwc_scan: head of a convolution or pooling island that sees the whole window in one clock: a FIFO
// of pixels and the issue of steps, for hwc_patch.
//
//   position (oy, ox), tap (ky, kx) reads pixel (oy*SR - PT + ky*DR, ox*SC - PL + kx*DC), or PAD
//   steps of a frame: the pixels (y, x), row by row, out to the last tap of all in both directions
//
// WORD_W, DEPTH  bits of a word, which is a pixel; words of the FIFO, >= 1.
// ROWS, COLS     pixels of a frame, raster order.  OROWS, OCOLS: positions.
// KR, KC, SR, SC, DR, DC, PT, PL  kernel, stride, dilation, padding before (of rows, of columns).
// REPLAY         emissions of a position: the step to its last tap, and REPLAY - 1 that hold.
// COLLECT        emissions complete an output word, fewer at the end of a position (PER_POSITION)
//                or frame; the step that does needs room_i, pulses reserve_o.
// STYLE          of the FIFO: as in hwc_ram.
//
// A step inside the map takes a word, at the earliest one clock after it was written, and frees its
// place; one outside takes nothing and waits for no word.  Only steps that complete an output word
// wait for room.  reserve_i: somebody will write one word (with or after it).
// shift_o, data_o and the flags, which hwc_patch explains, are valid after the edge of the step.
// Latency of the pair 1: valid_o, with the window in hwc_patch's x_o, one edge after that.

`default_nettype none

module hwc_scan #(
    parameter integer WORD_W = 8,  // bits
    parameter integer DEPTH = 4,  // words
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
    parameter integer STYLE = 1
) (
    input  wire              clk_i,
    input  wire              rst_ni,
    input  wire              reserve_i,
    input  wire              write_i,
    input  wire [WORD_W-1:0] data_i,
    output wire              room_o,
    input  wire              room_i,
    output wire              reserve_o,
    output wire              shift_o,
    output wire [WORD_W-1:0] data_o,
    output wire              first_o,
    output wire              outside_o,
    output wire [    KR-1:0] rows_o,
    output wire              issue_o,
    output wire              valid_o
);

  localparam integer A_W = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam integer SPAN_R = (KR - 1) * DR;  // from the first tap to the last
  localparam integer LIMIT = 1 << 30;

  generate
    if (WORD_W < 1 || DEPTH < 1) begin : g_bad
      hwc_error_bad_WORD_W_or_DEPTH error ();
    end
    if (REPLAY < 1 || COLLECT < 1 || COLLECT > 32767) begin : g_bad_collect
      hwc_error_bad_COLLECT_or_REPLAY error ();
    end
    if (KR > LIMIT / DR || KC > LIMIT / DC || OROWS > LIMIT / SR || OCOLS > LIMIT / SC ||
        OROWS > LIMIT / OCOLS || ROWS > LIMIT || COLS > LIMIT) begin : g_large
      hwc_error_map_too_large error ();
    end
  endgenerate

  // Steps.
  wire some;  // a word is there
  wire again;  // the window stays
  wire column_last, column_outside, column_complete, column_end;
  wire row_last, row_outside, row_complete, row_end;
  wire replay_last, completes;
  wire here = !column_outside && !row_outside;
  wire emits = column_complete && row_complete;
  wire step = (some || again || !here) && (room_i || !completes);
  wire shift = step && !again;
  wire take = shift && here;
  wire advance = step && (!emits || replay_last);
  wire row_done = advance && column_last;

  assign reserve_o = step && completes;

  hwc_walk #(
      .SIZE    (COLS),
      .KERNEL  (KC),
      .STRIDE  (SC),
      .DILATION(DC),
      .BEFORE  (PL),
      .OUT     (OCOLS)
  ) columns (
      .clk_i          (clk_i),
      .rst_ni         (rst_ni),
      .step_i         (advance),
      .last_o         (column_last),
      .outside_o      (column_outside),
      .complete_o     (column_complete),
      .complete_last_o(column_end)
  );

  hwc_walk #(
      .SIZE    (ROWS),
      .KERNEL  (KR),
      .STRIDE  (SR),
      .DILATION(DR),
      .BEFORE  (PT),
      .OUT     (OROWS)
  ) rows (
      .clk_i          (clk_i),
      .rst_ni         (rst_ni),
      .step_i         (row_done),
      .last_o         (row_last),
      .outside_o      (row_outside),
      .complete_o     (row_complete),
      .complete_last_o(row_end)
  );

  hwc_count #(
      .COUNT(REPLAY)
  ) replays (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (step && emits),
      .clear_i(1'b0),
      .last_o (replay_last)
  );

  generate
    if (REPLAY == 1) begin : g_once
      assign again = 1'b0;
    end else begin : g_again
      reg again_q;
      always @(posedge clk_i) begin
        if (!rst_ni) again_q <= 1'b0;
        else if (step) again_q <= emits && !replay_last;
      end
      assign again = again_q;
    end
  endgenerate

  // Emissions of a word, counted in units of a position or one: the larger that divides.
  localparam integer POSITIONS = OROWS * OCOLS;
  localparam integer SMALL = (PER_POSITION != 0) ? ((REPLAY <= COLLECT) ? REPLAY : COLLECT) :
                             (POSITIONS <= COLLECT / REPLAY) ? POSITIONS * REPLAY : COLLECT;
  localparam integer UNIT = (SMALL % REPLAY == 0) ? REPLAY : 1;
  localparam integer REST = ((PER_POSITION != 0) ? REPLAY :
                             (POSITIONS % SMALL) * (REPLAY % SMALL)) % SMALL;
  wire position_ends = emits && replay_last;
  wire unit_ends = emits && (UNIT == 1 || replay_last);
  wire flush = (REST != 0) && position_ends && (PER_POSITION != 0 || (column_end && row_end));
  wire unit_last;

  hwc_count #(
      .COUNT(SMALL / UNIT)
  ) emissions (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (step && unit_ends),
      .clear_i(flush),
      .last_o (unit_last)
  );

  assign completes = unit_ends && (unit_last || flush);

  // Words: how many are there, how many places are free.
  hwc_level #(
      .MAX (DEPTH),
      .FULL(0)
  ) unread (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .up_i  (write_i),
      .down_i(take),
      .some_o(some)
  );

  hwc_level #(
      .MAX (DEPTH),
      .FULL(1)
  ) places (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .up_i  (take),
      .down_i(reserve_i),
      .some_o(room_o)
  );

  // Memory.  raddr is the word of the step that comes next.
  wire [A_W-1:0] waddr, raddr;

  hwc_address #(
      .DEPTH(DEPTH)
  ) writes (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .step_i(write_i),
      .addr_o(waddr)
  );

  hwc_address #(
      .DEPTH(DEPTH)
  ) reads (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .step_i(take),
      .addr_o(raddr)
  );

  hwc_ram #(
      .WIDTH(WORD_W),
      .DEPTH(DEPTH),
      .STYLE(STYLE)
  ) ram (
      .clk_i  (clk_i),
      .we_i   (write_i),
      .waddr_i(waddr),
      .wdata_i(data_i),
      .re_i   (1'b1),
      .raddr_i(raddr),
      .rdata_o(data_o)
  );

  // Which rows of the window lie inside the map: bit s of `lines` is the row s above this one.
  wire [SPAN_R:0] lines;
  reg [KR-1:0] missing, missing_q;  // pixels of the column
  integer k;

  assign lines[0] = !row_outside;

  generate
    if (SPAN_R == 0) begin : g_no_lines
      wire unused_row_last = row_last;
    end else begin : g_lines
      reg [SPAN_R:1] lines_q;
      always @(posedge clk_i) begin
        if (!rst_ni || (row_done && row_last)) lines_q <= {SPAN_R{1'b0}};
        else if (row_done) lines_q <= lines[SPAN_R-1:0];
      end
      assign lines[SPAN_R:1] = lines_q;
    end
  endgenerate

  always @* for (k = 0; k < KR; k = k + 1) missing[k] = column_outside || !lines[(KR-1-k)*DR];

  // Output.  Flags that set or reset registers of hwc_patch are registers, high only with a shift.
  reg start_q;  // x == 0
  reg shift_q, first_q, outside_q, issue_q, valid_q;

  always @(posedge clk_i) begin
    if (!rst_ni) start_q <= 1'b1;
    else if (advance) start_q <= column_last;
    shift_q   <= rst_ni && shift;
    first_q   <= shift && start_q;
    outside_q <= column_outside;
    missing_q <= missing & {KR{shift}};
    issue_q   <= rst_ni && step && emits;
    valid_q   <= rst_ni && issue_q;
  end

  assign shift_o   = shift_q;
  assign first_o   = first_q;
  assign outside_o = outside_q;
  assign rows_o    = ~missing_q;
  assign issue_o   = issue_q;
  assign valid_o   = valid_q;

endmodule

`default_nettype wire
