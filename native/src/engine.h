// The threads of one session that take submitted jobs, and the queue that they take them from.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "batch_parts.h"
#include "job.h"
#include "job_queue.h"
#include "watchdog.h"

namespace sluice {

class Session;
class RunSlot;

class Engine final : private Watched {
 public:
  explicit Engine(Session& session);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Any thread. Takes the job over unless it throws. It is answered at once as overloaded where it
  // could hardly be done in time, and as closed after `stop`.
  void submit(std::unique_ptr<Job>& job);
  // Any thread. Whether `submit` would refuse even the cheapest job that is known, of so much time.
  // Where it might take one of a kind that is not known, it says so only most times.
  // @returns how long it would wait, or 0: `submit` decides
  int64_t overload_us(int64_t now, int64_t deadline_us);
  // The line's own thread. @returns its jobs that had not begun
  std::vector<std::unique_ptr<Job>> withdraw(const LineLink* line);
  // The line's own thread. Nobody waits for the job any more: it is withdrawn where it has not begun, and
  // a run of which that holds for every job is told to end. @returns the withdrawn job
  std::unique_ptr<Job> cancel(const LineLink* line, double job_id);
  // Waiting jobs are answered as closed, and the threads end after what they have begun.
  void stop();
  // REQUIRES: stopped. Never on a thread of this engine.
  void join();

 private:
  struct Worker;
  using Jobs = std::vector<std::unique_ptr<Job>>;
  using Parts = BatchParts<Job>;

  // kRefused: the graph refused; kMixed: its outputs have not the rows of its inputs.
  enum class Tried { kAnswered, kRefused, kMixed };

  // Of one run; the least that it cost where it is not done.
  struct Cost {
    int64_t us;
    bool is_done;
  };

  // Jobs that are not run, by why.
  struct Unrun {
    Jobs expired;
    Jobs hopeless;
  };

  // Answers what expired while every thread was busy.
  int64_t act_if_due(int64_t now, std::vector<std::function<void()>>* later) override;
  void start_thread_locked();
  // @returns whether the job was taken; else its answer says why not
  bool try_add_locked(std::unique_ptr<Job>& job);
  int64_t predict_wait_locked(const QueuedJob& job, int64_t now) const;
  void work(size_t thread);
  // Waits for jobs. Empty: stopped, or those that waited are in `unrun`.
  Jobs take(Worker& worker, Unrun* unrun);
  void forsake_locked(const LineLink* line, double job_id);
  void run(Worker& worker, Jobs jobs);
  Jobs resume(Worker& worker, Jobs jobs);
  // Answers the jobs unless they are several, and must be tried again as fewer.
  // @param left what else of their batch this thread will run
  Tried try_run(Worker& worker, Jobs& jobs, const Parts& left);
  void end_run(const Worker& worker, const Job& job, int64_t rows, const Cost& cost,
               const Parts& left);

  Session& session_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  JobQueue<Job> queue_;
  CostModel costs_;
  std::vector<std::thread> threads_;
  // Those of the threads that are there.
  std::vector<Worker*> workers_;
  // By thread: when its run is predicted to end; 0 while it has none.
  std::vector<int64_t> run_ends_us_;
  int idle_threads_ = 0;
  // Head refusals that `submit` might not have made.
  uint64_t head_refusals_ = 0;
  bool is_stopped_ = false;
};

}  // namespace sluice
