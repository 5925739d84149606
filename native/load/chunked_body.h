// Takes chunked transfer coding apart (RFC 9112 section 7.1); extensions and trailers are skipped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::load {

class ChunkedBody {
 public:
  void clear();
  // @returns false when the bytes are not chunks, or more than `max_bytes` of body
  bool push(std::string_view bytes, int64_t max_bytes);
  bool is_done() const { return state_ == State::kDone; }
  // Valid until the next call.
  std::string_view body() const { return body_; }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailer, kDone };

  bool take_line(std::string_view* rest, bool* is_whole);
  bool end_line(int64_t max_bytes);
  bool start_chunk(int64_t max_bytes);

  State state_ = State::kSize;
  std::string line_;
  std::string body_;
  // Of the chunk that is being read.
  size_t left_ = 0;
};

}  // namespace sluice::load
