// hwc_harness: sends stored frames through a design and compares what comes out, code by code.
//
// hwc_bench.vh names the design and its streams. cocotb drives aclk, aresetn and the settings, raises `run`, waits for
// `done` and reads the counts. With `manual` high, cocotb drives s_axis_* and reads m_axis_* itself.
// A time is the number of the clock edge at which something was accepted.

`default_nettype none
`include "hwc_bench.vh"

`ifndef HWC_FRAMES
`define HWC_FRAMES 1024
`endif

module hwc_harness;

  localparam integer IN_BITS = `HWC_IN_BITS;
  localparam integer IN_BEATS = `HWC_IN_BEATS;
  localparam integer OUT_BITS = `HWC_OUT_BITS;
  localparam integer OUT_BEATS = `HWC_OUT_BEATS;
  localparam integer OUT_WIDTH = `HWC_OUT_WIDTH;
  localparam integer LANES = `HWC_OUT_LANES;  // elements of an output beat
  localparam integer LAST = `HWC_OUT_LAST;  // elements of the last output beat of a frame
  localparam integer FRAMES = `HWC_FRAMES;  // capacity of the memories
  localparam integer TIMES = 256;  // frames whose times are kept

  // ---- settings, written by cocotb
  reg aclk = 1'b0;
  reg aresetn = 1'b0;
  reg run = 1'b0;
  reg manual = 1'b0;
  reg [31:0] stored = 32'd1;  // frames in the memory files
  reg [31:0] base = 32'd0;  // the first frame to send
  reg [31:0] frames = 32'd1;  // frames to send; the index wraps at `stored`
  reg [31:0] spacing = 32'd0;  // least distance between the first beats of two frames
  reg [31:0] limit = 32'd100000;  // clocks without progress that mean a hang
  reg [31:0] drain = 32'd64;  // clocks to wait for surplus output
  reg [31:0] seed = 32'd1;
  reg [8:0] source_pause = 9'd0;  // a pause starts with probability n / 256
  reg [8:0] sink_pause = 9'd0;
  reg [7:0] source_dwell = 8'd0;  // mask of a pause's random length
  reg [7:0] sink_dwell = 8'd0;

  // ---- results, read by cocotb
  reg done = 1'b0;
  reg hang = 1'b0;
  reg [31:0] taken = 32'd0;  // input frames begun
  reg [31:0] seen = 32'd0;  // output frames complete
  reg [31:0] mismatches = 32'd0;  // wrong codes
  reg [31:0] padding = 32'd0;  // beats whose padding is not zero
  reg [31:0] tlast_errors = 32'd0;
  reg [31:0] surplus = 32'd0;  // beats after the last frame
  reg [31:0] unstable = 32'd0;  // clocks in which a waiting output beat changed or went away
  reg [31:0] unknown = 32'd0;  // clocks in which a handshake signal was x
  reg error_seen = 1'b0;  // frame_error
  reg wrong = 1'b0;
  reg [31:0] wrong_frame = 32'd0;  // of the first wrong beat
  reg [31:0] wrong_beat = 32'd0;
  reg [OUT_BITS-1:0] wrong_data = {OUT_BITS{1'b0}};
  reg [31:0] time_in[0:TIMES-1];  // first input beat
  reg [31:0] time_out[0:TIMES-1];  // last output beat

  reg [IN_BITS-1:0] stimulus[0:FRAMES*IN_BEATS-1];
  reg [OUT_BITS-1:0] expected[0:FRAMES*OUT_BEATS-1];
  reg [8*1024-1:0] name;
  integer capacity;

  initial begin
    if (!$value$plusargs("frames=%d", capacity)) capacity = FRAMES;
    if (!$value$plusargs("stimulus=%s", name)) name = "stimulus.mem";
    $readmemh(name, stimulus, 0, capacity * IN_BEATS - 1);
    if (!$value$plusargs("expected=%s", name)) name = "expected.mem";
    $readmemh(name, expected, 0, capacity * OUT_BEATS - 1);
  end

  // ---- the design
  reg [IN_BITS-1:0] s_axis_tdata = {IN_BITS{1'b0}};  // driven by cocotb when `manual`
  reg s_axis_tvalid = 1'b0;
  reg s_axis_tlast = 1'b0;
  reg m_axis_tready = 1'b0;
  wire s_axis_tready;
  wire [OUT_BITS-1:0] m_axis_tdata;
  wire m_axis_tvalid;
  wire m_axis_tlast;
  wire frame_error;

  reg [IN_BITS-1:0] send_data = {IN_BITS{1'b0}};
  reg send_valid = 1'b0;
  reg send_last = 1'b0;
  reg take = 1'b0;

  wire [IN_BITS-1:0] data = manual ? s_axis_tdata : send_data;
  wire valid = manual ? s_axis_tvalid : send_valid;
  wire last = manual ? s_axis_tlast : send_last;

`ifdef HWC_VALID_ONLY
  localparam AXIS = 1'b0;
  wire ready = 1'b1;
  reg [31:0] out_beat = 32'd0;
  `HWC_TOP u_dut (
      .aclk(aclk),
      .aresetn(aresetn),
      .s_axis_tdata(data),
      .s_axis_tvalid(valid),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid)
  );
  assign s_axis_tready = 1'b1;
  assign m_axis_tlast = out_beat == OUT_BEATS - 1;
  assign frame_error = 1'b0;
`else
  localparam AXIS = 1'b1;
  wire ready = manual ? m_axis_tready : take;
  reg [31:0] out_beat = 32'd0;
  `HWC_TOP u_dut (
      .aclk(aclk),
      .aresetn(aresetn),
      .s_axis_tdata(data),
      .s_axis_tvalid(valid),
      .s_axis_tready(s_axis_tready),
      .s_axis_tlast(last),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(ready),
      .m_axis_tlast(m_axis_tlast),
      .frame_error(frame_error)
  );
`endif

  wire active = run && aresetn && !manual;
  wire accept_in = active && send_valid && s_axis_tready;
  wire accept_out = active && m_axis_tvalid && ready;

  // ---- random pauses: a Galois generator a side
  reg [31:0] source_random = 32'd1;
  reg [31:0] sink_random = 32'd1;
  reg [7:0] source_left = 8'd0;
  reg [7:0] sink_left = 8'd0;
  wire source_stop = source_left != 8'd0 || {1'b0, source_random[7:0]} < source_pause;
  wire sink_stop = sink_left != 8'd0 || {1'b0, sink_random[7:0]} < sink_pause;

  always @(posedge aclk) begin
    if (!active) begin
      source_random <= seed | 32'd1;
      sink_random <= ~seed | 32'd1;
      source_left <= 8'd0;
      sink_left <= 8'd0;
    end else begin
      source_random <= {1'b0, source_random[31:1]} ^ (source_random[0] ? 32'hA3000000 : 32'd0);
      sink_random <= {1'b0, sink_random[31:1]} ^ (sink_random[0] ? 32'hA3000000 : 32'd0);
      if (source_left != 8'd0) source_left <= source_left - 8'd1;
      else if (source_stop) source_left <= source_random[15:8] & source_dwell;
      if (sink_left != 8'd0) sink_left <= sink_left - 8'd1;
      else if (sink_stop) sink_left <= sink_random[15:8] & sink_dwell;
    end
  end

  // ---- source: the beat on offer is word `in_word`; nothing is on offer while send_valid is low
  reg [31:0] cycle = 32'd0;
  reg [31:0] in_beat = 32'd0;  // beat of its frame that comes next
  reg [31:0] in_frame = 32'd0;  // frame that comes next
  reg [31:0] in_index = 32'd0;  // where that frame is stored
  reg [31:0] first_at = 32'd0;  // clocks since the last frame's first beat was offered
  reg beat_first = 1'b0;  // the beat on offer is the first of its frame
  wire free = !send_valid || accept_in;
  // Without back-pressure the beats of a frame are consecutive and frames keep their distance.
  wire held = (in_beat == 0) ? (source_stop || (in_frame != 0 && first_at + 1 < spacing)) : (AXIS && source_stop);
  wire offer = free && in_frame < frames && !held;

  always @(posedge aclk) begin
    if (!active) begin
      send_valid <= 1'b0;
      send_last <= 1'b0;
      in_beat <= 32'd0;
      in_frame <= 32'd0;
      in_index <= base;
      first_at <= 32'd0;
      beat_first <= 1'b0;
    end else begin
      first_at <= (offer && in_beat == 0) ? 32'd0 : first_at + 32'd1;
      if (offer) begin
        send_valid <= 1'b1;
        send_data <= stimulus[in_index*IN_BEATS+in_beat];
        send_last <= in_beat == IN_BEATS - 1;
        beat_first <= in_beat == 0;
        if (in_beat == IN_BEATS - 1) begin
          in_beat <= 32'd0;
          in_frame <= in_frame + 32'd1;
          in_index <= (in_index + 32'd1 == stored) ? 32'd0 : in_index + 32'd1;
        end else in_beat <= in_beat + 32'd1;
      end else if (free) begin  // garbage that must not be used
        send_valid <= 1'b0;
        send_data <= ~send_data;
        send_last <= source_random[3];
      end
    end
  end

  // ---- sink
  reg [31:0] out_index = 32'd0;
  reg [31:0] quiet = 32'd0;  // clocks without progress
  reg waiting = 1'b0;  // an output beat was on offer and not taken
  reg waiting_last = 1'b0;
  reg [OUT_BITS-1:0] waiting_data = {OUT_BITS{1'b0}};
  reg [OUT_BITS-1:0] want;
  reg [31:0] errors;
  reg bad;
  integer lane;

  always @(posedge aclk) begin
    if (!active) begin
      take <= 1'b0;
      done <= 1'b0;
      hang <= 1'b0;
      cycle <= 32'd0;
      taken <= 32'd0;
      seen <= 32'd0;
      mismatches <= 32'd0;
      padding <= 32'd0;
      tlast_errors <= 32'd0;
      surplus <= 32'd0;
      unstable <= 32'd0;
      unknown <= 32'd0;
      error_seen <= 1'b0;
      wrong <= 1'b0;
      out_beat <= 32'd0;
      out_index <= base;
      quiet <= 32'd0;
      waiting <= 1'b0;
    end else begin
      cycle <= cycle + 32'd1;
      take <= !sink_stop;
      if (frame_error !== 1'b0) error_seen <= 1'b1;
      if ((s_axis_tready ^ m_axis_tvalid) === 1'bx) unknown <= unknown + 32'd1;
      waiting <= m_axis_tvalid && !ready;
      waiting_data <= m_axis_tdata;
      waiting_last <= m_axis_tlast;
      if (waiting && (!m_axis_tvalid || m_axis_tdata !== waiting_data || m_axis_tlast !== waiting_last))
        unstable <= unstable + 32'd1;

      if (accept_in && beat_first) begin
        taken <= taken + 32'd1;
        if (taken < TIMES) time_in[taken[7:0]] <= cycle;
      end

      if (accept_out && seen == frames) surplus <= surplus + 32'd1;
      else if (accept_out) begin
        want = expected[out_index*OUT_BEATS+out_beat];
        errors = 32'd0;
        for (lane = 0; lane < LANES; lane = lane + 1)
          if ((out_beat != OUT_BEATS - 1 || lane < LAST) &&
              m_axis_tdata[lane*OUT_WIDTH+:OUT_WIDTH] !== want[lane*OUT_WIDTH+:OUT_WIDTH])
            errors = errors + 32'd1;
        bad = errors != 32'd0;
        mismatches <= mismatches + errors;
        if ((m_axis_tdata >> (LANES * OUT_WIDTH)) !== {OUT_BITS{1'b0}}) begin
          padding <= padding + 32'd1;
          bad = 1'b1;
        end
        if (m_axis_tlast !== (out_beat == OUT_BEATS - 1)) begin
          tlast_errors <= tlast_errors + 32'd1;
          bad = 1'b1;
        end
        if (bad && !wrong) begin
          wrong <= 1'b1;
          wrong_frame <= out_index;
          wrong_beat <= out_beat;
          wrong_data <= m_axis_tdata;
        end
        if (out_beat == OUT_BEATS - 1) begin
          if (seen < TIMES) time_out[seen[7:0]] <= cycle;
          seen <= seen + 32'd1;
          out_beat <= 32'd0;
          out_index <= (out_index + 32'd1 == stored) ? 32'd0 : out_index + 32'd1;
        end else out_beat <= out_beat + 32'd1;
      end

      quiet <= (accept_in || (accept_out && seen != frames)) ? 32'd0 : quiet + 32'd1;
      if (seen == frames && quiet >= drain) done <= 1'b1;
      if (seen != frames && quiet >= limit) begin
        done <= 1'b1;
        hang <= 1'b1;
      end
    end
  end

endmodule

`default_nettype wire
