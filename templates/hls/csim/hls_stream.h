// SPDX-License-Identifier: Apache-2.0
// hls::stream for a plain C++ compiler: an unbounded queue. Vitis HLS brings its own; this folder is not on its path.
//
// Reading an empty stream, or leaving data behind, ends the program: in hardware the one would hang, the other pile up.

#ifndef HWC_CSIM_HLS_STREAM_H
#define HWC_CSIM_HLS_STREAM_H

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace hls {

template <class T>
class stream {
 public:
  explicit stream(const char* name = "stream") : name_(name), head_(0) {}
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream() {
    if (!empty()) {
      stop("destroyed with data in it");
    }
  }

  bool empty() const { return head_ == queue_.size(); }
  std::size_t size() const { return queue_.size() - head_; }

  void write(const T& value) { queue_.push_back(value); }

  T read() {
    if (empty()) {
      stop("read while empty");
    }
    const T value = queue_[head_++];
    if (empty()) {
      queue_.clear();
      head_ = 0;
    }
    return value;
  }

 private:
  void stop(const char* what) const {
    std::fprintf(stderr, "hls::stream %s: %s\n", name_, what);
    std::_Exit(3);
  }

  const char* name_;
  std::vector<T> queue_;
  std::size_t head_;
};

}  // namespace hls

#endif
