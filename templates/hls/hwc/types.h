// SPDX-License-Identifier: Apache-2.0
// hwc types: codes of a given width, and vectors of them.
//
//   number<W, S>::type   code of W bits, signed (S) or not: ap_int / ap_uint for synthesis
//   total<W>::type       an accumulator modulo 2^W or a multiple of it; fit() it when the sum is complete
//   fit<W, S>(v)         the low W bits of v read as a code (two's complement wraps)
//   vec<W, S, N>         N codes; lane 0 is the one in the least significant bits of a beat
//
// A plain C++ compiler gets native integers instead, which hold the same codes and run some
// twenty times faster; -DHWC_AP_INT gives it the types of synthesis.

#ifndef HWC_TYPES_H
#define HWC_TYPES_H

#include <ap_int.h>

#if defined(__SYNTHESIS__) && !defined(HWC_AP_INT)
#define HWC_AP_INT
#endif

namespace hwc {

#ifdef HWC_AP_INT

template <int W, bool S>
struct number {
  typedef ap_uint<W> type;
};
template <int W>
struct number<W, true> {
  typedef ap_int<W> type;
};

template <int W>
struct total {
  typedef ap_int<W> type;
};

template <int W, bool S, class T>
typename number<W, S>::type fit(const T& v) {
#pragma HLS INLINE
  return typename number<W, S>::type(v);
}

// An operand of an operation whose result has W bits; ap_int grows by itself.
template <int W, class T>
T operand(const T& v) {
#pragma HLS INLINE
  return v;
}

#else

template <int CLASS>
struct native;  // CLASS: 0 for 8 bits, 1 for 16, 2 for 32, 3 for 64, 4 for 128
template <>
struct native<0> {
  typedef signed char s;
  typedef unsigned char u;
};
template <>
struct native<1> {
  typedef short s;
  typedef unsigned short u;
};
template <>
struct native<2> {
  typedef int s;
  typedef unsigned int u;
};
template <>
struct native<3> {
  typedef long long s;
  typedef unsigned long long u;
};
template <>
struct native<4> {
  typedef __int128 s;
  typedef unsigned __int128 u;
};

template <int W>
struct holder : native<(W > 8) + (W > 16) + (W > 32) + (W > 64)> {
  static_assert(W >= 1 && W <= 128, "width of a code must be 1 .. 128 bits");
};

template <int W, bool S>
struct number {
  typedef typename holder<W>::u type;
};
template <int W>
struct number<W, true> {
  typedef typename holder<W>::s type;
};

template <int W>
struct total {
  typedef typename holder<(W > 32 ? W : 32)>::u type;
};

template <int W, bool S, class T>
typename number<W, S>::type fit(const T& v) {
  typedef typename holder<W>::u bits;
  const int above = int(sizeof(bits)) * 8 - W;
  return typename number<W, S>::type(bits(bits(v) << above)) >> above;
}

template <int W, class T>
typename number<W, true>::type operand(const T& v) {
  return typename number<W, true>::type(v);
}

#endif

template <int W, bool S, int N>
struct vec {
  static const int WIDTH = W;  // bits of a code
  static const bool SIGNED = S;
  static const int LANES = N;
  typedef typename number<W, S>::type code;
  code lane[N];
};

}  // namespace hwc

#endif
