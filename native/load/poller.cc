#include "poller.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::load {
namespace {

constexpr size_t kMaxEvents = 256;
constexpr int64_t kPollNs = 150 * kNsPerUs;

}  // namespace

Poller::Poller() : fd_(epoll_create1(EPOLL_CLOEXEC)), events_(kMaxEvents) {
  if (fd_ < 0) problem_ = std::string("epoll_create1: ") + strerror(errno);
  // Timers of a thread may otherwise fire 50 us late, to save power.
  prctl(PR_SET_TIMERSLACK, 1UL);
}

Poller::~Poller() {
  if (fd_ >= 0) close(fd_);
}

void Poller::add(int fd, uint32_t events, uint64_t tag) { control(EPOLL_CTL_ADD, fd, events, tag); }

void Poller::change(int fd, uint32_t events, uint64_t tag) {
  control(EPOLL_CTL_MOD, fd, events, tag);
}

void Poller::control(int operation, int fd, uint32_t events, uint64_t tag) {
  Event event = {};
  event.events = events;
  event.data.u64 = tag;
  const bool is_done = epoll_ctl(fd_, operation, fd, &event) == 0;
  if (!is_done && problem_.empty()) problem_ = std::string("epoll_ctl: ") + strerror(errno);
}

std::span<const Event> Poller::wait(int64_t due_ns, bool is_exact) {
  // What has happened already is work, not waiting.
  int count = epoll_wait(fd_, events_.data(), static_cast<int>(events_.size()), 0);
  const int64_t before = now_ns();
  if (count == 0 && due_ns > before) {
    const int64_t margin = kPollNs + (has_fine_waits_ ? 0 : kNsPerMs);
    count = sleep_until(is_exact ? due_ns - margin : due_ns);
    if (count == 0 && is_exact) count = poll_until(due_ns);
    idle_ns_ += now_ns() - before;
  }
  return {events_.data(), static_cast<size_t>(count < 0 ? 0 : count)};
}

int Poller::sleep_until(int64_t due_ns) {
  const int64_t left = due_ns == kNeverNs ? kNeverNs : due_ns - now_ns();
  return left > 0 ? wait_for(left) : 0;
}

int Poller::poll_until(int64_t due_ns) {
  int count = 0;
  while (count == 0 && now_ns() < due_ns) count = wait_for(0);
  return count;
}

int Poller::wait_for(int64_t ns) {
  const int room = static_cast<int>(events_.size());
#ifdef SYS_epoll_pwait2
  if (has_fine_waits_ && ns > 0) {
    timespec timeout = {};
    timeout.tv_sec = ns / INT64_C(1'000'000'000);
    timeout.tv_nsec = ns % INT64_C(1'000'000'000);
    const timespec* const until = ns == kNeverNs ? nullptr : &timeout;
    const long count = syscall(SYS_epoll_pwait2, fd_, events_.data(), room, until, nullptr, size_t{0});
    if (count >= 0 || errno == EINTR) return static_cast<int>(count);
    // An old kernel has none, and a sandbox may refuse it.
    has_fine_waits_ = false;
  }
#endif
  const int64_t whole_ms = ns / kNsPerMs + (ns % kNsPerMs > 0 ? 1 : 0);
  const int ms = ns == kNeverNs ? -1 : static_cast<int>(std::min(whole_ms, INT64_C(1'000'000)));
  return epoll_wait(fd_, events_.data(), room, ms);
}

}  // namespace sluice::load
