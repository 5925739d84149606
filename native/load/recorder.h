// Sorts what happens into the measured window, as bench/load-recorder.ts does: latency counts from the
// intended start.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "histogram.h"
#include "load_plan.h"
#include "wire.h"

namespace sluice::load {

// Of one request; `intended_ns` is kBeforeNs for one that opens a connection.
struct Sample {
  int64_t intended_ns;
  int64_t sent_ns;
  int64_t done_ns;
};

inline constexpr int64_t kBeforeNs = std::numeric_limits<int64_t>::min() / 2;

// Failures that are told apart, by the order in which each came first.
using FailureKind = uint32_t;
inline constexpr FailureKind kNoFailure = ~FailureKind{0};

class Recorder {
 public:
  explicit Recorder(const LoadPlan& plan) : plan_(plan) {}

  void open_window(int64_t start_ns);
  void answered(const Sample& sample);
  // A verdict comes later than the answer: `done_ns` of the sample says which failure was the first.
  void failed(const Sample& sample, FailureKind kind);
  void unsent(int64_t intended_ns) {
    if (intended_ns >= from_ns_) unsent_ += 1;
  }
  // How late this process did something: a start that a free connection waited for, or a timer.
  void delayed(int64_t ns) { delay_.record(ns); }

  // A code of protocols/core/status.ts, or `wrong-answer`. The first message of a code is kept.
  FailureKind kind_of(const std::string& code, const std::string& message);
  // One that the reader of the report names, from what was handed to it when it came first.
  // @returns whether it came first
  bool kind_of_response(const std::string& key, FailureKind* kind);
  size_t kind_count() const { return kinds_.size(); }

  uint32_t total() const { return total_; }
  uint32_t error_count() const { return error_count_; }
  void write(WireWriter* writer) const;

 private:
  struct Kind {
    std::string code;
    std::string message;
    uint32_t count = 0;
  };
  struct Slice {
    std::vector<float> latencies_ms;
    uint32_t errors = 0;
  };

  Slice* slice_of(int64_t intended_ns);

  const LoadPlan& plan_;
  int64_t from_ns_ = kNeverNs;
  int64_t to_ns_ = kNeverNs;
  Histogram latency_;
  Histogram lateness_;
  Histogram delay_;
  std::vector<Slice> slices_;
  std::vector<Kind> kinds_;
  std::unordered_map<std::string, FailureKind> kind_by_key_;
  FailureKind first_failure_ = kNoFailure;
  int64_t first_failure_ns_ = kNeverNs;
  // Right answers of all times, for progress.
  uint32_t total_ = 0;
  uint32_t answered_in_window_ = 0;
  uint32_t in_time_ = 0;
  uint32_t error_count_ = 0;
  uint32_t unsent_ = 0;
};

}  // namespace sluice::load
