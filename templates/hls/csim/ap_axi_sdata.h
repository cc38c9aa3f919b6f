// SPDX-License-Identifier: Apache-2.0
// The fields of an AXI4-Stream beat that hwcompress uses, for a plain C++ compiler. Vitis HLS brings its own.

#ifndef HWC_CSIM_AP_AXI_SDATA_H
#define HWC_CSIM_AP_AXI_SDATA_H

#include <ap_int.h>

// DATA: bits, whole bytes. USER, ID, DEST: 0, no such signals.
template <int DATA, int USER, int ID, int DEST>
struct ap_axiu {
  static_assert(DATA % 8 == 0 && USER == 0 && ID == 0 && DEST == 0, "only data, keep, strb and last");
  ap_uint<DATA> data;
  ap_uint<DATA / 8> keep;
  ap_uint<DATA / 8> strb;
  ap_uint<1> last;
};

#endif
