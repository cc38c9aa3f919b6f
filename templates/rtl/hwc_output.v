// SPDX-License-Identifier: Apache-2.0
// hwc_output: AXI4-Stream master port: FIFO, output register, tlast.
//
//   load = max(write + 1, handshake of the beat before);  a load makes the place free again
//
// DATA_W  bits of a beat.  TDATA_W: bits of m_axis_tdata, >= DATA_W, padded with zeros.
// DEPTH   words of the FIFO, beside the output register.  BEATS a frame, the last with tlast.
// STYLE   of the memory: as in hwc_ram.
// All m_axis outputs come from registers.  A beat can leave 2 edges after it was written.

`default_nettype none

module hwc_output #(
    parameter integer DATA_W  = 8,  // bits
    parameter integer TDATA_W = 8,  // bits
    parameter integer DEPTH   = 8,  // words
    parameter integer BEATS   = 4,
    parameter integer STYLE   = 1
) (
    input  wire               clk_i,
    input  wire               rst_ni,
    input  wire               reserve_i,
    input  wire               write_i,
    input  wire [ DATA_W-1:0] data_i,
    output wire               room_o,
    output wire [TDATA_W-1:0] m_axis_tdata,
    output wire               m_axis_tvalid,
    input  wire               m_axis_tready,
    output wire               m_axis_tlast
);

  localparam integer A_W = (DEPTH > 1) ? $clog2(DEPTH) : 1;

  generate
    if (DATA_W < 1 || TDATA_W < DATA_W || DEPTH < 1 || BEATS < 1) begin : g_bad
      hwc_error_bad_DATA_W_TDATA_W_DEPTH_or_BEATS error ();
    end
  endgenerate

  reg valid_q, last_q;
  wire some, last;
  wire load = some && (!valid_q || m_axis_tready);
  wire [A_W-1:0] waddr, raddr;
  wire [DATA_W-1:0] rdata;

  hwc_level #(
      .MAX (DEPTH),
      .FULL(0)
  ) unread (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .up_i  (write_i),
      .down_i(load),
      .some_o(some)
  );

  hwc_level #(
      .MAX (DEPTH),
      .FULL(1)
  ) places (
      .clk_i (clk_i),
      .rst_ni(rst_ni),
      .up_i  (load),
      .down_i(reserve_i),
      .some_o(room_o)
  );

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
      .step_i(load),
      .addr_o(raddr)
  );

  hwc_ram #(
      .WIDTH(DATA_W),
      .DEPTH(DEPTH),
      .STYLE(STYLE)
  ) ram (
      .clk_i  (clk_i),
      .we_i   (write_i),
      .waddr_i(waddr),
      .wdata_i(data_i),
      .re_i   (load),
      .raddr_i(raddr),
      .rdata_o(rdata)
  );

  hwc_count #(
      .COUNT(BEATS)
  ) beats (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .step_i (load),
      .clear_i(1'b0),
      .last_o (last)
  );

  always @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (load || m_axis_tready) valid_q <= load;
    if (load) last_q <= last;
  end

  assign m_axis_tvalid = valid_q;
  assign m_axis_tlast  = last_q;

  generate
    if (TDATA_W > DATA_W) begin : g_padding
      assign m_axis_tdata = {{(TDATA_W - DATA_W) {1'b0}}, rdata};
    end else begin : g_exact
      assign m_axis_tdata = rdata;
    end
  endgenerate

endmodule

`default_nettype wire
