// SPDX-License-Identifier: Apache-2.0
// hwc each: an island without a folded product; every vector passes the cores once.
//
//   y[f] = ISLAND::emit(x[f], f)       f = 0 .. STEPS-1
//
// STEPS: vectors a frame. One a clock; with STEPS = 1 the process that calls it is pipelined as a function.
// Verilog twins: hwc_direct or hwc_buffer with REPLAY = 1.

#ifndef HWC_EACH_H
#define HWC_EACH_H

#include <hls_stream.h>

namespace hwc {

template <class ISLAND, int STEPS>
struct each {
  static void run(hls::stream<typename ISLAND::input>& in, hls::stream<typename ISLAND::output>& out) {
#pragma HLS INLINE
  each_steps:
    for (int fold = 0; fold < STEPS; ++fold) {
#pragma HLS PIPELINE II=1 rewind
      out.write(ISLAND::emit(in.read(), fold));
    }
  }
};

template <class ISLAND>
struct each<ISLAND, 1> {
  static void run(hls::stream<typename ISLAND::input>& in, hls::stream<typename ISLAND::output>& out) {
#pragma HLS INLINE
    out.write(ISLAND::emit(in.read(), 0));
  }
};

}  // namespace hwc

#endif
