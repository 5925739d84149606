// Counts of durations in the buckets of bench/histogram.ts: 1 ns wide below 1024 ns, then 1024 to each
// power of two.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "clock.h"
#include "wire.h"

namespace sluice::load {

class Histogram {
 public:
  // Negative durations count as 0.
  void record(int64_t ns) {
    const int64_t counted = ns < 0 ? 0 : ns > kMaxNs ? kMaxNs : ns;
    counts_[bucket_of(counted)] += 1;
    sum_ns_ += static_cast<double>(ns);
    if (ns > max_ns_) max_ns_ = ns;
  }

  // As wire fields: sum and maximum in ms, the number of buckets that are not empty, and for each its
  // index and count.
  void write(WireWriter* writer) const {
    uint32_t used = 0;
    for (const uint32_t count : counts_) used += count > 0 ? 1 : 0;
    writer->f64(sum_ns_ / static_cast<double>(kNsPerMs)).f64(to_ms(max_ns_)).u32(used);
    for (uint32_t bucket = 0; bucket < kBuckets; bucket += 1) {
      if (counts_[bucket] > 0) writer->u32(bucket).u32(counts_[bucket]);
    }
  }

 private:
  static constexpr int kSubBits = 10;
  static constexpr int kMaxBits = 42;
  static constexpr int64_t kMaxNs = (INT64_C(1) << kMaxBits) - 1;
  static constexpr uint32_t kBuckets = (kMaxBits - kSubBits + 1) << kSubBits;

  static uint32_t bucket_of(int64_t ns) {
    const auto value = static_cast<uint64_t>(ns);
    if (value < (1u << kSubBits)) return static_cast<uint32_t>(value);
    const int exponent = std::bit_width(value) - 1 - kSubBits;
    return (static_cast<uint32_t>(exponent) << kSubBits) + static_cast<uint32_t>(value >> exponent);
  }

  std::vector<uint32_t> counts_ = std::vector<uint32_t>(kBuckets);
  double sum_ns_ = 0;
  int64_t max_ns_ = 0;
};

}  // namespace sluice::load
