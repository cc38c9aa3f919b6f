// SPDX-License-Identifier: Apache-2.0
// hwc maximum: the largest code of a window, all its taps at once.
//
//   y[k] = max over tap of x[tap*LANES + k], or with index of x[index[k][tap]], FILL where that is -1
//
// D::LANES, D::TAPS, D::FILL. index is partitioned completely, so that its entries are wires. Verilog twin: hwc_max.

#ifndef HWC_MAXIMUM_H
#define HWC_MAXIMUM_H

#include "types.h"

namespace hwc {

template <class D, class X>
vec<X::WIDTH, X::SIGNED, D::LANES> maximum(const X& x) {
#pragma HLS INLINE
  vec<X::WIDTH, X::SIGNED, D::LANES> y;
  for (int k = 0; k < D::LANES; ++k) {
#pragma HLS UNROLL
    typename X::code most = x.lane[k];
    for (int tap = 1; tap < D::TAPS; ++tap) {
#pragma HLS UNROLL
      const typename X::code now = x.lane[tap * D::LANES + k];
      most = now > most ? now : most;
    }
    y.lane[k] = most;
  }
  return y;
}

template <class D, class X, int LANES, int TAPS>
vec<X::WIDTH, X::SIGNED, D::LANES> maximum(const X& x, const int (&index)[LANES][TAPS]) {
#pragma HLS INLINE
  vec<X::WIDTH, X::SIGNED, D::LANES> y;
  for (int k = 0; k < D::LANES; ++k) {
#pragma HLS UNROLL
    typename X::code most = 0;
    for (int tap = 0; tap < D::TAPS; ++tap) {
#pragma HLS UNROLL
      const int at = index[k][tap];
      const typename X::code now = at < 0 ? typename X::code(D::FILL) : x.lane[at < 0 ? 0 : at];
      most = tap == 0 || now > most ? now : most;
    }
    y.lane[k] = most;
  }
  return y;
}

}  // namespace hwc

#endif
