#include "engine.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <system_error>
#include <utility>

#include "answer_jobs.h"
#include "session.h"
#include "watchdog.h"

namespace sluice {
namespace {

void name_own_thread() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "sluice-engine");
#endif
}

constexpr const char* kExpired = "the deadline passed before the run began";
constexpr const char* kHopeless = "could not be done in time, even if it ran alone at once";
constexpr const char* kOverloaded = "the wait for its run is predicted to be too long for the deadline";
constexpr const char* kEnded = "the deadline passed during the run, which was ended";
constexpr const char* kForsaken = "nobody waits for it any more";
constexpr const char* kClosed = "the session was closed";

// A kind of job that was never run may be cheaper than the cheapest that is known, and is not learned
// while it is refused for that: one in so many goes on to `submit`, which knows its kind. A prime, so
// that kinds which come in turn all have theirs.
constexpr uint64_t kTriedAfterHead = 17;

// Of a run that was ended from outside.
JobStatus status_of(RunEnd end) {
  if (end == RunEnd::kClosed) return JobStatus::kClosed;
  return end == RunEnd::kCancelled ? JobStatus::kCancelled : JobStatus::kDeadlineExceeded;
}

const char* message_of(RunEnd end) {
  if (end == RunEnd::kClosed) return kClosed;
  return end == RunEnd::kCancelled ? kForsaken : kEnded;
}

int64_t total_rows(const Jobs& jobs) {
  int64_t rows = 0;
  for (const auto& job : jobs) rows += job->rows;
  return rows;
}

bool have_rows(const std::vector<RunOutput>& outputs, int64_t rows) {
  return std::all_of(outputs.begin(), outputs.end(), [rows](const RunOutput& output) {
    return !output.shape.empty() && output.shape[0] == rows;
  });
}

}  // namespace

bool LineLink::wait_idle(int64_t most_us) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, std::chrono::microseconds(most_us),
                        [this] { return reading_.load() == 0; });
}

// What one thread keeps from run to run.
struct Engine::Worker {
  Worker(Session& session, size_t thread) : session(session), thread(thread) {
    session.add_slot(&slot);
    watch(&slot);
  }
  ~Worker() {
    unwatch(&slot);
    session.remove_slot(&slot);
  }

  Session& session;
  const size_t thread;
  RunSlot slot;
  InputStack inputs;
  std::vector<Shape> shapes;
  std::vector<const char*> output_names;
  std::vector<OrtValue*> values;
  bool is_reading = false;

  // The jobs of the batch under way that somebody waits for, by line and id; under the engine's mutex.
  std::vector<std::pair<const LineLink*, double>> awaited;
  // There are none any more.
  std::atomic<bool> is_forsaken{false};

  void end_reading(const Jobs& jobs) {
    if (!is_reading) return;
    is_reading = false;
    for (const auto& job : jobs) job->line->end_reading();
  }

  void stack(const Jobs& jobs);
  Failure compute(const Jobs& jobs, RunEnd* end, int64_t* cost_us,
                  std::vector<RunOutput>* outputs);
  Failure read_values(std::vector<RunOutput>* outputs);
};

void Engine::Worker::stack(const Jobs& jobs) {
  const Job& first = *jobs[0];
  inputs.clear(first.inputs.size());
  shapes = first.shapes;
  if (jobs.size() > 1) {
    for (Shape& shape : shapes) shape[0] = total_rows(jobs);
  }
  for (const auto& job : jobs) {
    for (size_t index = 0; index < job->inputs.size(); index += 1) {
      inputs.add(index, job->inputs[index].piece);
      inputs.strings(index).append(job->inputs[index].strings);
    }
  }
  output_names.clear();
  for (const uint32_t output : first.outputs) {
    output_names.push_back(session.outputs()[output].name.c_str());
  }
}

Failure Engine::Worker::read_values(std::vector<RunOutput>* outputs) {
  outputs->resize(values.size());
  Failure first;
  for (size_t index = 0; index < values.size(); index += 1) {
    OrtOwned<OrtValue> value(values[index]);
    if (first || value == nullptr) continue;
    first = read_output(std::move(value), &(*outputs)[index]);
  }
  return first;
}

