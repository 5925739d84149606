// Stands for a body that is too large to keep. 128 bits: no two answers of a load share one by chance.
// Nothing guards against a server that makes them collide on purpose.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::load {

struct Fingerprint {
  uint64_t high = 0;
  uint64_t low = 0;
  bool operator==(const Fingerprint&) const = default;
};

Fingerprint fingerprint_of(std::string_view bytes);

}  // namespace sluice::load
