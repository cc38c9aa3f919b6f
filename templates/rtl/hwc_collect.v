// SPDX-License-Identifier: Apache-2.0
// hwc_collect: joins GROUP emissions of IN_W bits into one word.
//
//   write_o = valid_i with the last emission of a word; data_o lane k = emission k of the word
//
// IN_W  bits.  GROUP: emissions a word.  COUNT: emissions a frame; the last word of a frame may
// have fewer than GROUP, its missing lanes are zero.  Latency 0: the word is complete in the
// clock of its last emission.

`default_nettype none

module hwc_collect #(
    parameter integer IN_W  = 8,  // bits
    parameter integer GROUP = 2,
    parameter integer COUNT = 4
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    input  wire                  valid_i,
    input  wire [      IN_W-1:0] data_i,
    output wire                  write_o,
    output wire [GROUP*IN_W-1:0] data_o
);

  localparam integer REST = COUNT % GROUP;  // emissions in a short last word, 0: none is short

  wire group_last, frame_last;

  genvar k;
  generate
    if (IN_W < 1 || GROUP < 1 || COUNT < 1) begin : g_bad
      hwc_error_bad_IN_W_GROUP_or_COUNT error ();
    end

    hwc_count #(
        .COUNT(GROUP)
    ) lanes (
        .clk_i  (clk_i),
        .rst_ni (rst_ni),
        .step_i (valid_i),
        .clear_i(frame_last),
        .last_o (group_last)
    );

    if (REST == 0) begin : g_even
      assign frame_last = 1'b0;
      assign write_o    = valid_i && group_last;

      if (GROUP == 1) begin : g_single
        assign data_o = data_i;
      end else begin : g_shift
        reg [(GROUP-1)*IN_W-1:0] line_q;
        always @(posedge clk_i) if (valid_i) line_q <= data_o[GROUP*IN_W-1:IN_W];
        assign data_o = {data_i, line_q};
      end
    end else begin : g_short
      reg [GROUP-1:0] lane_q;  // one bit: the lane that comes next
      wire [GROUP*IN_W-1:0] store;  // zero where nothing came yet

      hwc_count #(
          .COUNT(COUNT)
      ) frame (
          .clk_i  (clk_i),
          .rst_ni (rst_ni),
          .step_i (valid_i),
          .clear_i(1'b0),
          .last_o (frame_last)
      );

      assign write_o = valid_i && (group_last || frame_last);

      always @(posedge clk_i) begin
        if (!rst_ni || write_o) lane_q <= {{(GROUP - 1) {1'b0}}, 1'b1};
        else if (valid_i) lane_q <= lane_q << 1;
      end

      for (k = 0; k < GROUP; k = k + 1) begin : g_lane
        if (k < GROUP - 1) begin : g_store
          reg [IN_W-1:0] store_q;
          always @(posedge clk_i) begin
            if (!rst_ni || write_o) store_q <= {IN_W{1'b0}};
            else if (valid_i && lane_q[k]) store_q <= data_i;
          end
          assign store[k*IN_W+:IN_W] = store_q;
        end else begin : g_none
          assign store[k*IN_W+:IN_W] = {IN_W{1'b0}};
        end

        // Only two lanes can be the one that completes a word.
        if (k == GROUP - 1 || k == REST - 1) begin : g_last
          assign data_o[k*IN_W+:IN_W] = lane_q[k] ? data_i : store[k*IN_W+:IN_W];
        end else begin : g_kept
          assign data_o[k*IN_W+:IN_W] = store[k*IN_W+:IN_W];
        end
      end
    end
  endgenerate

endmodule

`default_nettype wire
