// SPDX-License-Identifier: Apache-2.0
// hwc rom: constants packed into 64-bit words.
//
//   rom_lane(rom, row, k) = code k of a row
//
// A word holds floor(64 / W) codes, the first in its low bits; none crosses a word. The unused high
// bits are constant zeros and vanish in synthesis. Verilog twin: hwc_rom.

#ifndef HWC_ROM_H
#define HWC_ROM_H

#include "types.h"

namespace hwc {

typedef unsigned long long word;

// W, S: type of a code.  ROWS x WORDS: shape of the array.
template <int W, bool S, int ROWS, int WORDS>
typename number<W, S>::type rom_lane(const word (&rom)[ROWS][WORDS], unsigned row, unsigned k) {
#pragma HLS INLINE
  const unsigned PER_WORD = 64 / W;
  return fit<W, S>(rom[row][k / PER_WORD] >> (k % PER_WORD * W));
}

}  // namespace hwc

#endif
