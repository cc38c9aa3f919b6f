// SPDX-License-Identifier: Apache-2.0
// hwc dense: folded matrix-vector product, PE rows by SIMD columns a step.
//
//   acc[p] = B[r*PE + p] + sum over c, i of W[r*PE + p][c*SIMD + i] * x[c*SIMD + i]   modulo 2^ACC_W
//
// D::PE, D::SIMD, D::CF (column steps), D::RF (row steps), D::W_W and D::ACC_W (bits),
// D::STEPS_A_ROW (steps that share a row of the ROM), D::product (on_dsp or on_lut).
// Rows are the outer loop. ISLAND::KEPT: the first row step takes the vector from the stream and keeps it, the others
// replay it; without, every step takes x from the stream: hwc::window has replayed it, or there is one row step only.
// weights: row (r*CF + c) / STEPS_A_ROW, code (r*CF + c) % STEPS_A_ROW * PE*SIMD + p*SIMD + i.  bias: row r, code p.
// One step a clock, CF*RF steps for each of the vectors (positions) of a frame; what the cores of the island make of a
// row leaves after its last step. Verilog twins: hwc_buffer or hwc_window with hwc_dense_dsp or hwc_dense_lut.

#ifndef HWC_DENSE_H
#define HWC_DENSE_H

#include <hls_stream.h>

#include "product.h"
#include "rom.h"

namespace hwc {

template <class D, class ISLAND, class WEIGHTS, class BIAS>
void dense(hls::stream<typename ISLAND::input>& in, hls::stream<typename ISLAND::output>& out, const WEIGHTS& weights,
           const BIAS& bias) {
#pragma HLS INLINE
  typedef typename ISLAND::input vector;
  const int P_W = vector::WIDTH + D::W_W;  // bits of a product
  typename vector::code kept[ISLAND::KEPT ? D::CF : 1][D::SIMD];
#pragma HLS ARRAY_RESHAPE variable=kept type=complete dim=2
  typename total<D::ACC_W>::type sums[D::PE];
#pragma HLS ARRAY_PARTITION variable=sums type=complete
  int column = 0;
  int row = 0;
  int step = 0;
  int emission = 0;

dense_steps:
  for (int n = 0; n < ISLAND::EMISSIONS * D::CF; ++n) {
#pragma HLS PIPELINE II=1 rewind
    const bool fresh = !ISLAND::KEPT || row == 0;
    vector x;
    if (fresh) {
      x = in.read();
    }
    for (int i = 0; ISLAND::KEPT && i < D::SIMD; ++i) {
#pragma HLS UNROLL
      if (fresh) {
        kept[column][i] = x.lane[i];
      } else {
        x.lane[i] = kept[column][i];
      }
    }

    const int first = step % D::STEPS_A_ROW * D::PE * D::SIMD;
    vec<D::ACC_W, true, D::PE> acc;
    for (int p = 0; p < D::PE; ++p) {
#pragma HLS UNROLL
      typedef typename total<D::ACC_W>::type sum_type;
      sum_type sum = column == 0 ? sum_type(rom_lane<D::ACC_W, true>(bias, row, p)) : sums[p];
      for (int i = 0; i < D::SIMD; ++i) {
#pragma HLS UNROLL
        const typename number<D::W_W, true>::type w =
            rom_lane<D::W_W, true>(weights, step / D::STEPS_A_ROW, first + p * D::SIMD + i);
        sum += sum_type(D::product::template multiply<P_W>(x.lane[i], w));
      }
      sums[p] = sum;
      acc.lane[p] = fit<D::ACC_W, true>(sum);
    }

    step = step == D::CF * D::RF - 1 ? 0 : step + 1;
    if (column == D::CF - 1) {
      out.write(ISLAND::emit(acc, row, emission));
      column = 0;
      row = row == D::RF - 1 ? 0 : row + 1;
      emission = emission == ISLAND::EMISSIONS - 1 ? 0 : emission + 1;
    } else {
      ++column;
    }
  }
}

}  // namespace hwc

#endif
