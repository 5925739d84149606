// What runs cost, learned while they go on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

namespace sluice {

// What decides whether two jobs may be stacked: every shape beyond dimension 0, and the outputs.
using StackKey = std::vector<int64_t>;

// A run of some rows costs base_us + rows * per_row_us. All 0 while nothing is known.
struct RunCost {
  double base_us = 0;
  double per_row_us = 0;
  // The largest runs of late: stacking pays this far at least.
  double most_rows = 1;

  bool is_known() const { return base_us > 0 || per_row_us > 0; }
  int64_t of_run_us(int64_t rows) const {
    return std::llround(base_us + per_row_us * static_cast<double>(rows));
  }
  // So many jobs with so many rows in all, stacked as far as is known to work.
  double of_jobs_us(int64_t jobs, int64_t rows) const {
    const double all_rows = static_cast<double>(rows);
    const double runs = std::min(static_cast<double>(jobs), std::max(1.0, all_rows / most_rows));
    return jobs == 0 ? 0 : base_us * runs + per_row_us * all_rows;
  }
};

// Least squares of base + per_row * rows over recent runs, per key. Not safe for several threads.
class CostModel {
 public:
  void learn(const StackKey& key, int64_t rows, int64_t cost_us) {
    Sums& sums = find_or_make(key);
    is_cheapest_known_ = false;
    const double x = static_cast<double>(rows);
    const double y = static_cast<double>(cost_us);
    forget(sums, y < kFarBelow * fit(sums).of_run_us(rows));
    sums.n += 1;
    sums.x += x;
    sums.y += y;
    sums.xx += x * x;
    sums.xy += x * y;
    sums.most_rows = std::max(x, sums.most_rows * kMemory);
  }

  // A run that was ended after so long cost at least that; how much more nobody knows.
  void learn_at_least(const StackKey& key, int64_t rows, int64_t cost_us) {
    if (cost_us > predict_us(key, rows)) learn(key, rows, cost_us);
  }

  // A run began or ended.
  void note_run(const StackKey& key, int64_t now) { find_or_make(key).last_run_us = now; }

  RunCost of(const StackKey& key) const {
    const auto found = known_.find(key);
    return found == known_.end() ? RunCost() : fit(found->second);
  }

  int64_t predict_us(const StackKey& key, int64_t rows) const { return of(key).of_run_us(rows); }

  // What a run of one row costs, of whatever key it is cheapest for; 0 while nothing is known.
  int64_t cheapest_us() {
    if (is_cheapest_known_) return cheapest_us_;
    cheapest_us_ = 0;
    for (const auto& [key, sums] : known_) {
      const RunCost cost = fit(sums);
      if (!cost.is_known()) continue;
      const int64_t cost_us = std::max<int64_t>(1, cost.of_run_us(1));
      if (cheapest_us_ == 0 || cost_us < cheapest_us_) cheapest_us_ = cost_us;
    }
    is_cheapest_known_ = true;
    return cheapest_us_;
  }

  // When `note_run` was last called; long ago where it never was.
  int64_t last_run_us(const StackKey& key) const {
    const auto found = known_.find(key);
    return found == known_.end() ? std::numeric_limits<int64_t>::min() / 2
                                 : found->second.last_run_us;
  }

 private:
  struct Sums {
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    double most_rows = 1;
    int64_t last_run_us = 0;
    uint64_t used = 0;
  };

  static constexpr double kMemory = 0.98;  // of what was known, at each new run
  // Noise makes runs dearer, never this much cheaper: the prediction was wrong.
  static constexpr double kFarBelow = 0.5;
  // Runs of nearly one size tell nothing of the base: this share of the weight says that there is
  // none, which is too much rather than too little for more rows, and drowned by sizes that differ.
  static constexpr double kNoBase = 0.02;
  static constexpr size_t kMostKeys = 64;

  static void forget(Sums& sums, bool is_far_below) {
    // One run that was far below then counts as much as all before it.
    const double keep = is_far_below ? std::min(kMemory, 1 / sums.n) : kMemory;
    for (double* const sum : {&sums.n, &sums.x, &sums.y, &sums.xx, &sums.xy}) *sum *= keep;
  }

  static RunCost fit(const Sums& sums) {
    if (sums.n == 0) return RunCost();
    const double n = sums.n * (1 + kNoBase);
    const double slope = (n * sums.xy - sums.x * sums.y) / (n * sums.xx - sums.x * sums.x);
    // A negative base would make small runs free; a negative slope, large ones.
    const double per_row_us = std::clamp(slope, 0.0, sums.y / sums.x);
    const double base_us = std::max(0.0, (sums.y - per_row_us * sums.x) / n);
    return {base_us, per_row_us, sums.most_rows};
  }

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
  // Found again when it is asked for after something was learned.
  int64_t cheapest_us_ = 0;
  bool is_cheapest_known_ = true;
};

}  // namespace sluice
