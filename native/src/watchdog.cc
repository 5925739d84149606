#include "watchdog.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <thread>
#include <vector>

#include "clock.h"

namespace sluice {
namespace {

class Watchdog {
 public:
  void watch(Watched* watched) {
    const std::lock_guard lock(mutex_);
    watched_.push_back(watched);
  }

  void unwatch(Watched* watched) {
    const std::lock_guard lock(mutex_);
    std::erase(watched_, watched);
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
  // For the life of the process. What becomes due while all are asked is below wake_us_, which is
  // kNeverUs by then, so that expect_by waits for the mutex and wakes us again.
  [[noreturn]] void keep() {
    std::vector<std::function<void()>> later;
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
        for (Watched* const watched : watched_) {
          next_us = std::min(next_us, watched->act_if_due(now, &later));
        }
        wake_us_.store(next_us);
        if (later.empty()) continue;
        lock.unlock();
        for (const auto& act : later) act();
        later.clear();
        lock.lock();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Watched*> watched_;
  std::atomic<int64_t> wake_us_{kNeverUs};
  bool is_started_ = false;
};

// Never freed: its thread outlives main.
Watchdog& watchdog() {
  static Watchdog* const made = new Watchdog();
  return *made;
}

}  // namespace

void watch(Watched* watched) { watchdog().watch(watched); }
void unwatch(Watched* watched) { watchdog().unwatch(watched); }
void expect_by(int64_t deadline_us) { watchdog().expect_by(deadline_us); }

}  // namespace sluice
