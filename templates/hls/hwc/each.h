// SPDX-License-Identifier: Apache-2.0
// hwc each: an island without a folded product or pool; every vector passes the cores once.
//
//   y[n] = ISLAND::emit(x[n], n % FOLDS, n)       n = 0 .. EMISSIONS-1
//
// ISLAND::FOLDS: vectors of a position; EMISSIONS = ISLAND::EMISSIONS, those of a frame. One a clock; with one a frame
// the process that calls it is pipelined as a function. Verilog twins: hwc_direct or hwc_buffer with REPLAY = 1.

#ifndef HWC_EACH_H
#define HWC_EACH_H

#include <hls_stream.h>

namespace hwc {

template <class ISLAND, int EMISSIONS>
struct each {
  static void run(hls::stream<typename ISLAND::input>& in, hls::stream<typename ISLAND::output>& out) {
#pragma HLS INLINE
    int fold = 0;
  each_steps:
    for (int n = 0; n < EMISSIONS; ++n) {
#pragma HLS PIPELINE II=1 rewind
      out.write(ISLAND::emit(in.read(), fold, n));
      fold = fold == ISLAND::FOLDS - 1 ? 0 : fold + 1;
    }
  }
};

template <class ISLAND>
struct each<ISLAND, 1> {
  static void run(hls::stream<typename ISLAND::input>& in, hls::stream<typename ISLAND::output>& out) {
#pragma HLS INLINE
    out.write(ISLAND::emit(in.read(), 0, 0));
  }
};

}  // namespace hwc

#endif
