#include "poller.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::load {
namespace {

constexpr size_t kMaxEvents = 256;
constexpr int64_t kPollNs = 150 * kNsPerUs;
// A wait that was over so soon was none.
constexpr int64_t kShortestWaitNs = 2 * kNsPerUs;

}  // namespace

Poller::Poller() : fd_(epoll_create1(EPOLL_CLOEXEC)), events_(kMaxEvents) {
  // Timers of a thread may otherwise fire 50 us late, to save power.
  prctl(PR_SET_TIMERSLACK, 1UL);
}

Poller::~Poller() {
  if (fd_ >= 0) close(fd_);
}

void Poller::add(int fd, uint32_t events, uint64_t tag) {
  Event event = {};
  event.events = events;
  event.data.u64 = tag;
  epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event);
}

void Poller::change(int fd, uint32_t events, uint64_t tag) {
  Event event = {};
  event.events = events;
  event.data.u64 = tag;
  epoll_ctl(fd_, EPOLL_CTL_MOD, fd, &event);
}

std::span<const Event> Poller::wait(int64_t due_ns, bool is_exact) {
  const int64_t before = now_ns();
  const int64_t left = due_ns == kNeverNs ? kNeverNs : due_ns - before - (is_exact ? kPollNs : 0);
  const int count = wait_for(left < 0 ? 0 : left);
  const int64_t waited = now_ns() - before;
  if (count == 0 || waited > kShortestWaitNs) idle_ns_ += waited;
  return {events_.data(), static_cast<size_t>(count < 0 ? 0 : count)};
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
    if (count >= 0 || errno != ENOSYS) return static_cast<int>(count);
    has_fine_waits_ = false;
  }
#endif
  // Rounded down: the rest is spent polling.
  const int ms = ns == kNeverNs ? -1 : static_cast<int>(std::min(ns / kNsPerMs, INT64_C(1'000'000)));
  return epoll_wait(fd_, events_.data(), room, ms);
}

}  // namespace sluice::load
