// SPDX-License-Identifier: Apache-2.0
// hwc port: AXI4-Stream beats and vectors.
//
//   beat: lane k at bits [k*WIDTH, (k+1)*WIDTH) of data, zeros above up to whole bytes
//
// read_frame takes one frame of BEATS beats and treats tlast as hwc_input does. Early: the rest of the
// frame is filled with zeros. Late: what follows is dropped up to the next tlast. Either raises *error for good.
// One beat a clock and two or three between frames. With BEATS = 1 a frame enters every clock, and a missing tlast
// raises *error but drops nothing, since every beat is a frame: the only difference from hwc_input.
// write_frame sets tlast on the last beat. Verilog twins: hwc_input, hwc_output.

#ifndef HWC_PORT_H
#define HWC_PORT_H

#include <ap_axi_sdata.h>
#include <hls_stream.h>

#include "types.h"

namespace hwc {

template <class VEC, class DATA>
VEC unpack(const DATA& data) {
#pragma HLS INLINE
  VEC v;
  for (int k = 0; k < VEC::LANES; ++k) {
#pragma HLS UNROLL
    const ap_uint<VEC::WIDTH> bits = data.range((k + 1) * VEC::WIDTH - 1, k * VEC::WIDTH);
    v.lane[k] = fit<VEC::WIDTH, VEC::SIGNED>(bits.to_uint());
  }
  return v;
}

template <class DATA, class VEC>
DATA pack(const VEC& v) {
#pragma HLS INLINE
  DATA data = 0;
  for (int k = 0; k < VEC::LANES; ++k) {
#pragma HLS UNROLL
    data.range((k + 1) * VEC::WIDTH - 1, k * VEC::WIDTH) = ap_uint<VEC::WIDTH>(v.lane[k]);
  }
  return data;
}

template <class AXIS, class VEC, int BEATS>
struct read_frame {
  static void run(hls::stream<AXIS>& in, hls::stream<VEC>& out, ap_uint<1>* error) {
    static ap_uint<1> failed = 0;
    static bool dropping = false;
    bool ended = false;  // an early tlast
  read_beats:
    for (int beat = 0; beat < BEATS;) {
#pragma HLS PIPELINE II=1
      AXIS b;
      b.data = 0;
      b.last = 0;
      if (!ended) {
        b = in.read();
      }
      if (dropping) {
        dropping = b.last == 0;
      } else {
        const bool final = beat == BEATS - 1;
        out.write(unpack<VEC>(b.data));
        if (!ended && (b.last == 1) != final) {
          failed = 1;
          dropping = final;
        }
        ended = ended || b.last == 1;
        ++beat;
      }
    }
    *error = failed;
  }
};

template <class AXIS, class VEC>
struct read_frame<AXIS, VEC, 1> {
  static void run(hls::stream<AXIS>& in, hls::stream<VEC>& out, ap_uint<1>* error) {
#pragma HLS PIPELINE II=1
    static ap_uint<1> failed = 0;
    const AXIS b = in.read();
    out.write(unpack<VEC>(b.data));
    if (b.last == 0) {
      failed = 1;
    }
    *error = failed;
  }
};

template <class VEC, class AXIS>
AXIS beat_of(const VEC& v, bool last) {
#pragma HLS INLINE
  AXIS b;
  b.data = pack<decltype(b.data)>(v);
  b.keep = -1;
  b.strb = -1;
  b.last = last;
  return b;
}

template <class VEC, class AXIS, int BEATS>
struct write_frame {
  static void run(hls::stream<VEC>& in, hls::stream<AXIS>& out) {
  write_beats:
    for (int beat = 0; beat < BEATS; ++beat) {
#pragma HLS PIPELINE II=1 rewind
      out.write(beat_of<VEC, AXIS>(in.read(), beat == BEATS - 1));
    }
  }
};

template <class VEC, class AXIS>
struct write_frame<VEC, AXIS, 1> {
  static void run(hls::stream<VEC>& in, hls::stream<AXIS>& out) {
#pragma HLS PIPELINE II=1
    out.write(beat_of<VEC, AXIS>(in.read(), true));
  }
};

}  // namespace hwc

#endif
