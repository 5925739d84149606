// The two pipes to whoever started this process. A frame is its length (u32, without itself), its kind
// (a letter) and its fields (wire.h).
//
//   in   'P' plan, first (load_plan.h) · 'G' go · 'V' verdict: id, right (u8), code, message
//   out  'R' ready · 'F' failed: failure (u32, ~0 for none), message · 'A' answer to judge: id,
//        request, JSON bytes (f64, -1 for none), body · 'E' a first failed response: failure, status
//        (0 for a WebSocket frame), body · 'T' progress: answers, errors · 'D' done: recorder.h,
//        then busy share, CPU microseconds
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire.h"

namespace sluice::load {

class Channel {
 public:
  Channel(int in, int out) : in_(in), out_(out) {}

  // Waits for one frame, its length left out; before `read_available` is first called.
  // @returns false at the end of the pipe, or with what is wrong with the frame
  bool wait_frame(std::string* frame, std::string* problem);
  void make_nonblocking();

  // Reads what is there. @returns false when the other end is gone
  bool read_available();
  // The next whole frame of what was read; a view until the next call of `read_available`.
  bool next_frame(std::string_view* frame);

  // Queues, and sends what the pipe takes. @returns false when the other end is gone
  bool send(const WireWriter& frame);
  bool flush();
  bool has_unsent() const { return sent_ < outgoing_.size(); }
  // Waits until all is sent.
  void drain();

 private:
  int in_;
  int out_;
  std::string incoming_;
  size_t read_ = 0;
  std::string outgoing_;
  size_t sent_ = 0;
};

}  // namespace sluice::load
