// Which jobs run next, together, and which not at all: the policy alone, without the runtime and
// without Node.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "clock.h"
#include "cost_model.h"

namespace sluice {

// 1 is the most urgent.
inline constexpr int64_t kUsualPriority = 2;
inline constexpr int64_t kLeastPriority = 16;

struct QueuedJob {
  int64_t arrival_us = 0;
  int64_t deadline_us = kNeverUs;
  int64_t priority = kUsualPriority;
  int64_t rows = 1;
  bool is_stackable = false;
  StackKey key;
  // Set by the queue.
  int64_t due_us = 0;
  uint64_t sequence = 0;
};

// Of a job's time until its deadline, the share that waiting and its own run may be predicted to
// take on arrival. The rest is for what was not known then: batches that grow after it was let in,
// jobs that are due sooner, the way back, noise. Runs are predicted by their mean, so a queue filled
// to the deadline would make half of its jobs late; and who has little time left when his turn comes
// can share no large run. Of 0.4 to 0.8 in simulated overload 0.5 kept most jobs in time.
inline constexpr double kMostPredicted = 0.5;

// Whether a job that waits `wait_us` for its run would end with too little to spare. Where it need
// not wait at all the engine is idle: then it is tried, however tight.
inline bool is_overload(const QueuedJob& job, int64_t wait_us, int64_t cost_us) {
  if (wait_us == 0 || job.deadline_us == kNeverUs) return false;
  const double timeout_us = static_cast<double>(job.deadline_us - job.arrival_us);
  return static_cast<double>(wait_us + cost_us) > kMostPredicted * timeout_us;
}

// Jobs that wait, earliest due first. A job is due at its deadline, or when it has waited kAgeingUs if
// that is sooner, and kPriorityUs earlier or later for each level of priority: the young and urgent go
// first, and yet nobody waits for ever. Whoever came more than kPriorityUs a level, and kAgeingUs, after
// a job runs after it, so that no level starves, however much of another keeps coming.
// Job is QueuedJob or derives from it. Not safe for several threads.
template <typename Job>
class JobQueue {
 public:
  using Owned = std::unique_ptr<Job>;
  static constexpr int64_t kAgeingUs = 250'000;
  static constexpr int64_t kPriorityUs = 2'000'000;

  bool empty() const { return by_deadline_.empty(); }
  size_t size() const { return by_deadline_.size(); }
  // kNeverUs when no job has one.
  int64_t first_deadline_us() const {
    return empty() ? kNeverUs : (*by_deadline_.begin())->deadline_us;
  }

  void add(Owned job) {
    job->due_us = due_of(*job);
    job->sequence = ++sequence_;
    by_deadline_.insert(job.get());
    Bucket& bucket = buckets_[job->key];
    Load& load = bucket.loads[slice_of(job->due_us)];
    load.jobs += 1;
    load.rows += job->rows;
    bucket.jobs.emplace(job.get(), std::move(job));
  }

  // Computing time of what waits and would run before this job, which is not in the queue. Looks at
  // sums over slices of time, so what is due within the same kSliceUs counts too.
  int64_t work_before_us(const QueuedJob& job, const CostModel& costs) const {
    const int64_t last = slice_of(due_of(job));
    double work_us = 0;
    for (const auto& [key, bucket] : buckets_) {
      Load before;
      for (const auto& [slice, load] : bucket.loads) {
        if (slice > last) break;
        before.jobs += load.jobs;
        before.rows += load.rows;
      }
      work_us += costs.of(key).of_jobs_us(before.jobs, before.rows);
    }
    return std::llround(work_us);
  }

  std::vector<Owned> take_expired(int64_t now) {
    std::vector<Owned> expired;
    while (first_deadline_us() <= now) expired.push_back(remove(*by_deadline_.begin()));
    return expired;
  }

  template <typename Predicate>
  std::vector<Owned> take_if(Predicate matches) {
    std::vector<Job*> found;
    std::copy_if(by_deadline_.begin(), by_deadline_.end(), std::back_inserter(found), matches);
    std::vector<Owned> taken;
    for (Job* const job : found) taken.push_back(remove(job));
    return taken;
  }

  // The job that is due first, and those that it can be stacked with, in due order, while the rows fit
  // and while the bigger run would keep all of them in time. Jobs due before it that could not be done
  // in time, run alone now, go to `hopeless`: they would only make others late.
  // @param max_rows 0: never more than one job
  // @returns empty when no job is left
  std::vector<Owned> take_batch(int64_t now, int64_t max_rows, const CostModel& costs,
                                std::vector<Owned>* hopeless) {
    std::vector<Owned> batch;
    while (!empty()) {
      const auto found = first_due_bucket();
      Bucket& bucket = found->second;
      const RunCost cost = costs.of(found->first);
      const Job& first = *bucket.jobs.begin()->first;
      const bool is_hopeless = first.deadline_us - now < cost.of_run_us(first.rows);
      const bool is_run = !is_hopeless || is_probe(found->first, first.rows, now, costs);
      std::vector<Owned>& taker = is_run ? batch : *hopeless;
      taker.push_back(remove_from(bucket, bucket.jobs.begin()));
      // A probe runs alone, and so does the first of its kind if it has a deadline to keep.
      const bool is_sure = cost.is_known() || batch.empty() || batch[0]->deadline_us == kNeverUs;
      if (is_run && !is_hopeless && is_sure) grow(batch, bucket, now, max_rows, cost);
      if (bucket.jobs.empty()) buckets_.erase(found);
      if (is_run) break;
    }
    return batch;
  }

