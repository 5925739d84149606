#include "fingerprint.h"

#include <bit>
#include <cstring>

namespace sluice::load {
namespace {

// Odd, with bits in no order: the golden ratio's, and those of MurmurHash3's last step (A. Appleby).
constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;
constexpr uint64_t kMixOne = 0xff51afd7ed558ccd;
constexpr uint64_t kMixTwo = 0xc4ceb9fe1a85ec53;

uint64_t mix(uint64_t value) {
  value = (value ^ value >> 33) * kMixOne;
  value = (value ^ value >> 33) * kMixTwo;
  return value ^ value >> 33;
}

void add(uint64_t word, Fingerprint* sum) {
  sum->high = std::rotl((sum->high ^ word) * kMixOne, 29);
  sum->low = std::rotl((sum->low + word) * kMixTwo, 37);
}

}  // namespace

Fingerprint fingerprint_of(std::string_view bytes) {
  const uint64_t size = bytes.size();
  Fingerprint sum = {size ^ kGolden, size};
  uint64_t word = 0;
  for (; bytes.size() >= sizeof word; bytes.remove_prefix(sizeof word)) {
    std::memcpy(&word, bytes.data(), sizeof word);
    add(word, &sum);
  }
  word = 0;
  std::memcpy(&word, bytes.data(), bytes.size());
  add(word, &sum);
  return {mix(sum.high ^ std::rotl(sum.low, 32)), mix(sum.low + kGolden)};
}

}  // namespace sluice::load
