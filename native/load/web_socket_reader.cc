#include "web_socket_reader.h"

namespace sluice::load {
namespace {

constexpr uint8_t kContinuation = 0;
constexpr uint8_t kBinary = 2;
constexpr uint8_t kClose = 8;
constexpr uint8_t kPing = 9;
constexpr uint8_t kPong = 10;
constexpr uint8_t kLastBit = 0x80;
constexpr uint8_t kOpcodeBits = 0x0f;
constexpr uint8_t kReservedBits = 0x70;
constexpr uint8_t kMaskBit = 0x80;
constexpr size_t kMaxControlBytes = 125;

uint8_t byte_at(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

uint64_t big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); i += 1) value = value << 8 | byte_at(bytes, i);
  return value;
}

}  // namespace

void WebSocketReader::reset() {
  kept_.clear();
  read_ = 0;
  parts_.clear();
  is_fragmented_ = false;
  is_closed_ = false;
  message_ = {};
  replies_.clear();
}

ReadState WebSocketReader::push(std::string_view bytes) {
  message_ = {};
  if (!is_fragmented_) parts_.clear();
  if (read_ == kept_.size()) {
    const ReadState state = read_message(&bytes);
    kept_ = bytes;
    read_ = 0;
    return state;
  }
  // Once for each message, not for each piece of one.
  if (read_ > 0) kept_.erase(0, read_);
  kept_.append(bytes);
  std::string_view rest = kept_;
  const ReadState state = read_message(&rest);
  read_ = kept_.size() - rest.size();
  return state;
}

// @param rest shortened by what was read; a frame that is not whole stays
ReadState WebSocketReader::read_message(std::string_view* rest) {
  for (;;) {
    Frame frame;
    const ReadState whole = read_frame(*rest, &frame);
    if (whole != ReadState::kDone) return whole;
    const ReadState state = take_frame(frame);
    rest->remove_prefix(frame.bytes);
    if (state == ReadState::kDone) return read_behind(rest);
    if (state == ReadState::kBroken) return state;
  }
}

// Changes nothing that the message may lie in.
ReadState WebSocketReader::read_behind(std::string_view* rest) {
  while (!rest->empty()) {
    if ((byte_at(*rest, 0) & kOpcodeBits) < kClose) return fail("a message that nothing asked for");
    Frame frame;
    const ReadState whole = read_frame(*rest, &frame);
    if (whole == ReadState::kBroken) return whole;
    if (whole == ReadState::kMore) break;
    if (frame.opcode == kClose) {
      is_closed_ = true;
      break;
    }
    if (take_control(frame) == ReadState::kBroken) return ReadState::kBroken;
    rest->remove_prefix(frame.bytes);
  }
  return ReadState::kDone;
}

ReadState WebSocketReader::read_frame(std::string_view bytes, Frame* frame) {
  if (bytes.size() < 2) return ReadState::kMore;
  const uint8_t first = byte_at(bytes, 0);
  const uint8_t second = byte_at(bytes, 1);
  if ((first & kReservedBits) != 0) return fail("reserved bits in a frame");
  if ((second & kMaskBit) != 0) return fail("a masked frame from the server");
  uint64_t size = second;
  size_t head = 2;
  if (second >= 126) {
    head += second == 126 ? 2 : 8;
    if (bytes.size() < head) return ReadState::kMore;
    size = big_endian(bytes.substr(2, head - 2));
  }
  if (size > static_cast<uint64_t>(kMaxBodyBytes)) return fail("a frame of more than 1 GiB");
  if (bytes.size() - head < size) return ReadState::kMore;
  frame->is_last = (first & kLastBit) != 0;
  frame->opcode = first & kOpcodeBits;
  frame->payload = bytes.substr(head, size);
  frame->bytes = head + size;
  return ReadState::kDone;
}

ReadState WebSocketReader::take_frame(const Frame& frame) {
  if (frame.opcode >= kClose) return take_control(frame);
  if (frame.opcode > kBinary) return fail("a frame of an unknown kind");
  if ((frame.opcode == kContinuation) != is_fragmented_) return fail("a fragment out of order");
  if (frame.is_last && !is_fragmented_) {
    message_ = frame.payload;
    return ReadState::kDone;
  }
  if (parts_.size() + frame.payload.size() > static_cast<size_t>(kMaxBodyBytes)) {
    return fail("a message of more than 1 GiB");
  }
  parts_.append(frame.payload);
  is_fragmented_ = !frame.is_last;
  if (is_fragmented_) return ReadState::kMore;
  message_ = parts_;
  return ReadState::kDone;
}

ReadState WebSocketReader::take_control(const Frame& frame) {
  const std::string_view payload = frame.payload;
  if (!frame.is_last || payload.size() > kMaxControlBytes) return fail("a control frame that is none");
  if (frame.opcode == kPong) return ReadState::kMore;
  if (frame.opcode == kPing) {
    // The mask of a client's frame may be any number; with 0 the payload stays as it is.
    replies_ += static_cast<char>(kLastBit | kPong);
    replies_ += static_cast<char>(kMaskBit | payload.size());
    replies_.append(4, '\0');
    replies_.append(payload);
    return ReadState::kMore;
  }
  if (frame.opcode != kClose) return fail("a frame of an unknown kind");
  const uint64_t code = payload.size() >= 2 ? big_endian(payload.substr(0, 2)) : 1005;
  problem_ = "closed by the server, code " + std::to_string(code);
  return ReadState::kBroken;
}

ReadState WebSocketReader::fail(std::string problem) {
  problem_ = "expected WebSocket frames, got " + std::move(problem);
  return ReadState::kBroken;
}

}  // namespace sluice::load
