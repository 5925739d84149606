// The threads of one session that take submitted jobs, and the queue that they take them from.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "job.h"
#include "job_queue.h"

namespace sluice {

class Session;
class RunSlot;

class Engine {
 public:
  explicit Engine(Session& session) : session_(session) {}
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Any thread. Takes the job over unless it throws. After `stop` the job is answered as closed.
  void submit(std::unique_ptr<Job>& job);
  // The line's own thread. @returns its jobs that had not begun
  std::vector<std::unique_ptr<Job>> withdraw(const LineLink* line);
  // Waiting jobs are answered as closed, and the threads end after what they have begun.
  void stop();
  // REQUIRES: stopped. Never on a thread of this engine.
  void join();

 private:
  struct Worker;
  using Jobs = std::vector<std::unique_ptr<Job>>;

  void start_thread_locked();
  void work();
  // Waits for jobs. Empty: stopped.
  Jobs take(Jobs* expired);
  void run(Worker& worker, Jobs jobs);
  bool try_run(Worker& worker, Jobs& jobs);
  void learn(const Job& job, int64_t rows, int64_t cost_us);

  Session& session_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  JobQueue<Job> queue_;
  CostModel costs_;
  std::vector<std::thread> threads_;
  int idle_threads_ = 0;
  bool is_stopped_ = false;
};

}  // namespace sluice
