// SPDX-License-Identifier: Apache-2.0
// hwc pool: maximum or sum over the taps that come in one after the other.
//
//   y[g][k] = op over tap of x[tap][g][k]      op: + (D::SUM) or max
//
// D::LANES, D::OUT_W (bits), D::OUT_SIGNED, D::TAPS. D::GROUPS groups of channels take turns at every tap. Lanes of x
// beyond LANES are not read. One vector a clock, TAPS*GROUPS for GROUPS results; what the cores of the island make of a
// result leaves with its last tap. Verilog twins: hwc_window or hwc_buffer with hwc_pool.

#ifndef HWC_POOL_H
#define HWC_POOL_H

#include <hls_stream.h>

#include "types.h"

namespace hwc {

template <class D, class ISLAND>
void pool(hls::stream<typename ISLAND::input>& in, hls::stream<typename ISLAND::output>& out) {
#pragma HLS INLINE
  typedef vec<D::OUT_W, D::OUT_SIGNED, D::LANES> result;
  typedef typename result::code code;
  result last;  // with one group, no memory is needed
#pragma HLS ARRAY_PARTITION variable=last.lane type=complete
  code kept[D::GROUPS][D::LANES];  // with more, an address comes back after GROUPS >= 2 turns
#pragma HLS ARRAY_RESHAPE variable=kept type=complete dim=2
#pragma HLS DEPENDENCE variable=kept type=inter direction=RAW distance=2 dependent=true
  int tap = 0;
  int group = 0;
  int fold = 0;
  int emission = 0;

pool_steps:
  for (int n = 0; n < ISLAND::EMISSIONS * D::TAPS; ++n) {
#pragma HLS PIPELINE II=1 rewind
    const typename ISLAND::input x = in.read();
    for (int k = 0; k < D::LANES; ++k) {
#pragma HLS UNROLL
      const code now = code(x.lane[k]);
      if (tap == 0) {
        last.lane[k] = now;
      } else {
        const code old = D::GROUPS == 1 ? last.lane[k] : kept[group][k];
        last.lane[k] = D::SUM ? code(old + now) : old > now ? old : now;
      }
      kept[group][k] = last.lane[k];
    }

    if (tap == D::TAPS - 1) {
      out.write(ISLAND::emit(last, fold, emission));
      fold = fold == ISLAND::FOLDS - 1 ? 0 : fold + 1;
      emission = emission == ISLAND::EMISSIONS - 1 ? 0 : emission + 1;
    }
    if (group == D::GROUPS - 1) {
      group = 0;
      tap = tap == D::TAPS - 1 ? 0 : tap + 1;
    } else {
      ++group;
    }
  }
}

}  // namespace hwc

#endif
