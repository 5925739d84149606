#include "watchdog.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <thread>
#include <vector>

namespace sluice {
namespace {

class Watchdog {
 public:
  void watch(RunSlot* slot) {
    const std::lock_guard lock(mutex_);
    slots_.push_back(slot);
  }

  void unwatch(RunSlot* slot) {
    const std::lock_guard lock(mutex_);
    slots_.erase(std::remove(slots_.begin(), slots_.end(), slot), slots_.end());
  }

  void expect_by(int64_t deadline_us) {
    if (deadline_us >= wake_us_.load()) return;
    const std::lock_guard lock(mutex_);
    if (deadline_us >= wake_us_.load()) return;
    wake_us_.store(deadline_us);
    if (!is_started_) {
      is_started_ = true;
      std::thread([this] { keep(); }).detach();
    }
    changed_.notify_one();
  }

 private:
  // For the life of the process. A run that begins while the slots are read has its deadline below
  // wake_us_, which is kNeverUs by then, so that expect_by waits for the mutex and wakes us again.
  [[noreturn]] void keep() {
    std::unique_lock lock(mutex_);
    while (true) {
      const int64_t wake_us = wake_us_.load();
      const int64_t now = now_us();
      if (wake_us == kNeverUs) {
        changed_.wait(lock);
      } else if (wake_us > now) {
        changed_.wait_for(lock, std::chrono::microseconds(wake_us - now));
      } else {
        wake_us_.store(kNeverUs);
        int64_t next_us = kNeverUs;
        for (RunSlot* const slot : slots_) {
          next_us = std::min(next_us, slot->terminate_if_due(now));
        }
        wake_us_.store(next_us);
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<RunSlot*> slots_;
  std::atomic<int64_t> wake_us_{kNeverUs};
  bool is_started_ = false;
};

// Never freed: its thread outlives main.
Watchdog& watchdog() {
  static Watchdog* const made = new Watchdog();
  return *made;
}

}  // namespace

void watch(RunSlot* slot) { watchdog().watch(slot); }
void unwatch(RunSlot* slot) { watchdog().unwatch(slot); }
void expect_by(int64_t deadline_us) { watchdog().expect_by(deadline_us); }

}  // namespace sluice
