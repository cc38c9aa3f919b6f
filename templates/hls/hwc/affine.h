// SPDX-License-Identifier: Apache-2.0
// hwc affine: one product and one sum a channel.
//
//   acc[k] = W[row][k] * x[k] + B[row][k]   modulo 2^ACC_W
//
// D::LANES, D::W_W and D::ACC_W (bits), D::product (on_dsp or on_lut).  weights, bias: code k of a row; row is the
// fold, or the emission where every element of a map has its own constants. Verilog twin: hwc_affine.

#ifndef HWC_AFFINE_H
#define HWC_AFFINE_H

#include "product.h"
#include "rom.h"

namespace hwc {

template <class D, class X, class WEIGHTS, class BIAS>
vec<D::ACC_W, true, D::LANES> affine(const X& x, int row, const WEIGHTS& weights, const BIAS& bias) {
#pragma HLS INLINE
  const int P_W = X::WIDTH + D::W_W;  // bits of a product
  vec<D::ACC_W, true, D::LANES> acc;
  for (int k = 0; k < D::LANES; ++k) {
#pragma HLS UNROLL
    typedef typename total<D::ACC_W>::type sum_type;
    const typename number<D::W_W, true>::type w = rom_lane<D::W_W, true>(weights, row, k);
    sum_type sum = sum_type(rom_lane<D::ACC_W, true>(bias, row, k));
    sum += sum_type(D::product::template multiply<P_W>(x.lane[k], w));
    acc.lane[k] = fit<D::ACC_W, true>(sum);
  }
  return acc;
}

}  // namespace hwc

#endif
