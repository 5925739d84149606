#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "json_numbers.h"

namespace sluice::json {

namespace {

/** The longest text is "-0.0000012345678901234567"; one more for the comma. */
constexpr std::size_t kMaxChars = 32;

/** "00" to "99". */
constexpr auto kPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; i++) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

char* fill_zeros(char* p, int count) {
  for (; count > 0; count--) *p++ = '0';
  return p;
}

/** Number::toString (ECMA-262 section 6.1.6.1.20) of `count` digits d.ddd * 10^exponent10. */
char* lay_out(char* p, const char* digits, int count, int exponent10) {
  const int point = exponent10 + 1;
  if (point > 21 || point <= -6) {
    *p++ = digits[0];
    if (count > 1) *p++ = '.';
    p = std::copy(digits + 1, digits + count, p);
    *p++ = 'e';
    *p++ = exponent10 < 0 ? '-' : '+';
    return std::to_chars(p, p + 4, exponent10 < 0 ? -exponent10 : exponent10).ptr;
  }
  if (point <= 0) {
    *p++ = '0';
    *p++ = '.';
    return std::copy(digits, digits + count, fill_zeros(p, -point));
  }
  if (count <= point) return fill_zeros(std::copy(digits, digits + count, p), point - count);
  p = std::copy(digits, digits + point, p);
  *p++ = '.';
  return std::copy(digits + point, digits + count, p);
}

/** The shortest digits that read back to the same FP64. */
char* write_one(char* p, double value) {
  if (std::signbit(value)) *p++ = '-';
  if (value == 0) {
    *p++ = '0';
    return p;
  }
  // d[.ddd]e±xx[x]
  char text[kMaxChars];
  const char* const end = std::to_chars(text, text + kMaxChars, std::fabs(value), std::chars_format::scientific).ptr;
  char digits[kMaxChars];
  int count = 0;
  const char* from = text;
  for (; *from != 'e'; from++) {
    if (*from != '.') digits[count++] = *from;
  }
  int exponent10 = 0;
  std::from_chars(from + 2, end, exponent10);
  return lay_out(p, digits, count, from[1] == '-' ? -exponent10 : exponent10);
}

/** digits / 10^decimals without trailing zeros. */
char* write_decimal(char* p, std::uint32_t digits, int decimals) {
  while (decimals > 0 && digits % 10 == 0) {
    digits /= 10;
    decimals--;
  }
  char reversed[kMaxChars];
  char* const last = reversed + kMaxChars;
  char* first = last;
  for (; digits >= 100; digits /= 100) {
    first -= 2;
    std::memcpy(first, &kPairs[2 * (digits % 100)], 2);
  }
  if (digits >= 10) {
    first -= 2;
    std::memcpy(first, &kPairs[2 * digits], 2);
  } else if (digits > 0) {
    *--first = static_cast<char>('0' + digits);
  }
  // At least one digit stands before the point.
  while (last - first <= decimals) *--first = '0';
  p = std::copy(first, last - decimals, p);
  if (decimals == 0) return p;
  *p++ = '.';
  return std::copy(last - decimals, last, p);
}

/** The powers of ten that scale an FP32 to nine digits; FP64 holds them exactly. */
constexpr std::array<double, 16> kExact10 = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                             1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/** Decades of an FP32 that are written as plain decimals: 1e-7 up to 1e9. */
constexpr int kFirstDecade = -7;
constexpr std::array<double, 17> kDecades = {1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1,
                                             1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9};

char* write_one(char* p, float value) {
  const double size = std::fabs(static_cast<double>(value));
  if (size >= kDecades.front() && size < kDecades.back()) {
    int decade = 1;
    while (size >= kDecades[static_cast<std::size_t>(decade)]) decade++;
    // Seven digits say every text that a person would write, nine say every FP32.
    for (int count = 7; count <= 9; count++) {
      const int decimals = std::max(0, count - kFirstDecade - decade);
      const double power = kExact10[static_cast<std::size_t>(decimals)];
      const auto digits = static_cast<std::uint32_t>(size * power + 0.5);
      if (static_cast<float>(digits / power) != static_cast<float>(size)) continue;
      if (std::signbit(value)) *p++ = '-';
      return write_decimal(p, digits, decimals);
    }
  }
  return write_one(p, static_cast<double>(value));
}

template <class T>
std::ptrdiff_t write_array(std::span<const T> values, std::span<char> out) {
  if (out.size() < 2) return -1;
  char* p = out.data();
  // One place is kept for the closing bracket.
  char* const end = out.data() + out.size() - 1;
  *p++ = '[';
  for (std::size_t i = 0; i < values.size(); i++) {
    if (!std::isfinite(values[i])) return -1;
    if (end - p >= static_cast<std::ptrdiff_t>(kMaxChars)) {
      if (i > 0) *p++ = ',';
      p = write_one(p, values[i]);
      continue;
    }
    char text[kMaxChars];
    char* after = text;
    if (i > 0) *after++ = ',';
    after = write_one(after, values[i]);
    if (end - p < after - text) return -1;
    p = std::copy(text, after, p);
  }
  *p++ = ']';
  return p - out.data();
}

}  // namespace

std::ptrdiff_t write(std::span<const float> values, std::span<char> out) { return write_array(values, out); }
std::ptrdiff_t write(std::span<const double> values, std::span<char> out) { return write_array(values, out); }

}  // namespace sluice::json