Failure Engine::Worker::compute(const Jobs& jobs, RunEnd* end, int64_t* cost_us,
                                std::vector<RunOutput>* outputs) {
  if (Failure failure = inputs.make_values(session.inputs(), shapes)) return failure;
  // Gathered, it reads nobody's memory but ours.
  const bool is_reading_one = !inputs.is_gathered();
  if (!is_reading_one) end_reading(jobs);
  int64_t deadline_us = 0;
  for (const auto& job : jobs) deadline_us = std::max(deadline_us, job->deadline_us);
  values.assign(output_names.size(), nullptr);
  const OrtRunOptions* const options =
      slot.begin(deadline_us, is_reading_one ? jobs[0]->line.get() : nullptr);
  expect_by(deadline_us);
  // Who forsook it before the slot was taken could not end the run.
  if (is_forsaken.load()) slot.terminate(RunEnd::kCancelled);
  const int64_t started_us = now_us();
  Failure failure = Failure::of(ort().Run(session.graph(), options, session.input_names(),
                                          inputs.values(), shapes.size(), output_names.data(),
                                          output_names.size(), values.data()));
  *cost_us = now_us() - started_us;
  *end = slot.end();
  inputs.forget();
  Failure unread = read_values(outputs);
  return failure ? failure : unread;
}

Engine::Engine(Session& session) : session_(session) { watch(this); }

Engine::~Engine() { unwatch(this); }

int64_t Engine::act_if_due(int64_t now, std::vector<std::function<void()>>* later) {
  const std::lock_guard lock(mutex_);
  const auto expired = std::make_shared<Jobs>(queue_.take_expired(now));
  if (!expired->empty()) {
    later->push_back(
        [expired] { answer_unrun(std::move(*expired), JobStatus::kDeadlineExceeded, kExpired); });
  }
  return queue_.first_deadline_us();
}

void Engine::start_thread_locked() {
  run_ends_us_.resize(threads_.size() + 1);
  try {
    threads_.emplace_back([this, thread = threads_.size()] { work(thread); });
  } catch (const std::system_error&) {
    if (threads_.empty()) throw;
  }
}

void Engine::submit(std::unique_ptr<Job>& job) {
  const int64_t deadline_us = job->deadline_us;
  {
    const std::lock_guard lock(mutex_);
    if (try_add_locked(job)) wanted_.notify_one();
  }
  if (job == nullptr) return expect_by(deadline_us);
  const std::shared_ptr<Outbox> outbox = job->line->outbox;
  Jobs alone;
  alone.push_back(std::move(job));
  outbox->send(std::move(alone));
}

bool Engine::try_add_locked(std::unique_ptr<Job>& job) {
  if (is_stopped_) {
    job->status = JobStatus::kClosed;
    job->message = kClosed;
    return false;
  }
  const int64_t wait_us = predict_wait_locked(*job, now_us());
  if (is_overload(*job, wait_us, costs_.predict_us(job->key, job->rows))) {
    job->status = JobStatus::kOverloaded;
    job->message = kOverloaded;
    job->queue_us = wait_us;
    return false;
  }
  const bool is_short = static_cast<int>(queue_.size()) >= idle_threads_;
  const bool has_room = static_cast<int>(threads_.size()) < session_.options().engine_threads;
  // Before the job is taken: the system may have no thread for us.
  if (is_short && has_room) start_thread_locked();
  queue_.add(std::move(job));
  return true;
}

int64_t Engine::overload_us(int64_t now, int64_t deadline_us) {
  QueuedJob cheapest;
  cheapest.arrival_us = now;
  cheapest.deadline_us = deadline_us;
  const std::lock_guard lock(mutex_);
  if (is_stopped_) return 0;
  const int64_t wait_us = predict_wait_locked(cheapest, now);
  // Even a job that costs nothing.
  if (is_overload(cheapest, wait_us, 0)) return wait_us;
  if (!is_overload(cheapest, wait_us, costs_.cheapest_us())) return 0;
  head_refusals_ += 1;
  return head_refusals_ % kTriedAfterHead == 0 ? 0 : wait_us;
}

