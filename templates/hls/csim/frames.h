// SPDX-License-Identifier: Apache-2.0
// Frames from a file through a top function into a file: the C simulation.
//
//   csim STIMULUS OUTPUT N        N frames; one hexadecimal beat a line, most significant digit first
//
// Exit status: 0 done, 2 wrong arguments or files, 3 the design read or left too much, 4 frame_error.

#ifndef HWC_CSIM_FRAMES_H
#define HWC_CSIM_FRAMES_H

#include <ap_int.h>
#include <hls_stream.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

namespace hwc {

inline int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The value of a line of hexadecimal digits; false if it is none or has another length.
template <int W>
bool from_hex(const std::string& line, ap_uint<W>& value) {
  if (line.size() * 4 != W) return false;
  for (int k = 0; k < W / 4; k += 16) {
    unsigned long long part = 0;
    const int count = W / 4 - k < 16 ? W / 4 - k : 16;
    for (int d = count - 1; d >= 0; --d) {
      const int digit = digit_value(line[line.size() - 1 - k - d]);
      if (digit < 0) return false;
      part = part << 4 | unsigned(digit);
    }
    value.range(4 * (k + count) - 1, 4 * k) = part;
  }
  return true;
}

template <int W>
std::string to_hex(const ap_uint<W>& value) {
  std::string line(W / 4, '0');
  for (int k = 0; k < W / 4; k += 16) {
    const int count = W / 4 - k < 16 ? W / 4 - k : 16;
    unsigned long long part = ap_uint<64>(value.range(4 * (k + count) - 1, 4 * k)).to_uint64();
    for (int d = 0; d < count; ++d, part >>= 4) {
      line[line.size() - 1 - k - d] = "0123456789abcdef"[part & 15];
    }
  }
  return line;
}

template <class IN, class OUT>
int run_frames(void (*top)(hls::stream<IN>&, hls::stream<OUT>&, ap_uint<1>*), int in_beats, int out_beats, int argc,
               char** argv) {
  if (argc != 4) {
    std::cerr << "usage: csim STIMULUS OUTPUT N\n";
    return 2;
  }
  std::ifstream stimulus(argv[1]);
  std::ofstream result(argv[2]);
  const long frames = std::atol(argv[3]);
  hls::stream<IN> in("s_axis");
  hls::stream<OUT> out("m_axis");
  ap_uint<1> error = 0;
  std::string line;
  for (long frame = 0; frame < frames; ++frame) {
    for (int beat = 0; beat < in_beats; ++beat) {
      IN b;
      if (!std::getline(stimulus, line) || !from_hex(line, b.data)) {
        std::cerr << argv[1] << ": frame " << frame << ", beat " << beat << ": no beat of the right length\n";
        std::_Exit(2);
      }
      b.keep = -1;
      b.strb = -1;
      b.last = beat == in_beats - 1;
      in.write(b);
    }
    top(in, out, &error);
    for (int beat = 0; beat < out_beats; ++beat) {
      const OUT b = out.read();
      if ((b.last == 1) != (beat == out_beats - 1)) {
        std::cerr << "frame " << frame << ", beat " << beat << ": tlast is wrong\n";
        std::_Exit(3);
      }
      result << to_hex(b.data) << '\n';
    }
  }
  if (error == 1) {
    std::cerr << "frame_error\n";
    return 4;
  }
  result.close();
  return result ? 0 : 2;
}

}  // namespace hwc

#endif
