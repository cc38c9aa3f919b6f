// SPDX-License-Identifier: Apache-2.0
// hwc_input: AXI4-Stream slave port; cuts the stream into frames of BEATS beats.
//
//   write_o = beat accepted (and reserved) in this clock, data_o = its low DATA_W bits
//
// DATA_W  bits of a beat that are used.  TDATA_W: bits of s_axis_tdata, >= DATA_W.  BEATS >= 1.
// room_i must come from a register: s_axis_tready has no path from any s_axis input.
// A tlast before the last beat of a frame: the rest of the frame is filled with zero beats.
// No tlast with the last beat: what follows is dropped, up to and with the next tlast.
// Either sets frame_error_o for good; the next frame is whole again.  Latency 0.

`default_nettype none

module hwc_input #(
    parameter integer DATA_W  = 8,  // bits
    parameter integer TDATA_W = 8,  // bits
    parameter integer BEATS   = 4
) (
    input  wire               clk_i,
    input  wire               rst_ni,
    input  wire [TDATA_W-1:0] s_axis_tdata,
    input  wire               s_axis_tvalid,
    output wire               s_axis_tready,
    input  wire               s_axis_tlast,
    input  wire               room_i,
    output wire               write_o,
    output wire [ DATA_W-1:0] data_o,
    output wire               frame_error_o
);

  generate
    if (DATA_W < 1 || TDATA_W < DATA_W || BEATS < 1) begin : g_bad
      hwc_error_bad_DATA_W_TDATA_W_or_BEATS error ();
    end
    if (TDATA_W > DATA_W) begin : g_padding
      wire unused_padding = &{1'b0, s_axis_tdata[TDATA_W-1:DATA_W]};
    end
  endgenerate

  // take_q: beats are taken into the frame; drop_q: they are dropped; neither (and not in
  // reset): the frame is filled.  up_q is low in reset and keeps tready low there.
  reg take_q, drop_q, error_q;
  wire fill, last;

  wire take = take_q && room_i && s_axis_tvalid;
  wire drop = drop_q && s_axis_tvalid;

  assign s_axis_tready = (take_q && room_i) || drop_q;
  assign write_o       = take || (fill && room_i);
  assign frame_error_o = error_q;

  hwc_count #(
      .COUNT(BEATS)
  ) beats (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (write_o),
      .clear_i(1'b0),
      .last_o (last)
  );

  generate
    if (BEATS == 1) begin : g_single  // no beat can come early
      assign fill   = 1'b0;
      assign data_o = s_axis_tdata[DATA_W-1:0];
      wire unused_last = last;

      always @(posedge clk_i) begin
        if (!rst_ni) begin
          take_q  <= 1'b0;
          drop_q  <= 1'b0;
          error_q <= 1'b0;
        end else begin
          if (take) take_q <= s_axis_tlast;
          else if (!drop_q || (drop && s_axis_tlast)) take_q <= 1'b1;
          if (take) drop_q <= !s_axis_tlast;
          else if (drop && s_axis_tlast) drop_q <= 1'b0;
          if (take && !s_axis_tlast) error_q <= 1'b1;
        end
      end
    end else begin : g_frame
      reg fill_q;
      assign fill   = fill_q;
      assign data_o = s_axis_tdata[DATA_W-1:0] & {DATA_W{!fill_q}};

      always @(posedge clk_i) begin
        if (!rst_ni) begin
          take_q  <= 1'b0;
          fill_q  <= 1'b0;
          drop_q  <= 1'b0;
          error_q <= 1'b0;
        end else begin
          if (take) take_q <= (last == s_axis_tlast);
          else if (fill_q) take_q <= room_i && last;
          else if (drop_q) take_q <= drop && s_axis_tlast;
          else take_q <= 1'b1;
          if (take) fill_q <= s_axis_tlast && !last;
          else if (fill_q && room_i && last) fill_q <= 1'b0;
          if (take) drop_q <= last && !s_axis_tlast;
          else if (drop && s_axis_tlast) drop_q <= 1'b0;
          if (take && last != s_axis_tlast) error_q <= 1'b1;
        end
      end
    end
  endgenerate

endmodule

`default_nettype wire
