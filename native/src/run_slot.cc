#include "run_slot.h"

namespace sluice {

Failure RunSlot::make() {
  OrtRunOptions* options = nullptr;
  Failure failure = Failure::of(ort().CreateRunOptions(&options));
  options_.reset(options);
  return failure;
}

const OrtRunOptions* RunSlot::begin(int64_t deadline_us, const void* reads) {
  const std::lock_guard lock(mutex_);
  is_running_ = true;
  ended_by_ = RunEnd::kItself;
  deadline_us_ = deadline_us;
  reads_ = reads;
  return options_.get();
}

RunEnd RunSlot::end() {
  const std::lock_guard lock(mutex_);
  is_running_ = false;
  reads_ = nullptr;
  // The flag stays with the options: the next run would end at once.
  if (ended_by_ != RunEnd::kItself) Failure::of(ort().RunOptionsUnsetTerminate(options_.get()));
  return ended_by_;
}

void RunSlot::terminate(RunEnd why) {
  const std::lock_guard lock(mutex_);
  terminate_locked(why);
}

void RunSlot::terminate_reader(const void* reads) {
  const std::lock_guard lock(mutex_);
  if (reads_ == reads) terminate_locked(RunEnd::kClosed);
}

int64_t RunSlot::act_if_due(int64_t now, std::vector<std::function<void()>>*) {
  const std::lock_guard lock(mutex_);
  if (!is_running_ || ended_by_ != RunEnd::kItself) return kNeverUs;
  if (deadline_us_ > now) return deadline_us_;
  terminate_locked(RunEnd::kDeadline);
  return kNeverUs;
}

void RunSlot::terminate_locked(RunEnd why) {
  if (!is_running_ || ended_by_ != RunEnd::kItself) return;
  ended_by_ = why;
  Failure::of(ort().RunOptionsSetTerminate(options_.get()));
}

}  // namespace sluice
