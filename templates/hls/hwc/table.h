// SPDX-License-Identifier: Apache-2.0
// hwc table: any function of one number, a ROM for each lane.
//
//   y[k] = rom[bits of x[k] read as an unsigned address]
//
// D::LANES, D::OUT_W (bits), D::OUT_SIGNED.  rom: one row, code a for address a. Verilog twin: hwc_table.

#ifndef HWC_TABLE_H
#define HWC_TABLE_H

#include "types.h"

namespace hwc {

template <class D, class X, int DEPTH>
vec<D::OUT_W, D::OUT_SIGNED, D::LANES> table(const X& x, const int (&rom)[DEPTH]) {
#pragma HLS INLINE
  vec<D::OUT_W, D::OUT_SIGNED, D::LANES> y;
  for (int k = 0; k < D::LANES; ++k) {
#pragma HLS UNROLL
    const typename number<X::WIDTH, false>::type address = fit<X::WIDTH, false>(x.lane[k]);
    y.lane[k] = typename vec<D::OUT_W, D::OUT_SIGNED, D::LANES>::code(rom[address]);
  }
  return y;
}

}  // namespace hwc

#endif
