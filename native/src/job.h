// One submitted job, from the thread that asked to the session's threads and back.
#pragma once

#include <node_api.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "input_stack.h"
#include "job_queue.h"
#include "run_outputs.h"

namespace sluice {

class Line;
class Outbox;

enum class JobStatus { kDone, kRefused, kOverloaded, kDeadlineExceeded, kCancelled, kClosed };

// What the session's threads know of the line that a job came from.
class LineLink {
 public:
  explicit LineLink(std::shared_ptr<Outbox> answers) : outbox(std::move(answers)) {}

  const std::shared_ptr<Outbox> outbox;
  // The line itself, for its own thread only; null once it is closed.
  Line* line = nullptr;

  // Counts the jobs whose memory is being read.
  void begin_reading() { reading_.fetch_add(1); }
  void end_reading() {
    // Under the lock: the waiter may be gone as soon as it can see zero.
    const std::lock_guard lock(mutex_);
    if (reading_.fetch_sub(1) == 1) idle_.notify_all();
  }
  // For a job that was read before and is read again: its memory goes with the line's thread.
  // @returns false when the line was closed meanwhile
  bool resume_reading() {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return false;
    reading_.fetch_add(1);
    return true;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
  }
  // @returns whether nothing is read any more
  bool wait_idle(int64_t most_us);

 private:
  std::atomic<int> reading_{0};
  bool is_closed_ = false;
  std::mutex mutex_;
  std::condition_variable idle_;
};

struct JobInput {
  Piece piece{nullptr, 0};
  PackedStrings strings;
};

struct Job : QueuedJob {
  double id = 0;
  std::shared_ptr<LineLink> line;
  std::vector<JobInput> inputs;
  std::vector<Shape> shapes;
  std::vector<uint32_t> outputs;
  // Small inputs, copied; aligned for any element.
  std::unique_ptr<std::max_align_t[]> copies;
  // Large inputs, kept alive. Made and deleted by the line's own thread.
  std::vector<napi_ref> pins;

  // The answer.
  JobStatus status = JobStatus::kClosed;
  std::string message;
  // Predicted where the job was refused for it.
  int64_t queue_us = 0;
  int64_t compute_us = 0;
  int64_t batch_rows = 0;
  // Shared by the jobs of one run; this job has `rows` rows of them from `first_row` on, or all.
  std::shared_ptr<std::vector<RunOutput>> run_outputs;
  int64_t first_row = 0;
  bool is_slice = false;
};

// Answers on their way to one environment's thread.
class Outbox {
 public:
  virtual ~Outbox() = default;
  // Any thread. Once the environment has ended they are freed instead.
  virtual void send(std::vector<std::unique_ptr<Job>> jobs) = 0;
};

}  // namespace sluice
