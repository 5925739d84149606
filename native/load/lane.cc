#include "lane.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace sluice::load {
namespace {

constexpr int kGood = 200;
constexpr int kSwitching = 101;

}  // namespace

LaneState Lane::send(std::string_view request) {
  is_busy = true;
  request_bytes_ = request;
  http_.expect();
  if (phase_ == Phase::kClosed) return connect();
  outgoing_ = request;
  sent_ = 0;
  return write();
}

LaneState Lane::connect() {
  fd_ = socket(address_.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return fail_errno("socket", errno);
  const int one = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  phase_ = Phase::kConnecting;
  write_error_ = 0;
  const auto* to = reinterpret_cast<const sockaddr*>(&address_.storage);
  if (::connect(fd_, to, address_.size) != 0 && errno != EINPROGRESS) {
    return fail_errno("connect", errno);
  }
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.u64 = tag();
  is_watching_writes_ = true;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event) != 0) return fail_errno("epoll_ctl", errno);
  return LaneState::kBusy;
}

LaneState Lane::handle(uint32_t events, std::string* buffer) {
  if (phase_ == Phase::kConnecting) {
    const LaneState state = finish_connecting();
    if (state != LaneState::kBusy) return state;
  }
  // First what the server said: one that refuses early reads no more of the request.
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
    const LaneState state = read(buffer);
    if (state != LaneState::kBusy) return state;
  }
  return (events & EPOLLOUT) != 0 && write_error_ == 0 ? write() : LaneState::kBusy;
}

LaneState Lane::finish_connecting() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return fail_errno("connect", error);
  const bool upgrades = plan_.protocol == Protocol::kWebSocket;
  phase_ = upgrades ? Phase::kUpgrading : Phase::kOpen;
  outgoing_ = upgrades ? std::string_view(plan_.upgrade) : request_bytes_;
  sent_ = 0;
  stream_.reset();
  upgrade_.clear();
  return write();
}

LaneState Lane::write() {
  while (sent_ < outgoing_.size()) {
    const ssize_t put =
        ::send(fd_, outgoing_.data() + sent_, outgoing_.size() - sent_, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) {
      watch(EPOLLIN | EPOLLOUT);
      return LaneState::kBusy;
    }
    if (put < 0) return keep_reading(errno);
    sent_ += static_cast<size_t>(put);
  }
  if (is_watching_writes_) watch(EPOLLIN);
  return LaneState::kBusy;
}

// A server that refuses and hangs up at once has said why.
LaneState Lane::keep_reading(int error) {
  if (error != EPIPE && error != ECONNRESET) return fail_errno("write", error);
  write_error_ = error;
  watch(EPOLLIN);
  return LaneState::kBusy;
}

void Lane::watch(uint32_t events) {
  is_watching_writes_ = (events & EPOLLOUT) != 0;
  epoll_event event = {};
  event.events = events;
  event.data.u64 = tag();
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_, &event);
}

LaneState Lane::read(std::string* buffer) {
  const ssize_t got = recv(fd_, buffer->data(), buffer->size(), 0);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return LaneState::kBusy;
  if (got <= 0 && write_error_ != 0) return fail_errno("write", write_error_);
  if (got < 0) return fail_errno("read", errno);
  if (got == 0) return fail("the server closed the connection");
  return take(std::string_view(buffer->data(), static_cast<size_t>(got)));
}

LaneState Lane::take(std::string_view bytes) {
  if (phase_ == Phase::kUpgrading) return take_upgrade(bytes);
  if (plan_.protocol == Protocol::kWebSocket) return take_message(bytes);
  if (!is_busy) return fail("bytes that nothing asked for");
  const ReadState state = http_.push(bytes);
  if (state == ReadState::kMore) return LaneState::kBusy;
  if (state == ReadState::kBroken) return fail(http_.problem());
  response_ = {http_.head().status, http_.head().json_bytes, http_.body()};
  return LaneState::kDone;
}

LaneState Lane::take_upgrade(std::string_view bytes) {
  upgrade_.append(bytes);
  const size_t end = upgrade_.find("\r\n\r\n");
  if (end == std::string::npos) {
    return upgrade_.size() > kMaxHeadBytes ? fail("headers of more than 64 KiB") : LaneState::kBusy;
  }
  HttpHead head;
  const std::string problem = parse_head(std::string_view(upgrade_).substr(0, end + 2), &head);
  if (!problem.empty()) return fail(problem);
  if (head.status != kSwitching) {
    return fail("expected a WebSocket, the server answered " + std::to_string(head.status));
  }
  if (head.accept != plan_.accept) return fail("expected a WebSocket, got a wrong Sec-WebSocket-Accept");
  phase_ = Phase::kOpen;
  outgoing_ = request_bytes_;
  sent_ = 0;
  upgrade_.erase(0, end + 4);
  const LaneState state = write();
  return state == LaneState::kBusy && !upgrade_.empty() ? take_message(upgrade_) : state;
}

LaneState Lane::take_message(std::string_view bytes) {
  const ReadState state = stream_.push(bytes);
  const std::string replies = stream_.take_replies();
  // One that does not fit at once would end up inside a request.
  const bool is_idle = sent_ == outgoing_.size();
  if (!replies.empty() && is_idle) ::send(fd_, replies.data(), replies.size(), MSG_NOSIGNAL);
  if (state == ReadState::kMore) return LaneState::kBusy;
  if (state == ReadState::kBroken) return fail(stream_.problem());
  if (!is_busy) return fail("a message that nothing asked for");
  response_ = {kGood, -1, stream_.message()};
  return LaneState::kDone;
}

void Lane::settle() {
  is_busy = false;
  // A server that answers before it has read all reads the rest of that request before the next.
  const bool is_all_sent = sent_ == outgoing_.size();
  const bool is_stream = plan_.protocol == Protocol::kWebSocket;
  const bool keeps_alive = is_stream ? !stream_.is_closed() : http_.head().keeps_alive;
  if (!keeps_alive || !is_all_sent) close();
}

LaneState Lane::fail(const std::string& why) {
  problem_ = plan_.origin + ": " + why;
  close();
  return LaneState::kFailed;
}

LaneState Lane::fail_errno(const char* what, int error) {
  return fail(std::string(what) + ": " + strerror(error));
}

void Lane::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  phase_ = Phase::kClosed;
  generation_ += 1;
}

}  // namespace sluice::load
