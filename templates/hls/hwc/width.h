// SPDX-License-Identifier: Apache-2.0
// hwc width: from vectors of one length to vectors of another, between islands.
//
//   join:   one word from GROUP vectors; COUNT vectors make a unit, whose last word may have fewer and is
//           filled with zeros. Lanes beyond OUT are dropped. Verilog twin: hwc_collect.
//   split:  SUB vectors from one word; COUNT vectors make a unit, the rest of its last word is skipped.
//           Lanes beyond IN are zero. Verilog twin: the reading side of hwc_buffer.
//
// A frame has UNITS units. One vector of the shorter kind a clock.

#ifndef HWC_WIDTH_H
#define HWC_WIDTH_H

#include <hls_stream.h>

#include "types.h"

namespace hwc {

template <class IN, class OUT, int COUNT, int GROUP, int UNITS>
void join(hls::stream<IN>& in, hls::stream<OUT>& out) {
  OUT word;
#pragma HLS ARRAY_PARTITION variable=word.lane type=complete
  int group = 0;
  int place = 0;  // in the unit
join_vectors:
  for (int n = 0; n < COUNT * UNITS; ++n) {
#pragma HLS PIPELINE II=1 rewind
    const IN part = in.read();
    for (int k = 0; k < OUT::LANES; ++k) {
#pragma HLS UNROLL
      if (k / IN::LANES == group) {
        word.lane[k] = part.lane[k % IN::LANES];
      } else if (group == 0) {
        word.lane[k] = 0;
      }
    }
    const bool ends = place == COUNT - 1;
    const bool full = group == GROUP - 1 || ends;
    if (full) {
      out.write(word);
    }
    group = full ? 0 : group + 1;
    place = ends ? 0 : place + 1;
  }
}

template <class IN, class OUT>
void shift_down(IN& word) {
#pragma HLS INLINE
  for (int k = 0; k < IN::LANES; ++k) {
#pragma HLS UNROLL
    if (k + OUT::LANES < IN::LANES) {
      word.lane[k] = word.lane[k + OUT::LANES];
    } else {
      word.lane[k] = 0;
    }
  }
}

template <class IN, class OUT>
OUT low_lanes(const IN& word) {
#pragma HLS INLINE
  OUT part;
  for (int k = 0; k < OUT::LANES; ++k) {
#pragma HLS UNROLL
    part.lane[k] = 0;
    if (k < IN::LANES) {
      part.lane[k] = word.lane[k];
    }
  }
  return part;
}

template <class IN, class OUT, int COUNT, int SUB, int UNITS>
struct split {
  static void run(hls::stream<IN>& in, hls::stream<OUT>& out) {
    IN word;
#pragma HLS ARRAY_PARTITION variable=word.lane type=complete
    int sub = 0;
    int place = 0;  // in the unit
  split_vectors:
    for (int n = 0; n < COUNT * UNITS; ++n) {
#pragma HLS PIPELINE II=1 rewind
      if (sub == 0) {
        word = in.read();
      } else {
        shift_down<IN, OUT>(word);
      }
      out.write(low_lanes<IN, OUT>(word));
      const bool ends = place == COUNT - 1;
      sub = sub == SUB - 1 || ends ? 0 : sub + 1;
      place = ends ? 0 : place + 1;
    }
  }
};

template <class IN, class OUT>
struct split<IN, OUT, 1, 1, 1> {
  static void run(hls::stream<IN>& in, hls::stream<OUT>& out) {
#pragma HLS PIPELINE II=1
    out.write(low_lanes<IN, OUT>(in.read()));
  }
};

}  // namespace hwc

#endif
