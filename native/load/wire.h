// Fields of the control frames (bench/native-frames.ts writes and reads the same): little-endian
// integers and doubles, and byte strings with their length (u32) before them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sluice::load {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields are copied as they lie");

// Reads in order. What is not there reads as 0 or empty, and `is_whole` says so afterwards.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  bool is_whole() const { return is_whole_; }
  uint8_t u8() { return number<uint8_t>(); }
  uint32_t u32() { return number<uint32_t>(); }
  double f64() { return number<double>(); }
  // A view of what was given.
  std::string_view text() {
    const uint32_t size = u32();
    if (size > rest_.size()) {
      is_whole_ = false;
      return {};
    }
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

 private:
  template <typename T>
  T number() {
    T value{};
    if (rest_.size() < sizeof(T)) {
      is_whole_ = false;
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return value;
  }

  std::string_view rest_;
  bool is_whole_ = true;
};

class WireWriter {
 public:
  explicit WireWriter(uint8_t kind) { u8(kind); }

  std::string_view bytes() const { return bytes_; }
  WireWriter& u8(uint8_t value) { return append(&value, sizeof value); }
  WireWriter& u32(uint32_t value) { return append(&value, sizeof value); }
  WireWriter& f32(float value) { return append(&value, sizeof value); }
  WireWriter& f64(double value) { return append(&value, sizeof value); }
  WireWriter& text(std::string_view value) {
    u32(static_cast<uint32_t>(value.size()));
    return append(value.data(), value.size());
  }

 private:
  WireWriter& append(const void* from, size_t size) {
    bytes_.append(static_cast<const char*>(from), size);
    return *this;
  }

  std::string bytes_;
};

}  // namespace sluice::load
