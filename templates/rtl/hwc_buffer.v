// SPDX-License-Identifier: Apache-2.0
// hwc_buffer: head of an island: one memory that is FIFO and replay buffer, and the issue of steps.
//
//   frame = WORDS words written; steps = REPLAY times over the STEPS sub-words of the frame
//
// WORD_W  bits of a word.  WORDS = ceil(STEPS / SUB) a frame.  DEPTH: words, >= WORDS if REPLAY > 1.
// SUB     sub-words in a word (x_o has WORD_W / SUB bits), sub-word 0 low; what is left over in
//         the last word of a frame is not read.  STEPS a replay, REPLAY replays a frame.
// EMIT    steps that make one emission of the island, but the first SKIP of a frame make none.
//         COLLECT emissions complete an output word, fewer at the end of a frame; the step that
//         completes one needs room_i and pulses reserve_o.
// STYLE   of the memory: as in hwc_ram.
//
// A word may be read one clock after it was written; its place is free again with the step that
// reads it for the last time.  reserve_i: somebody will write one word (with or after it).
// Latency 0 from the step (x_o, valid_o after the issue edge); 1 if SUB > 1, for the multiplexer.

`default_nettype none

module hwc_buffer #(
    parameter integer WORD_W  = 8,  // bits
    parameter integer DEPTH   = 8,  // words
    parameter integer WORDS   = 4,
    parameter integer SUB     = 1,
    parameter integer STEPS   = 4,
    parameter integer REPLAY  = 1,
    parameter integer EMIT    = 1,
    parameter integer COLLECT = 1,
    parameter integer STYLE   = 1,
    parameter integer SKIP    = 0
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
  localparam integer TURNS = STEPS * REPLAY / EMIT;  // of EMIT steps, a frame
  localparam integer EMISSIONS = TURNS - SKIP;

  generate
    if (WORD_W < 1 || SUB < 1 || WORD_W % SUB != 0) begin : g_bad_word
      hwc_error_SUB_must_divide_WORD_W error ();
    end
    if (STEPS < 1 || REPLAY < 1 || WORDS != (STEPS + SUB - 1) / SUB) begin : g_bad_words
      hwc_error_WORDS_must_be_STEPS_over_SUB error ();
    end
    if (DEPTH < ((REPLAY == 1) ? 1 : WORDS)) begin : g_bad_depth
      hwc_error_DEPTH_below_WORDS error ();
    end
    if (EMIT < 1 || COLLECT < 1 || TURNS * EMIT != STEPS * REPLAY) begin : g_bad_emit
      hwc_error_EMIT_must_divide_the_steps error ();
    end
    if (SKIP < 0 || EMISSIONS < 1) begin : g_bad_skip
      hwc_error_SKIP_leaves_no_emission error ();
    end
  endgenerate

  // Steps.  Every flag here is a register, but for `step` itself.
  wire some;  // a word is there that no step has read
  wire again;  // a replay after the first one
  wire sub_last, step_last, replay_last, emit_last, collect_last;
  wire made;  // this turn makes an emission
  wire frame_last = step_last && replay_last;
  wire word_last = sub_last || step_last;
  wire emits = emit_last && made;
  wire completes = emits && (collect_last || frame_last);
  wire step = (some || again) && (room_i || !completes);

  assign reserve_o = step && completes;

  hwc_count #(
      .COUNT(SUB)
  ) subs (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (step),
      .clear_i((STEPS % SUB != 0) && step_last),
      .last_o (sub_last)
  );

  hwc_count #(
      .COUNT(REPLAY)
  ) replays (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (step && step_last),
      .clear_i(1'b0),
      .last_o (replay_last)
  );

  hwc_count #(
      .COUNT(COLLECT)
  ) emissions (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (step && emits),
      .clear_i((EMISSIONS % COLLECT != 0) && frame_last),
      .last_o (collect_last)
  );

  generate
    if (EMIT == STEPS) begin : g_emit_replay
      assign emit_last = step_last;
    end else begin : g_emit
      hwc_count #(
          .COUNT(EMIT)
      ) emit (
          .clk_i  (clk_i),
          .rst_ni (rst_ni),
          .step_i (step),
          .clear_i(1'b0),
          .last_o (emit_last)
      );
    end

    if (SKIP == 0) begin : g_all
      assign made = 1'b1;
    end else begin : g_skip
      wire skip_last;
      reg  made_q;

      hwc_count #(
          .COUNT(SKIP)
      ) skips (
          .clk_i  (clk_i),
          .rst_ni (rst_ni),
          .step_i (step && emit_last && !made),
          .clear_i(1'b0),
          .last_o (skip_last)
      );

      always @(posedge clk_i) begin
        if (!rst_ni) made_q <= 1'b0;
        else if (step && emit_last) made_q <= made ? !frame_last : skip_last;
      end
      assign made = made_q;
    end

    if (SKIP == 0 || REPLAY > 1) begin : g_steps
      hwc_count #(
          .COUNT(STEPS)
      ) steps (
          .clk_i  (clk_i),
          .rst_ni (rst_ni),
          .step_i (step),
          .clear_i(1'b0),
          .last_o (step_last)
      );
    end else begin : g_rest  // the steps are counted as those skipped and the rest
      wire rest_last;
      hwc_count #(
          .COUNT(EMISSIONS)
      ) rest (
          .clk_i  (clk_i),
          .rst_ni (rst_ni),
          .step_i (step && emits),
          .clear_i(1'b0),
          .last_o (rest_last)
      );
      assign step_last = emits && rest_last;
    end

    if (REPLAY == 1) begin : g_once
      assign again = 1'b0;
    end else begin : g_again
      reg again_q;
      always @(posedge clk_i) begin
        if (!rst_ni) again_q <= 1'b0;
        else if (step && step_last) again_q <= !replay_last;
      end
      assign again = again_q;
    end
  endgenerate

  // Words: how many are unread, how many places are free.
  hwc_level #(
      .MAX (DEPTH),
      .FULL(0)
  ) unread (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .up_i  (write_i),
      .down_i(step && word_last && !again),
      .some_o(some)
  );

  hwc_level #(
      .MAX (DEPTH),
      .FULL(1)
  ) places (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .up_i  (step && word_last && replay_last),
      .down_i(reserve_i),
      .some_o(room_o)
  );

  // Memory.  raddr is the word of the step that comes next.
  wire [A_W-1:0] waddr, raddr;
  wire [WORD_W-1:0] rdata;

  hwc_address #(
      .DEPTH(DEPTH)
  ) writes (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .step_i(write_i),
      .addr_o(waddr)
  );

  generate
    if (REPLAY == 1 || DEPTH == WORDS) begin : g_ring  // a replay comes round by itself
      hwc_address #(
          .DEPTH(DEPTH)
      ) reads (
          .clk_i (clk_i),
          .rst_ni(rst_ni),
          .step_i(step && word_last),
          .addr_o(raddr)
      );
    end else begin : g_replay
      localparam integer LAST = DEPTH - 1;
      reg [A_W-1:0] raddr_q, begin_q;  // begin: first word of the frame
      wire [A_W-1:0] next = (raddr_q == LAST[A_W-1:0]) ? {A_W{1'b0}} :
                            raddr_q + {{(A_W - 1) {1'b0}}, 1'b1};

      always @(posedge clk_i) begin
        if (!rst_ni) begin
          raddr_q <= {A_W{1'b0}};
          begin_q <= {A_W{1'b0}};
        end else begin
          if (step && word_last) raddr_q <= (step_last && !replay_last) ? begin_q : next;
          if (step && frame_last) begin_q <= next;
        end
      end
      assign raddr = raddr_q;
    end
  endgenerate

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
  reg valid_q;

  generate
    if (SUB == 1) begin : g_word
      assign issue_o = step;
      assign x_o     = rdata;
    end else begin : g_sub
      localparam integer X_W = WORD_W / SUB;
      localparam integer S_W = $clog2(SUB);
      reg issue_q;
      reg [S_W-1:0] sub_q, select_q;
      reg [X_W-1:0] x, x_q;
      integer k;

      always @* begin
        x = {X_W{1'b0}};
        for (k = 0; k < SUB; k = k + 1)
          x = x | (rdata[k*X_W+:X_W] & {X_W{select_q == k[S_W-1:0]}});
      end

      always @(posedge clk_i) begin
        if (!rst_ni || (step && word_last)) sub_q <= {S_W{1'b0}};
        else if (step) sub_q <= sub_q + {{(S_W - 1) {1'b0}}, 1'b1};
        issue_q  <= rst_ni && step;
        select_q <= sub_q;
        x_q      <= x;
      end

      assign issue_o = issue_q;
      assign x_o     = x_q;
    end
  endgenerate

  always @(posedge clk_i) valid_q <= rst_ni && issue_o;

  assign valid_o = valid_q;

endmodule

`default_nettype wire
