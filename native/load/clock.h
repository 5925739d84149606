// Time in whole nanoseconds since some fixed moment; never goes back.
#pragma once

#include <time.h>

#include <cstdint>
#include <limits>

namespace sluice::load {

inline constexpr int64_t kNeverNs = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kNsPerMs = 1'000'000;
inline constexpr int64_t kNsPerUs = 1000;

inline int64_t clock_ns(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * INT64_C(1'000'000'000) + time.tv_nsec;
}

inline int64_t now_ns() { return clock_ns(CLOCK_MONOTONIC); }

inline double to_ms(int64_t ns) { return static_cast<double>(ns) / static_cast<double>(kNsPerMs); }

}  // namespace sluice::load
