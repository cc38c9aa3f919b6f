// SPDX-License-Identifier: Apache-2.0
// hwc_tap: writes what a layer emits into a file; used only after a simulation has failed.
//
// A line an emission: "ID number clock bits", number from 0 in each run; only of frames FROM .. TO - 1 of the run.
// At the end of the run a line "ID room clock bit": whether the reader behind the layer had room.

`default_nettype none

module hwc_tap #(
    parameter integer ID = 0,
    parameter integer BITS = 8,  // of an emission
    parameter integer EACH = 1  // emissions a frame
) (
    input wire            clk_i,
    input wire [    31:0] file_i,
    input wire [    31:0] from_i,   // first frame
    input wire [    31:0] to_i,     // frame after the last
    input wire            begin_i,  // a run begins: numbers start again
    input wire            on_i,     // the run under test is under way
    input wire            end_i,    // it is over
    input wire [    31:0] clock_i,
    input wire            valid_i,
    input wire            room_i,
    input wire [BITS-1:0] data_i
);

  reg [31:0] number;  // of the next emission of the run

  always @(posedge clk_i) begin
    if (begin_i) number <= 32'd0;
    else if (on_i && valid_i !== 1'b0) begin
      number <= number + 32'd1;
      if (number >= from_i * EACH && number < to_i * EACH)
        $fwrite(file_i, "%0d %0d %0d %b\n", ID, number, clock_i, (valid_i === 1'b1) ? data_i : {BITS{1'bx}});
    end
  end

  always @(posedge end_i) $fwrite(file_i, "%0d room %0d %b\n", ID, clock_i, room_i);

endmodule

`default_nettype wire
