// SPDX-License-Identifier: Apache-2.0
// chain_bench: source and sink of `chain` with pauses; prints the clock of every handshake.
//
// +seed, +idle, +stall (percent), beats.mem: {last, data} a beat.  IN n / OUT n data last.

`timescale 1ns / 1ps
`default_nettype none

module chain_bench;
  `include "params.vh"

  reg clk = 0, rst_n = 0, ready = 0;
  reg [IN_W:0] beats[0:COUNT-1];
  integer clock = 0, at = 0, seen = 0, seed, idle, stall;
  reg offered = 0, took = 0;
  wire s_ready, m_valid, m_last, bad;
  wire [OUT_W-1:0] m_data;

  `CHAIN dut (.aclk(clk), .aresetn(rst_n), .s_axis_tdata(beats[at % COUNT][IN_W-1:0]),
      .s_axis_tvalid(offered), .s_axis_tready(s_ready), .s_axis_tlast(beats[at % COUNT][IN_W]),
      .m_axis_tdata(m_data), .m_axis_tvalid(m_valid), .m_axis_tready(ready),
      .m_axis_tlast(m_last), .frame_error(bad));

  initial begin
    $readmemh("beats.mem", beats);
    if (!$value$plusargs("seed=%d", seed)) seed = 1;
    if (!$value$plusargs("idle=%d", idle)) idle = 0;
    if (!$value$plusargs("stall=%d", stall)) stall = 0;
    while (clock < LIMIT && seen < EXPECT) begin
      #1 rst_n = (clock > 3);
      if (!offered) offered = (clock > 8) && (at < COUNT) && ($unsigned($random(seed)) % 100 >= idle);
      ready = ($unsigned($random(seed)) % 100 >= stall);
      #3;
      took = offered && s_ready;
      if (took) $display("IN %0d", clock);
      if (m_valid && ready) $display("OUT %0d %h %b", clock, m_data, m_last);
      if (m_valid && ready) seen = seen + 1;
      #1 clk = 1;
      #5 clk = 0;
      if (took) offered = 0;
      if (took) at = at + 1;
      clock = clock + 1;
    end
    $display("END %b", bad);
    $finish;
  end
endmodule

`default_nettype wire
