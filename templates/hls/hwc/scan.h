// SPDX-License-Identifier: Apache-2.0
// hwc scan: line buffer that takes every pixel once and gives all taps of a window at once.
//
//   position (oy, ox), tap (ky, kx) is pixel (oy*SR - PT + ky*DR, ox*SC - PL + kx*DC); outside the map stands FILL
//   lane (ky*KC + kx)*C + c of D::output: channel c of the C of tap (ky, kx)
//
// D::input is a pixel. D::ROWS, D::COLS: pixels of a frame, raster order. D::ALL_ROWS, D::ALL_COLS: with what the last
// windows reach beyond. D::KR, D::KC kernel; D::SR, D::SC stride; D::DR, D::DC dilation; D::PT, D::PL padding before
// (of rows, of columns). D::PADDED: some tap lies outside.
//
// lines keeps, for each of D::DEPTH = COLS columns, the last (KR-1)*DR rows in D::LANES codes, the oldest first. A step
// takes the pixel (y, x), if there is one, and completes the window that ends there, if one does. One step a clock,
// ALL_ROWS*ALL_COLS a frame. Verilog twins: hwc_scan, hwc_patch; what they replay, hwc::dense replays.

#ifndef HWC_SCAN_H
#define HWC_SCAN_H

#include <hls_stream.h>

#include "types.h"

namespace hwc {

template <class D>
void scan(hls::stream<typename D::input>& in, hls::stream<typename D::output>& out,
          typename D::input::code (&lines)[D::DEPTH][D::LANES]) {
#pragma HLS INLINE
  typedef typename D::input pixel_type;
  typedef typename D::output patch_type;
  typedef typename pixel_type::code code;
  const int C = pixel_type::LANES;
  const int SPAN_R = (D::KR - 1) * D::DR;
  const int SPAN_C = (D::KC - 1) * D::DC;
  code seen[SPAN_C + 1][D::KR][C];  // the last columns, the newest last
#pragma HLS ARRAY_PARTITION variable=seen type=complete dim=0
  code column[(SPAN_R + 1) * C];  // the rows at this place, the newest last
#pragma HLS ARRAY_PARTITION variable=column type=complete
  int y = 0, x = 0;
  int row_end = SPAN_R - D::PT, column_end = SPAN_C - D::PL;  // where the next window ends

scan_steps:
  for (int n = 0; n < D::ALL_ROWS * D::ALL_COLS; ++n) {
#pragma HLS PIPELINE II=1 rewind
    // The rows above lie in lines; if there is one column only, where the step before left them.
    const bool there = x < D::COLS;
    for (int k = 0; k < SPAN_R * C; ++k) {
#pragma HLS UNROLL
      const code above = D::ALL_COLS == 1 ? column[k + C] : there ? lines[x][k] : code(0);
      column[k] = y > 0 ? above : code(0);
    }
    pixel_type pixel;
    const bool taken = there && y < D::ROWS;
    if (taken) {
      pixel = in.read();
    }
    for (int k = 0; k < C; ++k) {
#pragma HLS UNROLL
      column[SPAN_R * C + k] = taken ? pixel.lane[k] : code(0);
    }
    for (int k = 0; k < SPAN_R * C; ++k) {
#pragma HLS UNROLL
      if (there) {
        lines[x][k] = column[k + C];
      }
    }
    for (int r = 0; r < D::KR; ++r) {
#pragma HLS UNROLL
      for (int k = 0; k < C; ++k) {
#pragma HLS UNROLL
        for (int s = 0; s < SPAN_C; ++s) {
#pragma HLS UNROLL
          seen[s][r][k] = seen[s + 1][r][k];
        }
        seen[SPAN_C][r][k] = column[r * D::DR * C + k];
      }
    }

    const bool column_ends = x == column_end;
    if (y == row_end && column_ends) {
      patch_type patch;
      for (int r = 0; r < D::KR; ++r) {
#pragma HLS UNROLL
        for (int s = 0; s < D::KC; ++s) {
#pragma HLS UNROLL
          const int tap_y = y - SPAN_R + r * D::DR, tap_x = x - SPAN_C + s * D::DC;
          const bool inside = !D::PADDED || (tap_y >= 0 && tap_y < D::ROWS && tap_x >= 0 && tap_x < D::COLS);
          for (int k = 0; k < C; ++k) {
#pragma HLS UNROLL
            patch.lane[(r * D::KC + s) * C + k] = inside ? seen[s * D::DC][r][k] : code(D::FILL);
          }
        }
      }
      out.write(patch);
    }

    if (x == D::ALL_COLS - 1) {
      x = 0;
      column_end = SPAN_C - D::PL;
      if (y == D::ALL_ROWS - 1) {
        y = 0;
        row_end = SPAN_R - D::PT;
      } else {
        row_end = y == row_end ? row_end + D::SR : row_end;
        ++y;
      }
    } else {
      ++x;
      column_end = column_ends ? column_end + D::SC : column_end;
    }
  }
}

}  // namespace hwc

#endif
