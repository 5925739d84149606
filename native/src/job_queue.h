// Which jobs run next, and together: the policy alone, without the runtime and without Node.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "clock.h"

namespace sluice {

// What decides whether two jobs may be stacked: every shape beyond dimension 0, and the outputs.
using StackKey = std::vector<int64_t>;

struct QueuedJob {
  int64_t arrival_us = 0;
  int64_t deadline_us = kNeverUs;
  int64_t rows = 1;
  bool is_stackable = false;
  StackKey key;
  // Set by the queue.
  int64_t due_us = 0;
  uint64_t sequence = 0;
};

// What a run of some rows costs, learned per key: least squares of a * rows + b over recent runs.
class CostModel {
 public:
  void learn(const StackKey& key, int64_t rows, int64_t cost_us) {
    Sums& sums = find_or_make(key);
    const double x = static_cast<double>(rows);
    const double y = static_cast<double>(cost_us);
    for (double* const sum : {&sums.n, &sums.x, &sums.y, &sums.xx, &sums.xy}) *sum *= kMemory;
    sums.n += 1;
    sums.x += x;
    sums.y += y;
    sums.xx += x * x;
    sums.xy += x * y;
  }

  // Microseconds; 0 while nothing is known.
  int64_t predict_us(const StackKey& key, int64_t rows) const {
    const auto found = known_.find(key);
    if (found == known_.end()) return 0;
    const Sums& sums = found->second;
    const double spread = sums.n * sums.xx - sums.x * sums.x;
    // All runs were of one size: a share each, which is too much rather than too little for more rows.
    if (spread < 1e-9 * sums.n * sums.xx) {
      return static_cast<int64_t>(sums.y / sums.x * static_cast<double>(rows));
    }
    const double a = std::max(0.0, (sums.n * sums.xy - sums.x * sums.y) / spread);
    const double b = std::max(0.0, (sums.y - a * sums.x) / sums.n);
    return static_cast<int64_t>(a * static_cast<double>(rows) + b);
  }

 private:
  struct Sums {
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    uint64_t used = 0;
  };

  static constexpr double kMemory = 0.98;  // of what was known, at each new run
  static constexpr size_t kMostKeys = 64;

  Sums& find_or_make(const StackKey& key) {
    auto found = known_.find(key);
    if (found == known_.end()) {
      if (known_.size() >= kMostKeys) {
        known_.erase(std::min_element(known_.begin(), known_.end(), [](auto& one, auto& other) {
          return one.second.used < other.second.used;
        }));
      }
      found = known_.emplace(key, Sums()).first;
    }
    found->second.used = ++uses_;
    return found->second;
  }

  std::map<StackKey, Sums> known_;
  uint64_t uses_ = 0;
};

// Jobs that wait, earliest due first. A job is due at its deadline, or when it has waited kAgeingUs if
// that is sooner: the young and urgent go first, and yet nobody waits for ever.
// Job is QueuedJob or derives from it. Not safe for several threads.
template <typename Job>
class JobQueue {
 public:
  using Owned = std::unique_ptr<Job>;
  static constexpr int64_t kAgeingUs = 250'000;

  bool empty() const { return by_deadline_.empty(); }
  size_t size() const { return by_deadline_.size(); }

  void add(Owned job) {
    job->due_us = std::min(job->deadline_us, job->arrival_us + kAgeingUs);
    job->sequence = ++sequence_;
    by_deadline_.insert(job.get());
    buckets_[job->key].emplace(job.get(), std::move(job));
  }

  std::vector<Owned> take_expired(int64_t now) {
    std::vector<Owned> expired;
    while (!by_deadline_.empty() && (*by_deadline_.begin())->deadline_us <= now) {
      expired.push_back(remove(*by_deadline_.begin()));
    }
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
  // and while the bigger run would make none late that is not late anyway.
  // @param max_rows 0: never more than one job. REQUIRES: not empty.
  std::vector<Owned> take_batch(int64_t now, int64_t max_rows, const CostModel& costs) {
    Bucket& bucket = first_due_bucket();
    std::vector<Owned> batch;
    batch.push_back(remove_from(bucket, bucket.begin()));
    const StackKey key = batch[0]->key;
    if (batch[0]->is_stackable && max_rows > batch[0]->rows) {
      grow(batch, bucket, now, max_rows, costs);
    }
    if (bucket.empty()) buckets_.erase(key);
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
  using Bucket = std::map<Job*, Owned, ByDue>;

  // Looks at one job for each shape that waits.
  Bucket& first_due_bucket() {
    return std::min_element(buckets_.begin(), buckets_.end(),
                            [](const auto& one, const auto& other) {
                              return ByDue()(one.second.begin()->first,
                                             other.second.begin()->first);
                            })
        ->second;
  }

  void grow(std::vector<Owned>& batch, Bucket& bucket, int64_t now, int64_t max_rows,
            const CostModel& costs) {
    const StackKey& key = batch[0]->key;
    int64_t rows = batch[0]->rows;
    int64_t limit_us = constraint(*batch[0], now + costs.predict_us(key, rows));
    for (auto next = bucket.begin(); next != bucket.end();) {
      Job& job = *next->first;
      if (!job.is_stackable || rows + job.rows > max_rows) {
        ++next;
        continue;
      }
      const int64_t alone_us = now + costs.predict_us(key, job.rows);
      const int64_t end_us = now + costs.predict_us(key, rows + job.rows);
      const int64_t tighter_us = std::min(limit_us, constraint(job, alone_us));
      if (end_us > tighter_us) return;
      limit_us = tighter_us;
      rows += job.rows;
      const auto taken = next++;
      batch.push_back(remove_from(bucket, taken));
    }
  }

  // A job that would be late anyway keeps nobody from joining.
  static int64_t constraint(const Job& job, int64_t end_us) {
    return job.deadline_us >= end_us ? job.deadline_us : kNeverUs;
  }

  Owned remove_from(Bucket& bucket, typename Bucket::iterator at) {
    Owned job = std::move(at->second);
    bucket.erase(at);
    by_deadline_.erase(job.get());
    return job;
  }

  Owned remove(Job* job) {
    const auto bucket = buckets_.find(job->key);
    Owned owned = remove_from(bucket->second, bucket->second.find(job));
    if (bucket->second.empty()) buckets_.erase(bucket);
    return owned;
  }

  std::map<StackKey, Bucket> buckets_;
  std::set<Job*, ByDeadline> by_deadline_;
  uint64_t sequence_ = 0;
};

}  // namespace sluice
