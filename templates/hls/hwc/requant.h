// SPDX-License-Identifier: Apache-2.0
// hwc requant: the only block that rounds or saturates.
//
//   y[k] = clamp((((x[k] << LEFT) + half) >> shift), LO, HI)      shift = shifts[fold][k], counted after LEFT
//
// D::LANES, D::OUT_W (bits), D::OUT_SIGNED, D::LEFT, D::MAX_SHIFT (largest shift), D::LO, D::HI.
// D::HALF: half an output step is added here; without it the bias upstream holds it, or the result is truncated.
// D::EVEN: a tie goes to the even code. Only a channel that drops bits (shift > LEFT) can tie.
// D::SATURATE: false wraps into OUT_W bits before the clamp.
// shifts has one row for each fold of a frame, or one row for all. Verilog twin: hwc_requant.

#ifndef HWC_REQUANT_H
#define HWC_REQUANT_H

#include "types.h"

namespace hwc {

template <class D, class X, int FOLDS, int LANES>
vec<D::OUT_W, D::OUT_SIGNED, D::LANES> requant(const X& x, int fold, const unsigned char (&shifts)[FOLDS][LANES]) {
#pragma HLS INLINE
  // Neither the left shift nor the rounding carry wraps, and LO and HI fit.
  const int SHIFTED = X::WIDTH + D::LEFT > D::MAX_SHIFT ? X::WIDTH + D::LEFT : D::MAX_SHIFT;
  const int WIDE = (SHIFTED > D::OUT_W ? SHIFTED : D::OUT_W) + 2;
  typedef typename number<WIDE, true>::type wide;
  vec<D::OUT_W, D::OUT_SIGNED, D::LANES> y;
  for (int k = 0; k < D::LANES; ++k) {
#pragma HLS UNROLL
    const int shift = shifts[FOLDS == 1 ? 0 : fold][k];
    wide up = wide(x.lane[k]) << D::LEFT;
    if (D::HALF && shift > 0) {
      up += wide(1) << (shift - 1);
    }
    wide q = up >> shift;
    if (D::EVEN && shift > D::LEFT && (q << shift) == up) {
      q &= wide(-2);
    }
    if (!D::SATURATE) {
      q = fit<D::OUT_W, D::OUT_SIGNED>(q);
    }
    q = q < wide(D::LO) ? wide(D::LO) : q > wide(D::HI) ? wide(D::HI) : q;
    y.lane[k] = typename vec<D::OUT_W, D::OUT_SIGNED, D::LANES>::code(q);
  }
  return y;
}

}  // namespace hwc

#endif
