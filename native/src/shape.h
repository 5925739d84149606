#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice {

using Shape = std::vector<int64_t>;

// Elements of a tensor of this shape; false when there are more than memory could hold.
inline bool element_count(const Shape& shape, size_t* count) {
  size_t product = 1;
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(product, static_cast<size_t>(size), &product)) return false;
  }
  *count = product;
  return product <= SIZE_MAX / 16;
}

}  // namespace sluice
