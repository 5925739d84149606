// One loaded graph, shared by all threads of the process.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "ort_runtime.h"
#include "run_slot.h"
#include "tensor_facts.h"

namespace sluice {

struct SessionOptions {
  std::string model_path;
  int intra_op_threads = 1;
  int engine_threads = 1;
  int64_t max_batch_rows = 0;
};

class Engine;

class Session {
 public:
  explicit Session(SessionOptions options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Blocks until the graph is loaded. Once, before any other.
  Failure load();
  // By any thread: `load` fails soon.
  void cancel_load();

  const SessionOptions& options() const { return options_; }
  const std::vector<TensorFacts>& inputs() const { return inputs_; }
  const std::vector<TensorFacts>& outputs() const { return outputs_; }
  const char* const* input_names() const { return input_names_.data(); }
  Engine& engine() { return *engine_; }

  // A run holds the graph from `enter` to `leave`. False: closed, and nothing to leave.
  bool enter();
  void leave();
  // REQUIRES: entered.
  OrtSession* graph() const { return graph_.get(); }

  // Slots of this session's runs; removed before they are freed.
  void add_slot(RunSlot* slot);
  void remove_slot(RunSlot* slot);
  template <typename Action>
  void each_slot(Action act) {
    const std::lock_guard lock(slots_mutex_);
    for (RunSlot* const slot : slots_) act(*slot);
  }

  // From now on `enter` says no; waiting jobs are answered. False: somebody closed it already.
  bool stop();
  // Waits for the last run, load and close, and tells runs that last longer than `grace_us` to end.
  // @returns whether nothing is left; waits without end unless `most_us` says otherwise
  bool drain(int64_t grace_us, int64_t most_us = kNeverUs);
  // Drains, frees the graph at low priority and gives its memory back to the system. REQUIRES: stopped.
  void close(int64_t grace_us);

 private:
  bool wait_until(int runs, int64_t grace_us, int64_t most_us);
  Failure read_signature();
  Failure make_options(OrtEnv** env, bool* is_low_priority);
  Failure read_facts(bool is_input, size_t index, TensorFacts* facts);

  const SessionOptions options_;
  std::vector<TensorFacts> inputs_;
  std::vector<TensorFacts> outputs_;
  std::vector<const char*> input_names_;

  std::mutex load_mutex_;
  OrtOwned<OrtSessionOptions> load_options_;
  bool is_cancelled_ = false;

  OrtOwned<OrtSession> graph_;
  std::unique_ptr<Engine> engine_;

  std::atomic<int> runs_{0};
  std::atomic<bool> is_closed_{false};
  std::mutex drained_mutex_;
  std::condition_variable drained_;

  std::mutex slots_mutex_;
  std::vector<RunSlot*> slots_;
};

}  // namespace sluice
