// SPDX-License-Identifier: Apache-2.0
// hwc_line: delay line that moves with step_i only.
//
//   q_o = d_i, LENGTH steps ago
//
// WIDTH  bits.  LENGTH: steps, >= 0 (0 is a wire).  The first LENGTH words after a reset are any.
// STYLE  0 shift register (flip-flops or SRLs), 1 LUTRAM, 2 to 4 block as in hwc_ram; up to 2 steps
//        always flip-flops.
//
// A memory is read and written at one address, which suits LUTRAM best (8 LUTs for 16 bits of 32
// words, a LUT for one of 64); its output register is a word of the line.  It is written one address
// behind the read if its blocks need that (STYLE 3, 4), and as LUTRAM of more than 256 words: with a
// single address Yosys 0.70 fails there.

`default_nettype none

module hwc_line #(
    parameter integer WIDTH  = 8,  // bits
    parameter integer LENGTH = 4,
    parameter integer STYLE  = 1
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    input  wire             step_i,
    input  wire [WIDTH-1:0] d_i,
    output wire [WIDTH-1:0] q_o
);

  generate
    if (WIDTH < 1 || LENGTH < 0 || STYLE < 0 || STYLE > 4) begin : g_bad
      hwc_error_bad_WIDTH_LENGTH_or_STYLE error ();
    end

    if (LENGTH == 0) begin : g_wire
      wire unused_inputs = &{1'b0, clk_i, rst_ni, step_i};
      assign q_o = d_i;
    end else if (LENGTH == 1) begin : g_register
      wire unused_reset = rst_ni;
      reg [WIDTH-1:0] line_q;
      always @(posedge clk_i) if (step_i) line_q <= d_i;
      assign q_o = line_q;
    end else if (LENGTH == 2 || STYLE == 0) begin : g_shift
      wire unused_reset = rst_ni;
      reg [LENGTH*WIDTH-1:0] line_q;
      always @(posedge clk_i) if (step_i) line_q <= {line_q[(LENGTH-1)*WIDTH-1:0], d_i};
      assign q_o = line_q[(LENGTH-1)*WIDTH+:WIDTH];
    end else begin : g_memory
      localparam integer LATE = (STYLE > 2 || (STYLE == 1 && LENGTH > 257)) ? 1 : 0;
      localparam integer DEPTH = LENGTH - 1 + LATE;
      localparam integer A_W = (DEPTH > 1) ? $clog2(DEPTH) : 1;
      wire [A_W-1:0] raddr, waddr;

      hwc_address #(
          .DEPTH(DEPTH)
      ) address (
          .clk_i (clk_i),
          .rst_ni(rst_ni),
          .step_i(step_i),
          .addr_o(raddr)
      );

      if (LATE == 0) begin : g_same
        assign waddr = raddr;
      end else begin : g_late
        localparam integer LAST = DEPTH - 1;
        reg [A_W-1:0] waddr_q;
        always @(posedge clk_i) begin
          if (!rst_ni) waddr_q <= LAST[A_W-1:0];
          else if (step_i) waddr_q <= raddr;
        end
        assign waddr = waddr_q;
      end

      hwc_ram #(
          .WIDTH(WIDTH),
          .DEPTH(DEPTH),
          .STYLE(STYLE)
      ) ram (
          .clk_i  (clk_i),
          .we_i   (step_i),
          .waddr_i(waddr),
          .wdata_i(d_i),
          .re_i   (step_i),
          .raddr_i(raddr),
          .rdata_o(q_o)
      );
    end
  endgenerate

endmodule

`default_nettype wire
