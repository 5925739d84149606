#include "chunked_body.h"

#include <algorithm>
#include <charconv>

namespace sluice::load {
namespace {

constexpr size_t kMaxLineBytes = 4096;

}  // namespace

void ChunkedBody::clear() {
  state_ = State::kSize;
  line_.clear();
  body_.clear();
  left_ = 0;
}

bool ChunkedBody::push(std::string_view bytes, int64_t max_bytes) {
  while (!bytes.empty()) {
    if (state_ == State::kDone) return false;
    if (state_ == State::kData) {
      const size_t taken = std::min(left_, bytes.size());
      body_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      left_ -= taken;
      if (left_ == 0) state_ = State::kDataEnd;
      continue;
    }
    bool is_whole = false;
    if (!take_line(&bytes, &is_whole)) return false;
    if (!is_whole) return true;
    if (!end_line(max_bytes)) return false;
    line_.clear();
  }
  return true;
}

// Up to the line's end, which is not kept.
bool ChunkedBody::take_line(std::string_view* rest, bool* is_whole) {
  const size_t end = rest->find('\n');
  line_.append(rest->substr(0, end));
  if (line_.size() > kMaxLineBytes) return false;
  *is_whole = end != std::string_view::npos;
  rest->remove_prefix(*is_whole ? end + 1 : rest->size());
  if (!*is_whole) return true;
  if (line_.empty() || line_.back() != '\r') return false;
  line_.pop_back();
  return true;
}

bool ChunkedBody::end_line(int64_t max_bytes) {
  switch (state_) {
    case State::kSize: return start_chunk(max_bytes);
    case State::kDataEnd:
      state_ = State::kSize;
      return line_.empty();
    case State::kTrailer:
      if (line_.empty()) state_ = State::kDone;
      return true;
    case State::kData:
    case State::kDone: return false;
  }
  return false;
}

bool ChunkedBody::start_chunk(int64_t max_bytes) {
  uint64_t size = 0;
  const char* const end = line_.data() + line_.size();
  const auto [after, error] = std::from_chars(line_.data(), end, size, 16);
  if (error != std::errc{} || (after != end && *after != ';' && *after != ' ')) return false;
  if (size > static_cast<uint64_t>(max_bytes) - body_.size()) return false;
  left_ = size;
  state_ = size == 0 ? State::kTrailer : State::kData;
  return true;
}

}  // namespace sluice::load
