#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace sluice::load {
namespace {

constexpr uint32_t kMaxFrameBytes = 1u << 31;
constexpr size_t kReadBytes = 64 * 1024;

bool read_exactly(int fd, char* to, size_t size) {
  while (size > 0) {
    const ssize_t got = read(fd, to, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

bool Channel::wait_frame(std::string* frame, std::string* problem) {
  uint32_t size = 0;
  if (!read_exactly(in_, reinterpret_cast<char*>(&size), sizeof size)) return false;
  if (size == 0 || size > kMaxFrameBytes) {
    *problem = "expected a plan of 1 byte to 2 GiB, got " + std::to_string(size) + " bytes";
    return false;
  }
  frame->resize(size);
  return read_exactly(in_, frame->data(), size);
}

void Channel::make_nonblocking() {
  for (const int fd : {in_, out_}) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

bool Channel::read_available() {
  incoming_.erase(0, read_);
  read_ = 0;
  char buffer[kReadBytes];
  for (;;) {
    const ssize_t got = read(in_, buffer, sizeof buffer);
    if (got > 0) incoming_.append(buffer, static_cast<size_t>(got));
    else if (got < 0 && errno == EINTR) continue;
    else return got < 0 && errno == EAGAIN;
  }
}

bool Channel::next_frame(std::string_view* frame) {
  const std::string_view rest = std::string_view(incoming_).substr(read_);
  uint32_t size = 0;
  if (rest.size() < sizeof size) return false;
  std::memcpy(&size, rest.data(), sizeof size);
  if (rest.size() - sizeof size < size) return false;
  *frame = rest.substr(sizeof size, size);
  read_ += sizeof size + size;
  return true;
}

bool Channel::send(const WireWriter& frame) {
  const auto size = static_cast<uint32_t>(frame.bytes().size());
  outgoing_.append(reinterpret_cast<const char*>(&size), sizeof size);
  outgoing_.append(frame.bytes());
  return flush();
}

bool Channel::flush() {
  while (sent_ < outgoing_.size()) {
    const ssize_t put = write(out_, outgoing_.data() + sent_, outgoing_.size() - sent_);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno == EAGAIN;
    sent_ += static_cast<size_t>(put);
  }
  outgoing_.clear();
  sent_ = 0;
  return true;
}

void Channel::drain() {
  while (flush() && has_unsent()) {
    pollfd writable = {out_, POLLOUT, 0};
    poll(&writable, 1, -1);
  }
}

}  // namespace sluice::load
