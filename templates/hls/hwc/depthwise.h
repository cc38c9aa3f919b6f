// SPDX-License-Identifier: Apache-2.0
// hwc depthwise: the taps of each channel by weights of its own, LANES channels at once.
//
//   acc[k] = B[f*LANES + k] + sum over tap of W[f*LANES + k][tap] * x[tap][k]   modulo 2^ACC_W      f = fold
//
// D::LANES, D::TAPS, D::W_W and D::ACC_W (bits), D::STEPS_A_ROW (steps that share a row of the ROM), D::product (on_dsp
// or on_lut). Lanes of x beyond LANES are not read.
// weights: row (f*TAPS + tap) / STEPS_A_ROW, code (f*TAPS + tap) % STEPS_A_ROW * LANES + k.  bias: row f, code k.
// One step a clock, TAPS steps for each of ISLAND::FOLDS folds of a position; what the cores of the island make of a
// sum leaves after its last tap. Verilog twins: hwc_window with hwc_affine.

#ifndef HWC_DEPTHWISE_H
#define HWC_DEPTHWISE_H

#include <hls_stream.h>

#include "product.h"
#include "rom.h"

namespace hwc {

template <class D, class ISLAND, class WEIGHTS, class BIAS>
void depthwise(hls::stream<typename ISLAND::input>& in, hls::stream<typename ISLAND::output>& out,
               const WEIGHTS& weights, const BIAS& bias) {
#pragma HLS INLINE
  const int P_W = ISLAND::input::WIDTH + D::W_W;  // bits of a product
  typedef typename total<D::ACC_W>::type sum_type;
  sum_type sums[D::LANES];
#pragma HLS ARRAY_PARTITION variable=sums type=complete
  int tap = 0;
  int fold = 0;
  int step = 0;
  int emission = 0;

depthwise_steps:
  for (int n = 0; n < ISLAND::EMISSIONS * D::TAPS; ++n) {
#pragma HLS PIPELINE II=1 rewind
    const typename ISLAND::input x = in.read();
    const int first = step % D::STEPS_A_ROW * D::LANES;
    vec<D::ACC_W, true, D::LANES> acc;
    for (int k = 0; k < D::LANES; ++k) {
#pragma HLS UNROLL
      const typename number<D::W_W, true>::type w =
          rom_lane<D::W_W, true>(weights, step / D::STEPS_A_ROW, first + k);
      sum_type sum = tap == 0 ? sum_type(rom_lane<D::ACC_W, true>(bias, fold, k)) : sums[k];
      sum += sum_type(D::product::template multiply<P_W>(x.lane[k], w));
      sums[k] = sum;
      acc.lane[k] = fit<D::ACC_W, true>(sum);
    }

    step = step == ISLAND::FOLDS * D::TAPS - 1 ? 0 : step + 1;
    if (tap == D::TAPS - 1) {
      out.write(ISLAND::emit(acc, fold, emission));
      tap = 0;
      fold = fold == ISLAND::FOLDS - 1 ? 0 : fold + 1;
      emission = emission == ISLAND::EMISSIONS - 1 ? 0 : emission + 1;
    } else {
      ++tap;
    }
  }
}

}  // namespace hwc

#endif
