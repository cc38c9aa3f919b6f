// SPDX-License-Identifier: Apache-2.0
// hwc dense_unrolled: matrix-vector product at reuse 1, all products at once.
//
//   acc[j] = B[j] + sum over i of W[j][i] * x[i]   modulo 2^ACC_W
//
// D::M rows, D::N columns (lanes of x beyond N are not read), D::W_W and D::ACC_W (bits), D::product (on_dsp or on_lut).
// weights: row j, code i.  bias: row j, code 0. Both are partitioned completely, so every weight is a constant and a
// zero weight takes nothing. Verilog twins: hwc_row_dsp, generated adder trees.

#ifndef HWC_DENSE_UNROLLED_H
#define HWC_DENSE_UNROLLED_H

#include "product.h"
#include "rom.h"

namespace hwc {

template <class D, class X, class WEIGHTS, class BIAS>
vec<D::ACC_W, true, D::M> dense_unrolled(const X& x, const WEIGHTS& weights, const BIAS& bias) {
#pragma HLS INLINE
  const int P_W = X::WIDTH + D::W_W;  // bits of a product
  vec<D::ACC_W, true, D::M> acc;
  for (int j = 0; j < D::M; ++j) {
#pragma HLS UNROLL
    typedef typename total<D::ACC_W>::type sum_type;
    sum_type sum = sum_type(rom_lane<D::ACC_W, true>(bias, j, 0));
    for (int i = 0; i < D::N; ++i) {
#pragma HLS UNROLL
      const typename number<D::W_W, true>::type w = rom_lane<D::W_W, true>(weights, j, i);
      sum += sum_type(D::product::template multiply<P_W>(x.lane[i], w));
    }
    acc.lane[j] = fit<D::ACC_W, true>(sum);
  }
  return acc;
}

}  // namespace hwc

#endif
