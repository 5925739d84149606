#include "http_reader.h"

#include <algorithm>
#include <charconv>

namespace sluice::load {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kExpected = "expected an HTTP/1.1 response, got ";
constexpr size_t kShownBytes = 40;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// `name` is in lower case.
bool is_name(std::string_view text, std::string_view name) {
  if (text.size() != name.size()) return false;
  for (size_t i = 0; i < text.size(); i += 1) {
    if (lower(text[i]) != name[i]) return false;
  }
  return true;
}

bool holds_word(std::string_view text, std::string_view word) {
  for (size_t i = 0; i + word.size() <= text.size(); i += 1) {
    if (is_name(text.substr(i, word.size()), word)) return true;
  }
  return false;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Digits alone; -1 for anything else.
int64_t whole_number(std::string_view text) {
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && after == end && value >= 0 ? value : -1;
}

// What a server sent may be anything: only what prints is shown.
std::string shown(std::string_view text) {
  std::string result = "\"";
  for (const char c : text.substr(0, kShownBytes)) result += c >= ' ' && c <= '~' ? c : '?';
  return result + '"';
}

// @returns false for a length that is none
bool take_header(std::string_view name, std::string_view value, HttpHead* head, bool* is_chunked) {
  if (is_name(name, "content-length")) {
    head->body_bytes = whole_number(value);
    return head->body_bytes >= 0 && head->body_bytes <= kMaxBodyBytes;
  }
  if (is_name(name, "inference-header-content-length")) {
    head->json_bytes = whole_number(value);
    return head->json_bytes >= 0;
  }
  if (is_name(name, "transfer-encoding")) *is_chunked = holds_word(value, "chunked");
  else if (is_name(name, "connection")) head->keeps_alive = !holds_word(value, "close");
  else if (is_name(name, "sec-websocket-accept")) head->accept = value;
  return true;
}

}  // namespace

std::string parse_head(std::string_view text, HttpHead* head) {
  *head = HttpHead{};
  head->body_bytes = kUntoldBody;
  const bool is_http = text.size() >= 12 && (text.starts_with("HTTP/1.1 ") || text.starts_with("HTTP/1.0 "));
  const int64_t status = is_http ? whole_number(text.substr(9, 3)) : -1;
  if (status < 100) return std::string(kExpected) + shown(text);
  head->status = static_cast<int>(status);
  bool is_chunked = false;
  std::string_view rest = text.substr(std::min(text.find("\r\n"), text.size()));
  while (rest.size() > 2) {
    rest.remove_prefix(2);
    const size_t end = std::min(rest.find("\r\n"), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (!take_header(line.substr(0, colon), trim(line.substr(colon + 1)), head, &is_chunked)) {
      return std::string(kExpected) + shown(line);
    }
  }
  if (is_chunked) head->body_bytes = kChunkedBody;
  return "";
}

void HttpReader::expect() {
  has_head_ = false;
  kept_.clear();
  chunks_.clear();
  body_ = {};
}

ReadState HttpReader::push(std::string_view bytes) {
  if (has_head_) return take_body(bytes);
  const size_t before = kept_.size();
  if (before > 0) {
    kept_.append(bytes);
    bytes = kept_;
  }
  const size_t end = bytes.find(kHeadEnd, before < kHeadEnd.size() ? 0 : before - kHeadEnd.size());
  if (end == std::string_view::npos) {
    if (bytes.size() > kMaxHeadBytes) return fail("headers of more than 64 KiB");
    if (before == 0) kept_ = bytes;
    return ReadState::kMore;
  }
  std::string problem = parse_head(bytes.substr(0, end + 2), &head_);
  if (!problem.empty()) {
    problem_ = std::move(problem);
    return ReadState::kBroken;
  }
  if (head_.body_bytes == kUntoldBody) return fail("neither content-length nor chunked encoding");
  has_head_ = true;
  bytes.remove_prefix(end + kHeadEnd.size());
  if (head_.body_bytes >= 0 && bytes.size() == static_cast<size_t>(head_.body_bytes)) {
    body_ = bytes;
    return ReadState::kDone;
  }
  if (before == 0) return take_body(bytes);
  const std::string rest(bytes);
  kept_.clear();
  return take_body(rest);
}

ReadState HttpReader::take_body(std::string_view bytes) {
  if (head_.body_bytes == kChunkedBody) {
    if (!chunks_.push(bytes, kMaxBodyBytes)) return fail("chunks that are none");
    body_ = chunks_.body();
    return chunks_.is_done() ? ReadState::kDone : ReadState::kMore;
  }
  const auto wanted = static_cast<size_t>(head_.body_bytes);
  if (kept_.size() + bytes.size() > wanted) return fail("bytes past the end of the body");
  kept_.append(bytes);
  body_ = kept_;
  return kept_.size() == wanted ? ReadState::kDone : ReadState::kMore;
}

ReadState HttpReader::fail(std::string problem) {
  problem_ = std::string(kExpected) + std::move(problem);
  return ReadState::kBroken;
}

}  // namespace sluice::load
