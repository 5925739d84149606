// Reads the responses of one HTTP/1.1 connection, one at a time (RFC 9112): the status, where the body
// ends, and the body. Bytes may come in any pieces.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chunked_body.h"

namespace sluice::load {

enum class ReadState { kMore, kDone, kBroken };

struct HttpHead {
  int status = 0;
  // Inference-Header-Content-Length; -1 where there is none.
  int64_t json_bytes = -1;
  // kChunkedBody, kUntoldBody, or what Content-Length says.
  int64_t body_bytes = 0;
  bool keeps_alive = true;
  // Sec-WebSocket-Accept; a view of what was read.
  std::string_view accept;
};

inline constexpr int64_t kChunkedBody = -1;
inline constexpr int64_t kUntoldBody = -2;
inline constexpr size_t kMaxHeadBytes = 64 * 1024;
// A server that claims more is taken to be broken.
inline constexpr int64_t kMaxBodyBytes = INT64_C(1) << 30;

// @param text the head with its last line end but without the empty line
// @returns what is wrong with it; empty when `head` is filled in
std::string parse_head(std::string_view text, HttpHead* head);

class HttpReader {
 public:
  // Prepares for the next response.
  void expect();
  // Nothing may follow kDone or kBroken but `expect`.
  ReadState push(std::string_view bytes);

  const HttpHead& head() const { return head_; }
  // Until the next call, and as long as what was pushed last stays where it is.
  std::string_view body() const { return body_; }
  const std::string& problem() const { return problem_; }

 private:
  ReadState take_body(std::string_view bytes);
  ReadState fail(std::string problem);

  HttpHead head_;
  bool has_head_ = false;
  // Bytes of a head that is not whole yet, or of a body of known length.
  std::string kept_;
  ChunkedBody chunks_;
  std::string_view body_;
  std::string problem_;
};

}  // namespace sluice::load
