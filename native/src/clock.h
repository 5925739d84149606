// The two clocks, in whole microseconds.
#pragma once

#include <time.h>

#include <cstdint>
#include <limits>

namespace sluice {

inline constexpr int64_t kNeverUs = std::numeric_limits<int64_t>::max();

inline int64_t clock_us(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * INT64_C(1000000) + time.tv_nsec / 1000;
}

// Since some fixed moment; never goes back.
inline int64_t now_us() { return clock_us(CLOCK_MONOTONIC); }

}  // namespace sluice
