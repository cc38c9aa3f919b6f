// SPDX-License-Identifier: Apache-2.0
// hwc window: line buffer of a convolution or pool; walks the taps of each output position.
//
//   position (oy, ox), tap (ky, kx) reads pixel (oy*SR - PT + ky*DR, ox*SC - PL + kx*DC); outside the map stands FILL
//   steps of a position: GROUPS times REPLAY times KR times KC times PARTS, the last the fastest
//
// D::input is a word, D::output a part: a word holds SUB of them, a pixel PIXEL words. Group g reads parts
// g*PARTS .. g*PARTS + PARTS-1 of a pixel. D::ROWS, D::COLS: pixels of a frame; D::OUT_ROWS, D::OUT_COLS: positions.
// D::KR, D::KC kernel; D::SR, D::SC stride; D::DR, D::DC dilation; D::PT, D::PL padding before (of rows, of columns).
// D::PADDED: some tap lies outside. D::INDEX_W (bits): a signed number of words of the map with all around it.
//
// memory is a ring of D::DEPTH words of D::LANES codes, any number that holds a window. A turn of the loop makes a step
// if the last pixel of its position is in, and takes a word if one is there and the ring has room; it waits for a word
// only if it has no step to make. Each frame takes exactly its own words. One step a clock. Verilog twin: hwc_window.

#ifndef HWC_WINDOW_H
#define HWC_WINDOW_H

#include <hls_stream.h>

#include "types.h"

namespace hwc {

// a + b modulo DEPTH, both below DEPTH.
template <int DEPTH, class INDEX>
INDEX around(const INDEX& a, const INDEX& b) {
#pragma HLS INLINE
  const int sum = int(a) + int(b);
  return INDEX(sum >= DEPTH ? sum - DEPTH : sum);
}

// The walk along rows or along columns. Distances are in words; STEP is that from one row (column) to the next.
template <class INDEX, int SIZE, int OUT, int KERNEL, int STRIDE, int DILATION, int BEFORE, int STEP, int DEPTH>
struct axis {
  INDEX output;     // row (column) of the output
  INDEX tap;        // of the kernel
  INDEX first;      // where the window begins; negative in the padding
  INDEX at;         // where the tap lies
  INDEX first_slot; // the same modulo DEPTH
  INDEX slot;

  void to_first_tap() {
#pragma HLS INLINE
    tap = 0;
    at = first;
    slot = first_slot;
  }

  void to_first_output() {
#pragma HLS INLINE
    output = 0;
    first = INDEX(-BEFORE * STEP);
    first_slot = INDEX((DEPTH - BEFORE * STEP % DEPTH) % DEPTH);
    to_first_tap();
  }

  void to_next_tap() {
#pragma HLS INLINE
    ++tap;
    at = INDEX(at + DILATION * STEP);
    slot = around<DEPTH>(slot, INDEX(DILATION * STEP % DEPTH));
  }

  void to_next_output() {
#pragma HLS INLINE
    ++output;
    first = INDEX(first + STRIDE * STEP);
    first_slot = around<DEPTH>(first_slot, INDEX(STRIDE * STEP % DEPTH));
    to_first_tap();
  }

  bool last_tap() const { return tap == KERNEL - 1; }
  bool last_output() const { return output == OUT - 1; }
  bool inside() const { return at >= 0 && at < SIZE * STEP; }

  // The last row (column) of the map that the window reaches.
  int end() const {
#pragma HLS INLINE
    const int reached = int(first) + (KERNEL - 1) * DILATION * STEP;
    return reached < (SIZE - 1) * STEP ? reached : (SIZE - 1) * STEP;
  }
};

template <class D>
void window(hls::stream<typename D::input>& in, hls::stream<typename D::output>& out,
            typename D::input::code (&memory)[D::DEPTH][D::LANES]) {
#pragma HLS INLINE
  typedef typename number<D::INDEX_W, true>::type index;
  typedef typename D::input word_type;
  typedef typename D::output part_type;
  const int WORDS = D::ROWS * D::COLS * D::PIXEL;  // of a frame
  axis<index, D::ROWS, D::OUT_ROWS, D::KR, D::SR, D::DR, D::PT, D::COLS * D::PIXEL, D::DEPTH> row;
  axis<index, D::COLS, D::OUT_COLS, D::KC, D::SC, D::DC, D::PL, D::PIXEL, D::DEPTH> column;
  row.to_first_output();
  column.to_first_output();
  int part = 0, replay = 0, group = 0;
  index word = 0, group_word = 0;  // of the pixel: the one of this part, the one in which the group begins
  int sub = 0, group_sub = 0;      // of the word
  index written = 0, freed = 0, write_slot = 0;
  bool done = false;

window_steps:
  while (!done || written < WORDS) {
#pragma HLS PIPELINE II=1
    const bool ready = !done && written >= row.end() + column.end() + D::PIXEL;
    const bool room = done || written - freed < D::DEPTH;

    if (ready) {
      const bool inside = !D::PADDED || (row.inside() && column.inside());
      const index slot = around<D::DEPTH>(around<D::DEPTH>(row.slot, column.slot), word);
      const index address = inside ? slot : index(0);
      word_type whole;
#pragma HLS ARRAY_PARTITION variable=whole.lane type=complete
      for (int k = 0; k < word_type::LANES; ++k) {
#pragma HLS UNROLL
        whole.lane[k] = memory[address][k];
      }
      part_type x;
      for (int k = 0; k < part_type::LANES; ++k) {
#pragma HLS UNROLL
        x.lane[k] = typename part_type::code(D::FILL);
        for (int s = 0; s < D::SUB; ++s) {
#pragma HLS UNROLL
          if (inside && s == sub) {
            x.lane[k] = whole.lane[s * part_type::LANES + k];
          }
        }
      }
      out.write(x);

      // To the next step: the loops from the inside out.
      const bool word_ends = sub == D::SUB - 1;
      const int next_sub = word_ends ? 0 : sub + 1;
      const index next_word = index(word + (word_ends ? 1 : 0));
      if (part < D::PARTS - 1) {
        ++part;
        sub = next_sub;
        word = next_word;
      } else {
        part = 0;
        if (!column.last_tap()) {
          column.to_next_tap();
        } else {
          column.to_first_tap();
          if (!row.last_tap()) {
            row.to_next_tap();
          } else {
            row.to_first_tap();
            if (replay < D::REPLAY - 1) {
              ++replay;
            } else {
              replay = 0;
              if (group < D::GROUPS - 1) {
                ++group;
                group_sub = next_sub;
                group_word = next_word;
              } else {
                group = 0;
                group_sub = 0;
                group_word = 0;
                if (!column.last_output()) {
                  column.to_next_output();
                } else {
                  column.to_first_output();
                  if (!row.last_output()) {
                    row.to_next_output();
                  } else {
                    done = true;
                  }
                }
                if (freed < row.first + column.first) {
                  freed = index(row.first + column.first);
                }
              }
            }
          }
        }
        sub = group_sub;
        word = group_word;
      }
    }

    if (written < WORDS && room && (!ready || !in.empty())) {
      const word_type x = in.read();
      for (int k = 0; k < word_type::LANES; ++k) {
#pragma HLS UNROLL
        memory[write_slot][k] = x.lane[k];
      }
      ++written;
      write_slot = write_slot == D::DEPTH - 1 ? index(0) : index(write_slot + 1);
    }
  }
}

}  // namespace hwc

#endif
