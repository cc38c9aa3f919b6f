// SPDX-License-Identifier: Apache-2.0
// hwc_window: head of a convolution or pooling island: one memory that is FIFO and line buffer, and
// the issue of steps.
//
//   position (oy, ox), tap (ky, kx) reads pixel (oy*SR - PT + ky*DR, ox*SC - PL + kx*DC), or PAD
//   steps of a position: GROUPS times REPLAY times KR times KC times CP parts, the last the fastest
//
// WORD_W, DEPTH  bits of a word; words of the memory, any number that holds a window.
// ROWS, COLS     pixels of a frame, raster order.  E: words of a pixel.  OROWS, OCOLS: positions.
// SUB            sub-words of a word, sub-word 0 low: the parts (x_o has WORD_W / SUB bits).  Group g
//                reads parts g*CP .. g*CP + CP - 1; GROUPS == 1, or SUB divides CP, or CP SUB.
// KR, KC, SR, SC, DR, DC, PT, PL  kernel, stride, dilation, padding before (of rows, of columns).
// COLLECT        emissions (one every KR*KC*CP steps) complete an output word, fewer at the end of a
//                position (PER_POSITION) or frame; the step that does needs room_i, pulses reserve_o.
// PADDED         some tap lies outside the map, where PAD stands.  STYLE: as in hwc_ram.
//
// A position may begin one clock after the last pixel that it needs was written.  Its last step frees
// what lies before the next position (hwc_raster).  reserve_i: somebody will write one word (with or
// after it).  Latency 0 from the step (x_o, valid_o after the issue edge); 1 if SUB > 1 or PADDED.