int64_t Engine::predict_wait_locked(const QueuedJob& job, int64_t now) const {
  if (job.deadline_us == kNeverUs) return 0;
  const int threads = session_.options().engine_threads;
  const int64_t queued_us = queue_.work_before_us(job, costs_);
  int64_t running_us = 0;
  int running = 0;
  for (const int64_t end_us : run_ends_us_) {
    if (end_us == 0) continue;
    running += 1;
    running_us += std::max<int64_t>(0, end_us - now);
  }
  if (queued_us == 0 && running < threads) return 0;
  return (running_us + queued_us) / threads;
}

Engine::Jobs Engine::withdraw(const LineLink* line) {
  const std::lock_guard lock(mutex_);
  return queue_.take_if([line](const Job* job) { return job->line.get() == line; });
}

std::unique_ptr<Job> Engine::cancel(const LineLink* line, double job_id) {
  const std::lock_guard lock(mutex_);
  Jobs waiting = queue_.take_if(
      [&](const Job* job) { return job->id == job_id && job->line.get() == line; });
  if (!waiting.empty()) return std::move(waiting[0]);
  forsake_locked(line, job_id);
  return nullptr;
}

void Engine::forsake_locked(const LineLink* line, double job_id) {
  for (Worker* const worker : workers_) {
    if (std::erase(worker->awaited, std::pair(line, job_id)) == 0) continue;
    if (!worker->awaited.empty()) return;
    worker->is_forsaken.store(true);
    worker->slot.terminate(RunEnd::kCancelled);
    return;
  }
}

void Engine::stop() {
  Jobs waiting;
  {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    waiting = queue_.take_if([](const Job*) { return true; });
  }
  wanted_.notify_all();
  answer_unrun(std::move(waiting), JobStatus::kClosed, kClosed);
}

void Engine::join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

Engine::Jobs Engine::take(Worker& worker, Unrun* unrun) {
  std::unique_lock lock(mutex_);
  const size_t thread = worker.thread;
  run_ends_us_[thread] = 0;
  worker.awaited.clear();
  worker.is_forsaken.store(false);
  idle_threads_ += 1;
  wanted_.wait(lock, [this] { return is_stopped_ || !queue_.empty(); });
  idle_threads_ -= 1;
  const int64_t now = now_us();
  unrun->expired = queue_.take_expired(now);
  Jobs batch =
      queue_.take_batch(now, session_.options().max_batch_rows, costs_, &unrun->hopeless);
  if (batch.empty()) return batch;
  const StackKey& key = batch[0]->key;
  costs_.note_run(key, now);
  run_ends_us_[thread] = now + costs_.predict_us(key, total_rows(batch));
  // Before the lock opens: a line that withdraws must find each job here or there.
  for (const auto& job : batch) {
    job->line->begin_reading();
    worker.awaited.emplace_back(job->line.get(), job->id);
  }
  return batch;
}

void Engine::work(size_t thread) {
  name_own_thread();
  Worker worker(session_, thread);
  const Failure unmade = worker.slot.make();
  {
    const std::lock_guard lock(mutex_);
    workers_.push_back(&worker);
  }
  while (true) {
    Unrun unrun;
    Jobs jobs = take(worker, &unrun);
    const bool is_idle = jobs.empty();
    if (!unrun.expired.empty()) {
      answer_unrun(std::move(unrun.expired), JobStatus::kDeadlineExceeded, kExpired);
    }
    if (!unrun.hopeless.empty()) {
      answer_unrun(std::move(unrun.hopeless), JobStatus::kDeadlineExceeded, kHopeless);
    }
    if (is_idle) {
      const std::lock_guard lock(mutex_);
      if (!is_stopped_) continue;
      std::erase(workers_, &worker);
      return;
    }
    worker.is_reading = true;
    if (unmade) {
      worker.end_reading(jobs);
      answer_unrun(std::move(jobs), JobStatus::kRefused, unmade.message().c_str());
    } else if (!session_.enter()) {
      worker.end_reading(jobs);
      answer_unrun(std::move(jobs), JobStatus::kClosed, kClosed);
    } else {
      run(worker, std::move(jobs));
      session_.leave();
    }
  }
}

