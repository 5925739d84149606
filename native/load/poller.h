// epoll with waits to the microsecond, and the account of how long it waited.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clock.h"

namespace sluice::load {

using Event = epoll_event;

class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // What is wrong; empty where all sockets are watched.
  const std::string& problem() const { return problem_; }
  int fd() const { return fd_; }
  void add(int fd, uint32_t events, uint64_t tag);
  void change(int fd, uint32_t events, uint64_t tag);

  // Sleeps until something happens or `due_ns` has come. Where `is_exact`, the last moments before it
  // are spent asking again and again: a sleeper wakes up to about 60 us late.
  std::span<const Event> wait(int64_t due_ns, bool is_exact);
  // Time in `wait` with nothing to do, asleep or asking.
  int64_t idle_ns() const { return idle_ns_; }

 private:
  void control(int operation, int fd, uint32_t events, uint64_t tag);
  int sleep_until(int64_t due_ns);
  int poll_until(int64_t due_ns);
  int wait_for(int64_t ns);

  int fd_;
  std::string problem_;
  std::vector<Event> events_;
  int64_t idle_ns_ = 0;
  bool has_fine_waits_ = true;
};

}  // namespace sluice::load