`default_nettype none

module hwc_window #(
    parameter integer WORD_W = 8,  // bits
    parameter integer DEPTH = 16,  // words
    parameter integer ROWS = 4,
    parameter integer COLS = 4,
    parameter integer E = 1,
    parameter integer SUB = 1,
    parameter integer CP = 1,
    parameter integer GROUPS = 1,
    parameter integer REPLAY = 1,
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
    parameter integer COLLECT = 1,
    parameter integer PER_POSITION = 0,
    parameter integer PADDED = 0,
    parameter [WORD_W/SUB-1:0] PAD = {(WORD_W / SUB) {1'b0}},
    parameter integer STYLE = 1
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    input  wire                  reserve_i,
    input  wire                  write_i,
    input  wire [    WORD_W-1:0] data_i,
    output wire                  room_o,
    input  wire                  room_i,
    output wire                  reserve_o,
    output wire                  issue_o,
    output wire                  valid_o,
    output wire [WORD_W/SUB-1:0] x_o
);

  localparam integer A_W = (DEPTH > 1) ? $clog2(DEPTH) : 1;
  localparam integer X_W = WORD_W / SUB;
  localparam integer SPAN_R = (KR - 1) * DR;  // from the first tap to the last
  localparam integer SPAN_C = (KC - 1) * DC;
  localparam integer END_R = (OROWS - 1) * SR - PT + SPAN_R;  // last tap of the last position
  localparam integer END_C = (OCOLS - 1) * SC - PL + SPAN_C;
  localparam integer OUTSIDE = (PT > 0 || PL > 0 || END_R >= ROWS || END_C >= COLS) ? 1 : 0;
  localparam integer LIMIT = 1 << 30;  // no constant of words or emissions passes it

  // Parts: groups that share a word stay in it; any other begins with a word.
  localparam integer SHARED = (GROUPS > 1 && CP % SUB != 0) ? 1 : 0;
  localparam integer TAP_WORDS = (SHARED != 0) ? 1 : (CP + SUB - 1) / SUB;

  generate
    if (WORD_W < 1 || SUB < 1 || WORD_W % SUB != 0) begin : g_bad_word
      hwc_error_SUB_must_divide_WORD_W error ();
    end
    if (CP < 1 || GROUPS < 1 || REPLAY < 1 || E != (GROUPS * CP + SUB - 1) / SUB) begin : g_bad_e
      hwc_error_E_must_be_GROUPS_CP_over_SUB error ();
    end
    if (SHARED != 0 && SUB % CP != 0) begin : g_bad_groups
      hwc_error_a_group_begins_inside_a_word error ();
    end
    if (OUTSIDE != 0 && PADDED == 0) begin : g_bad_padded
      hwc_error_windows_leave_the_map_without_PADDED error ();
    end
    if (COLLECT < 1 || COLLECT > 32767 || REPLAY > LIMIT / GROUPS) begin : g_bad_collect
      hwc_error_bad_COLLECT_or_REPLAY error ();
    end
    if (KR > LIMIT / DR || KC > LIMIT / DC || OROWS > LIMIT / SR || OCOLS > LIMIT / SC ||
        ROWS + SPAN_R + SR + PT > LIMIT / E / (COLS + SPAN_C + SC + PL)) begin : g_large
      hwc_error_map_too_large error ();
    end
  endgenerate

  // Steps: the loops from the inside out.
  wire part_last, word_last, column_tap_last, row_tap_last, replay_last, group_last;
  wire column_last, row_last;
  wire tap_ends = part_last && word_last;
  wire window_ends = tap_ends && column_tap_last && row_tap_last;
  wire position_ends = window_ends && replay_last && group_last;
  wire frame_ends = position_ends && column_last && row_last;
  wire ready, completes, word_ends, outside;
  wire step = ready && (room_i || !completes);

  assign reserve_o = step && completes;

  hwc_count #(
      .COUNT(TAP_WORDS)
  ) words (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (step && word_ends),
      .clear_i(1'b0),
      .last_o (word_last)
  );

  hwc_raster #(
      .DEPTH(DEPTH),
      .ROWS (ROWS),
      .COLS (COLS),
      .E    (E),
      .KR   (KR),
      .KC   (KC),
      .SR   (SR),
      .SC   (SC),
      .DR   (DR),
      .DC   (DC),
      .PT   (PT),
      .PL   (PL),
      .OROWS(OROWS),
      .OCOLS(OCOLS)
  ) raster (
      .clk_i            (clk_i),
      .rst_ni           (rst_ni),
      .tap_i            (step && tap_ends),
      .move_i           (replay_last && group_last),
      .write_i          (write_i),
      .reserve_i        (reserve_i),
      .column_tap_last_o(column_tap_last),
      .row_tap_last_o   (row_tap_last),
      .column_last_o    (column_last),
      .row_last_o       (row_last),
      .outside_o        (outside),
      .ready_o          (ready),
      .room_o           (room_o)
  );

  hwc_count #(
      .COUNT(REPLAY)
  ) replays (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (step && window_ends),
      .clear_i(1'b0),
      .last_o (replay_last)
  );

  hwc_count #(
      .COUNT(GROUPS)
  ) groups (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (step && window_ends && replay_last),
      .clear_i(1'b0),
      .last_o (group_last)
  );

  // Emissions of a word, counted in units of a position, a group or one: the largest that divides.
  localparam integer PER = GROUPS * REPLAY;  // emissions of a position
  localparam integer POSITIONS = OROWS * OCOLS;
  localparam integer SMALL = (PER_POSITION != 0) ? ((PER <= COLLECT) ? PER : COLLECT) :
                             (POSITIONS <= COLLECT / PER) ? POSITIONS * PER : COLLECT;
  localparam integer UNIT = (SMALL % PER == 0) ? PER : (SMALL % REPLAY == 0) ? REPLAY : 1;
  localparam integer REST = (PER_POSITION != 0) ? PER % SMALL :
                            (POSITIONS % SMALL) * (PER % SMALL) % SMALL;
  wire unit_ends = (UNIT == PER) ? position_ends : window_ends && (UNIT == 1 || replay_last);
  wire flush = (REST != 0) && ((PER_POSITION != 0) ? position_ends : frame_ends);
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

  // Memory.  raddr is the word of the step that comes next; outside the map it is any.
  wire [A_W-1:0] waddr, raddr;
  wire [WORD_W-1:0] rdata;
  wire group_word_ends;  // the next group begins with the next word

  function integer wrapped(input integer distance);
    wrapped = (distance % DEPTH + DEPTH) % DEPTH;
  endfunction

  localparam integer LAST_GROUP = (GROUPS - 1) * ((SHARED != 0) ? CP : TAP_WORDS * SUB) / SUB;
  localparam integer BACK = -(SPAN_R * COLS + SPAN_C) * E - (TAP_WORDS - 1);
  localparam integer TO_TAP = DC * E - (TAP_WORDS - 1);
  localparam integer TO_LINE = (DR * COLS - SPAN_C) * E - (TAP_WORDS - 1);
  localparam integer TO_COLUMN = BACK + SC * E - LAST_GROUP;
  localparam integer TO_BEGIN = BACK - (OCOLS - 1) * SC * E - LAST_GROUP;  // first column
  localparam integer TO_ROW = TO_BEGIN + SR * COLS * E;
  localparam integer TO_FRAME = TO_BEGIN + (ROWS - (OROWS - 1) * SR) * COLS * E;

  wire [2:0] jump = !tap_ends ? 3'd0 : !column_tap_last ? 3'd1 : !row_tap_last ? 3'd2 :
                    !replay_last ? 3'd3 : !group_last ? (group_word_ends ? 3'd4 : 3'd3) :
                    !column_last ? 3'd5 : !row_last ? 3'd6 : 3'd7;

  hwc_jump #(
      .DEPTH(DEPTH),
      .BEGIN(wrapped(-(PT * COLS + PL) * E)),
      .COUNT(8),
      .JUMPS({
        wrapped(TO_FRAME),
        wrapped(TO_ROW),
        wrapped(TO_COLUMN),
        wrapped(BACK + TAP_WORDS),
        wrapped(BACK),
        wrapped(TO_LINE),
        wrapped(TO_TAP),
        wrapped(1)
      })
  ) reads (
      .clk_i   (clk_i),
      .rst_ni  (rst_ni),
      .step_i  (step && word_ends),
      .select_i(jump),
      .addr_o  (raddr)
  );

  hwc_address #(
      .DEPTH(DEPTH)
  ) writes (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .step_i(write_i),
      .addr_o(waddr)
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
      .rdata_o(rdata)
  );

  // Output.
  reg  valid_q;
  wire [X_W-1:0] x;

  generate
    if (SUB == 1) begin : g_word
      assign part_last       = 1'b1;
      assign word_ends       = 1'b1;
      assign group_word_ends = 1'b1;
      assign x               = rdata;
    end else begin : g_sub
      localparam integer S_W = $clog2(SUB);
      localparam integer LAST = SUB - 1;
      localparam integer PART_LAST = (CP - 1) % SUB;  // of the last word of a tap
      localparam integer GROUP_BACK = 1 - CP;
      reg [S_W-1:0] sub_q, select_q, sub_d;
      reg [X_W-1:0] chosen;
      wire sub_last = sub_q == LAST[S_W-1:0];
      integer k;

      always @* begin
        chosen = {X_W{1'b0}};
        for (k = 0; k < SUB; k = k + 1)
          chosen = chosen | (rdata[k*X_W+:X_W] & {X_W{select_q == k[S_W-1:0]}});
      end

      if (SHARED != 0) begin : g_shared
        reg ends;
        integer g;
        always @* begin
          ends = 1'b0;
          for (g = PART_LAST; g < SUB; g = g + CP) ends = ends || sub_q == g[S_W-1:0];
          if (!ends || (window_ends && replay_last)) sub_d = sub_q + {{(S_W - 1) {1'b0}}, 1'b1};
          else sub_d = sub_q + GROUP_BACK[S_W-1:0];
          if (position_ends || (ends && sub_last && window_ends && replay_last)) sub_d = 0;
        end
        assign part_last = ends;
        assign word_ends = ends;
      end else begin : g_own
        assign part_last = sub_q == PART_LAST[S_W-1:0];
        assign word_ends = sub_last || tap_ends;
        always @* sub_d = word_ends ? {S_W{1'b0}} : sub_q + {{(S_W - 1) {1'b0}}, 1'b1};
      end

      always @(posedge clk_i) begin
        if (!rst_ni) sub_q <= {S_W{1'b0}};
        else if (step) sub_q <= sub_d;
        select_q <= sub_q;
      end

      assign group_word_ends = (SHARED == 0) || sub_last;
      assign x = chosen;
    end

    if (SUB == 1 && PADDED == 0) begin : g_prompt
      wire unused_outside = &{1'b0, outside};
      assign issue_o = step;
      assign x_o     = x;
    end else begin : g_late
      reg issue_q, outside_q;
      reg [X_W-1:0] x_q;

      always @(posedge clk_i) begin
        issue_q   <= rst_ni && step;
        outside_q <= outside;
        if (outside_q) x_q <= PAD;
        else x_q <= x;
      end

      assign issue_o = issue_q;
      assign x_o     = x_q;
    end
  endgenerate

  always @(posedge clk_i) valid_q <= rst_ni && issue_o;

  assign valid_o = valid_q;

endmodule

`default_nettype wire
