// The one run that a thread may have under way, as others may end it.
#pragma once

#include <mutex>

#include "clock.h"
#include "ort_runtime.h"
#include "watchdog.h"

namespace sluice {

// A run that was told to end may not have begun when it was told: it is told again so often.
constexpr int64_t kTellAgainUs = 20'000;

enum class RunEnd { kItself, kDeadline, kCancelled, kClosed };

class RunSlot final : public Watched {
 public:
  // Once, before any other.
  Failure make();

  // By the thread that runs. @param reads whose memory the run reads where it lies; null for nobody's
  const OrtRunOptions* begin(int64_t deadline_us, const void* reads);
  // @returns what ended the run
  RunEnd end();

  // By any thread; nothing when no run is under way. The run returns soon after, with a failure.
  void terminate(RunEnd why);
  void terminate_reader(const void* reads);
  // Ends the run; due when there is one that was not told to end already.
  int64_t act_if_due(int64_t now, std::vector<std::function<void()>>* later) override;

 private:
  void terminate_locked(RunEnd why);

  std::mutex mutex_;
  OrtOwned<OrtRunOptions> options_;
  bool is_running_ = false;
  RunEnd ended_by_ = RunEnd::kItself;
  int64_t deadline_us_ = kNeverUs;
  const void* reads_ = nullptr;
};

}  // namespace sluice