 private:
  struct ByDue {
    bool operator()(const Job* one, const Job* other) const {
      return std::pair(one->due_us, one->sequence) < std::pair(other->due_us, other->sequence);
    }
  };
  struct ByDeadline {
    bool operator()(const Job* one, const Job* other) const {
      return std::pair(one->deadline_us, one->sequence) <
             std::pair(other->deadline_us, other->sequence);
    }
  };
  using Jobs = std::map<Job*, Owned, ByDue>;
  struct Load {
    int64_t jobs = 0;
    int64_t rows = 0;
  };
  // The jobs of one key.
  struct Bucket {
    Jobs jobs;
    // By when they are due, in slices of kSliceUs. Ageing bounds how many there are, and the jobs do.
    std::map<int64_t, Load> loads;
  };
  using Buckets = std::map<StackKey, Bucket>;

  static constexpr int64_t kSliceUs = 8'192;
  // A wrong prediction must not keep its own correction away: after so many times what a run is
  // predicted to cost without one, a hopeless job is run.
  static constexpr int64_t kProbeAfter = 4;
  // Of the time that the tightest job of a batch has left, the share that a grown run may take: the
  // larger a run, the later it makes all of its jobs when it is slow. So much where growing saves
  // nothing, a cost all by the row, and so much more where it saves nearly all, a cost all in the base.
  static constexpr double kMostGrown = 0.5;
  static constexpr double kMoreGrown = 0.4;

  static int64_t due_of(const QueuedJob& job) {
    return std::min(job.deadline_us, job.arrival_us + kAgeingUs) +
           (job.priority - kUsualPriority) * kPriorityUs;
  }
  static int64_t slice_of(int64_t due_us) { return due_us / kSliceUs; }

  static bool is_probe(const StackKey& key, int64_t rows, int64_t now, const CostModel& costs) {
    return now - costs.last_run_us(key) >= kProbeAfter * costs.predict_us(key, rows);
  }

  // Looks at one job for each shape that waits.
  typename Buckets::iterator first_due_bucket() {
    return std::min_element(buckets_.begin(), buckets_.end(),
                            [](const auto& one, const auto& other) {
                              return ByDue()(one.second.jobs.begin()->first,
                                             other.second.jobs.begin()->first);
                            });
  }

  void grow(std::vector<Owned>& batch, Bucket& bucket, int64_t now, int64_t max_rows,
            const RunCost& cost) {
    if (!batch[0]->is_stackable) return;
    int64_t rows = batch[0]->rows;
    int64_t left_us = batch[0]->deadline_us - now;
    for (auto next = bucket.jobs.begin(); next != bucket.jobs.end() && rows < max_rows;) {
      const Job& job = *next->first;
      // What is hopeless alone is found out when it is its turn.
      const int64_t job_left_us = job.deadline_us - now;
      const bool is_hopeless = job_left_us < cost.of_run_us(job.rows);
      if (!job.is_stackable || rows + job.rows > max_rows || is_hopeless) {
        ++next;
        continue;
      }
      left_us = std::min(left_us, job_left_us);
      if (!may_grow(cost, rows + job.rows, left_us)) return;
      rows += job.rows;
      const auto taken = next++;
      batch.push_back(remove_from(bucket, taken));
    }
  }

  static bool may_grow(const RunCost& cost, int64_t rows, int64_t left_us) {
    const double run_us = cost.base_us + cost.per_row_us * static_cast<double>(rows);
    const double saved = cost.is_known() ? cost.base_us / run_us : 0;
    return run_us <= (kMostGrown + kMoreGrown * saved) * static_cast<double>(left_us);
  }

  Owned remove_from(Bucket& bucket, typename Jobs::iterator at) {
    Owned job = std::move(at->second);
    const auto load = bucket.loads.find(slice_of(job->due_us));
    load->second.jobs -= 1;
    load->second.rows -= job->rows;
    if (load->second.jobs == 0) bucket.loads.erase(load);
    bucket.jobs.erase(at);
    by_deadline_.erase(job.get());
    return job;
  }

  Owned remove(Job* job) {
    const auto bucket = buckets_.find(job->key);
    Owned owned = remove_from(bucket->second, bucket->second.jobs.find(job));
    if (bucket->second.jobs.empty()) buckets_.erase(bucket);
    return owned;
  }

  Buckets buckets_;
  std::set<Job*, ByDeadline> by_deadline_;
  uint64_t sequence_ = 0;
};

}  // namespace sluice
