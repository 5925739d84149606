// Keeps deadlines: ends runs and answers jobs that nobody waits for any more. One thread a process,
// which sleeps until something is due.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace sluice {

class Watched {
 public:
  // By the watchdog's thread, under its lock: must not block, nor call the watchdog, nor free what
  // might. What may do so goes to `later`, and outlives the watched.
  // @returns when it is due next; kNeverUs for not yet known
  virtual int64_t act_if_due(int64_t now, std::vector<std::function<void()>>* later) = 0;

 protected:
  ~Watched() = default;
};

// Any thread. What is watched is unwatched before it is freed; it is not being acted on after that.
void watch(Watched* watched);
void unwatch(Watched* watched);
// Tells that something watched is due then; takes no lock unless it is the next one. REQUIRES: it is
// told after `act_if_due` can see it.
void expect_by(int64_t deadline_us);

}  // namespace sluice
