// SPDX-License-Identifier: Apache-2.0
// hwc product: a * b on P bits, in a DSP or in logic. The engine of a layer picks the class, the tool does not.
//
// Verilog twins: hwc_mac (on_dsp), hwc_mul_lut and the generated adder trees (on_lut).

#ifndef HWC_PRODUCT_H
#define HWC_PRODUCT_H

#include "types.h"

namespace hwc {

struct on_dsp {
  template <int P, class A, class B>
  static typename number<P, true>::type multiply(const A& a, const B& b) {
#pragma HLS INLINE
    const typename number<P, true>::type p = operand<P>(a) * operand<P>(b);
#pragma HLS BIND_OP variable=p op=mul impl=dsp
    return p;
  }
};

struct on_lut {
  template <int P, class A, class B>
  static typename number<P, true>::type multiply(const A& a, const B& b) {
#pragma HLS INLINE
    const typename number<P, true>::type p = operand<P>(a) * operand<P>(b);
#pragma HLS BIND_OP variable=p op=mul impl=fabric
    return p;
  }
};

}  // namespace hwc

#endif