// Jobs to be read again, after they had been let go. Who is late or gone meanwhile is answered.
Engine::Jobs Engine::resume(Worker& worker, Jobs jobs) {
  Jobs resumed, late, gone;
  const int64_t now = now_us();
  for (auto& job : jobs) {
    if (job->deadline_us <= now) late.push_back(std::move(job));
    // A gathered batch was read no more, so that a thread that ended waited for nobody.
    else if (!job->line->resume_reading()) gone.push_back(std::move(job));
    else resumed.push_back(std::move(job));
  }
  if (!late.empty()) answer_unrun(std::move(late), JobStatus::kDeadlineExceeded, kExpired);
  if (!gone.empty()) answer_unrun(std::move(gone), JobStatus::kClosed, kClosed);
  worker.is_reading = !resumed.empty();
  return resumed;
}

// One of several that is refused fails no neighbour: they are tried again as fewer.
void Engine::run(Worker& worker, Jobs jobs) {
  Parts parts(jobs.size());
  while (true) {
    switch (try_run(worker, jobs, parts)) {
      case Tried::kAnswered: send_answers(std::move(jobs)); break;
      case Tried::kRefused: parts.add_refused(std::move(jobs)); break;
      case Tried::kMixed: parts.add_mixed(std::move(jobs)); break;
    }
    do {
      if (parts.empty()) return;
      jobs = resume(worker, parts.take());
    } while (jobs.empty());
  }
}

// Before the answers go out: who hears of this run may ask again at once.
void Engine::end_run(const Worker& worker, const Job& job, int64_t rows, const Cost& cost,
                     const Parts& left) {
  const std::lock_guard lock(mutex_);
  const int64_t now = now_us();
  costs_.note_run(job.key, now);
  if (cost.is_done) costs_.learn(job.key, rows, cost.us);
  else costs_.learn_at_least(job.key, rows, cost.us);
  // The thread goes on with the rest of its batch: who asks now waits for that too.
  const double left_us =
      costs_.of(job.key).of_jobs_us(static_cast<int64_t>(left.jobs()), left.rows());
  run_ends_us_[worker.thread] = left.empty() ? 0 : now + std::llround(left_us);
}

Engine::Tried Engine::try_run(Worker& worker, Jobs& jobs, const Parts& left) {
  RunEnd end = RunEnd::kItself;
  int64_t cost_us = 0;
  auto outputs = std::make_shared<std::vector<RunOutput>>();
  const int64_t rows = total_rows(jobs);
  const int64_t started_us = now_us();
  worker.stack(jobs);
  Failure failure = worker.compute(jobs, &end, &cost_us, outputs.get());
  worker.end_reading(jobs);
  const bool is_several = jobs.size() > 1;
  if (is_several && !failure && !have_rows(*outputs, rows)) return Tried::kMixed;
  if (is_several && failure && end == RunEnd::kItself) return Tried::kRefused;
  // A run that the graph refused tells nothing of those that it does not.
  const bool is_cut_short = failure && end != RunEnd::kItself;
  end_run(worker, *jobs[0], rows, {failure && !is_cut_short ? 0 : cost_us, !failure}, left);
  int64_t first_row = 0;
  for (const auto& job : jobs) {
    job->queue_us = started_us - job->arrival_us;
    job->compute_us = cost_us;
    job->batch_rows = rows;
    job->first_row = first_row;
    job->is_slice = is_several;
    first_row += job->rows;
    if (!failure) {
      job->status = JobStatus::kDone;
      job->run_outputs = outputs;
    } else if (end == RunEnd::kItself) {
      job->status = JobStatus::kRefused;
      job->message = failure.message();
    } else {
      job->status = status_of(end);
      job->message = message_of(end);
    }
  }
  return Tried::kAnswered;
}

}  // namespace sluice
