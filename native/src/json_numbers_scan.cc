#include "json_numbers.h"

#include <array>
#include <bit>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <system_error>
#include <type_traits>

static_assert(FLT_EVAL_METHOD == 0, "FP64 arithmetic must round to FP64 (Clinger's fast path)");

namespace sluice::json {
namespace {

/** One token; the value is mantissa * 10^exponent10. */
struct Number {
  const char* begin;
  const char* end;
  /** Exact where `is_exact`, else rubbish. */
  std::uint64_t mantissa;
  std::int64_t exponent10;
  bool is_negative;
  bool is_exact;
  bool has_exponent;
};

/** A power of ten below 10^19 is an integer of 64 bits. */
constexpr auto kWhole10 = [] {
  std::array<std::uint64_t, 19> powers{1};
  for (std::size_t i = 1; i < powers.size(); i++) powers[i] = powers[i - 1] * 10;
  return powers;
}();

/** The powers of ten that FP64 holds exactly. */
constexpr std::array<double, 23> kExact10 = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                             1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                             1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::int64_t kMaxExact10 = 22;
constexpr std::uint64_t kTwo53 = std::uint64_t{1} << 53;
/** So many decimal digits always fit 64 bits. */
constexpr std::ptrdiff_t kSafeDigits = 19;
/** Past this an exponent says 0 or infinity; from_chars sees the real text. */
constexpr std::int64_t kExponentCap = 1'000'000;

inline bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

/** How many of the eight characters, first one lowest, are digits before the first that is not. */
inline unsigned leading_digits(std::uint64_t digits) {
  const std::uint64_t others = ((digits + 0x7676767676767676u) | digits) & 0x8080808080808080u;
  return static_cast<unsigned>(std::countr_zero(others)) / 8;
}

/** The number that eight digit values make, the first one in the lowest byte. */
inline std::uint64_t join_eight(std::uint64_t digits) {
  const std::uint64_t pairs = digits * 10 + (digits >> 8);
  constexpr std::uint64_t kMask = 0x000000FF000000FFu;
  return ((pairs & kMask) * 0x000F424000000064u + ((pairs >> 16) & kMask) * 0x0000271000000001u) >> 32;
}

/** The first `count` of eight digit values, 0 to 8, as a number. */
inline std::uint64_t join_first(std::uint64_t digits, unsigned count) {
  return count == 0 ? 0 : join_eight(digits << (64 - 8 * count));
}

inline std::uint64_t load_eight(const char* p) {
  std::uint64_t chunk;
  std::memcpy(&chunk, p, sizeof chunk);
  return chunk ^ 0x3030303030303030u;
}

/** Appends a run of digits to `mantissa`, modulo 2^64; gives the position after it. */
inline const char* read_digits(const char* p, const char* end, std::uint64_t& mantissa) {
  if constexpr (std::endian::native == std::endian::little) {
    while (end - p >= 8) {
      const std::uint64_t chunk = load_eight(p);
      const unsigned count = leading_digits(chunk);
      mantissa = mantissa * kWhole10[count] + join_first(chunk, count);
      p += count;
      if (count < 8) return p;
    }
  }
  while (p < end && is_digit(*p)) mantissa = mantissa * 10 + static_cast<std::uint64_t>(*p++ - '0');
  return p;
}

/** Whether more than 19 digits still make a mantissa of 64 bits, as most of them are leading zeros. */
bool fits_past_zeros(const Number& n, const char* digits_end) {
  const char* p = n.begin + (n.is_negative ? 1 : 0);
  while (p < digits_end && (*p == '0' || *p == '.')) p++;
  std::ptrdiff_t significant = 0;
  for (; p < digits_end && significant <= kSafeDigits; p++) significant += *p == '.' ? 0 : 1;
  return significant <= kSafeDigits;
}

const char* lex_exponent(const char* p, const char* end, Number& n) {
  const bool is_minus = p < end && *p == '-';
  if (is_minus || (p < end && *p == '+')) p++;
  const char* const first = p;
  std::int64_t exponent = 0;
  for (; p < end && is_digit(*p); p++) {
    if (exponent < kExponentCap) exponent = exponent * 10 + (*p - '0');
  }
  n.exponent10 += is_minus ? -exponent : exponent;
  n.has_exponent = true;
  return p == first ? nullptr : p;
}

/** What `lex_decimal` may read: a sign, a digit, a point, three runs of eight, one character more. */
constexpr std::ptrdiff_t kDecimalReach = 32;

/**
 * The same as `lex` for the usual form of a float, d.ddd with up to 24 decimals and no exponent, with
 * few branches on its length; null where the token is none. REQUIRES: kDecimalReach characters.
 */
inline const char* lex_decimal(const char* p, Number& n) {
  n.begin = p;
  n.is_negative = *p == '-';
  if (n.is_negative) p++;
  const std::uint64_t whole = static_cast<std::uint64_t>(static_cast<unsigned char>(*p - '0'));
  if (whole > 9 || p[1] != '.') return nullptr;
  p += 2;
  const std::uint64_t chunk = load_eight(p);
  unsigned count = leading_digits(chunk);
  if (count < 8) {
    if (count == 0) return nullptr;
    n.mantissa = whole * kWhole10[count] + join_first(chunk, count);
  } else {
    const std::uint64_t second = load_eight(p + 8);
    const std::uint64_t third = load_eight(p + 16);
    const unsigned count2 = leading_digits(second);
    const unsigned count3 = count2 == 8 ? leading_digits(third) : 0;
    n.mantissa = (whole * kWhole10[8] + join_eight(chunk)) * kWhole10[count2] + join_first(second, count2);
    if (n.mantissa >= kWhole10[18 - count3]) return nullptr;
    n.mantissa = n.mantissa * kWhole10[count3] + join_first(third, count3);
    count = 8 + count2 + count3;
  }
  p += count;
  if ((*p | 0x20) == 'e' || is_digit(*p)) return nullptr;
  n.exponent10 = -static_cast<std::int64_t>(count);
  n.is_exact = true;
  n.has_exponent = false;
  n.end = p;
  return p;
}

/** Reads the token at `p`; gives the position after it, or null where no number is. */
inline const char* lex(const char* p, const char* end, Number& n) {
  n.begin = p;
  n.is_negative = p < end && *p == '-';
  if (n.is_negative) p++;
  const char* const first = p;
  if (p == end || !is_digit(*p)) return nullptr;
  n.mantissa = static_cast<std::uint64_t>(*p++ - '0');
  if (p < end && is_digit(*p)) {
    if (n.mantissa == 0) return nullptr;
    p = read_digits(p, end, n.mantissa);
  }
  std::ptrdiff_t digits = p - first;
  n.exponent10 = 0;
  n.has_exponent = false;
  if (p < end && *p == '.') {
    const char* const fraction = ++p;
    p = read_digits(p, end, n.mantissa);
    if (p == fraction) return nullptr;
    n.exponent10 = fraction - p;
    digits += p - fraction;
  }
  n.is_exact = digits <= kSafeDigits || fits_past_zeros(n, p);
  if (p < end && (*p == 'e' || *p == 'E')) {
    p = lex_exponent(p + 1, end, n);
    if (p == nullptr) return nullptr;
  }
  n.end = p;
  return p;
}

inline bool has_exact_power(const Number& n) {
  return n.exponent10 >= -kMaxExact10 && n.exponent10 <= kMaxExact10;
}

inline double scale(std::uint64_t mantissa, std::int64_t exponent10) {
  const double whole = static_cast<double>(mantissa);
  return exponent10 < 0 ? whole / kExact10[static_cast<std::size_t>(-exponent10)]
                        : whole * kExact10[static_cast<std::size_t>(exponent10)];
}

inline bool store(const Number& n, double& out) {
  if (n.is_exact && n.mantissa < kTwo53 && has_exact_power(n)) {
    // Exact mantissa and exact power of ten: one correctly rounded operation (Clinger 1990).
    const double size = scale(n.mantissa, n.exponent10);
    out = n.is_negative ? -size : size;
    return true;
  }
  if (n.is_exact && n.mantissa == 0) {
    out = n.is_negative ? -0.0 : 0.0;
    return true;
  }
  // Libraries differ in what they report for text that rounds to 0, so that goes back too.
  const auto [after, error] = std::from_chars(n.begin, n.end, out);
  return error == std::errc{} && after == n.end && std::isfinite(out);
}

/** From here on a cast to FP32 would give infinity: its greatest value and half a step. */
constexpr double kFloatOverflow = 0x1.ffffffp127;

inline bool store(const Number& n, float& out) {
  if (n.is_exact && has_exact_power(n)) {
    // Two roundings keep this within 2^-52 of the value. Where both ends of a wider interval cast to
    // one FP32, so does the nearest FP64.
    constexpr double kMargin = 0x1p-48;
    const double near = scale(n.mantissa, n.exponent10);
    if (near < kFloatOverflow / 2) {
      const float low = static_cast<float>(near * (1 - kMargin));
      if (low == static_cast<float>(near * (1 + kMargin))) {
        out = n.is_negative ? -low : low;
        return true;
      }
    }
  }
  double wide;
  if (!store(n, wide) || std::fabs(wide) >= kFloatOverflow) return false;
  out = static_cast<float>(wide);
  return true;
}

/** The whole value without its sign; false where the token has an exponent or a true fraction. */
inline bool whole_of(const Number& n, std::uint64_t& whole) {
  if (!n.is_exact || n.has_exponent) return false;
  whole = n.mantissa;
  if (n.exponent10 == 0 || whole == 0) return true;
  if (-n.exponent10 >= kSafeDigits) return false;
  const std::uint64_t power = kWhole10[static_cast<std::size_t>(-n.exponent10)];
  const bool is_whole = whole % power == 0;
  whole /= power;
  return is_whole;
}

template <class Int>
inline bool store(const Number& n, Int& out) {
  std::uint64_t whole;
  if (!whole_of(n, whole)) return false;
  using Limits = std::numeric_limits<Int>;
  // Negated as an unsigned number, which wraps: the least value has no positive counterpart.
  const std::uint64_t most = n.is_negative ? std::uint64_t{0} - static_cast<std::uint64_t>(std::int64_t{Limits::min()})
                                           : static_cast<std::uint64_t>(Limits::max());
  if (whole > most) return false;
  out = static_cast<Int>(n.is_negative ? std::uint64_t{0} - whole : whole);
  return true;
}

template <class T>
constexpr bool kHasDecimals = std::is_floating_point_v<T> && std::endian::native == std::endian::little;

/** A place in the text. Every read is below `end`. */
class Cursor {
 public:
  Cursor(const char* pos, const char* end) : pos_(pos), end_(end) {}

  bool is_at_end() const { return pos_ == end_; }

  /** Whether `wanted` is next, white space skipped. */
  bool is_at(char wanted) {
    while (pos_ < end_ && (*pos_ == ' ' || *pos_ == '\n' || *pos_ == '\r' || *pos_ == '\t')) pos_++;
    return pos_ < end_ && *pos_ == wanted;
  }

  bool take(char wanted) {
    if (pos_ < end_ && *pos_ == wanted) {
      pos_++;
      return true;
    }
    if (!is_at(wanted)) return false;
    pos_++;
    return true;
  }

  /** `count` numbers with commas between. */
  template <class T>
  bool take_row(T* out, std::size_t count) {
    for (std::size_t i = 0; i < count; i++) {
      if (i > 0 && !take(',')) return false;
      if (pos_ < end_ && *pos_ <= ' ') is_at(' ');
      Number n;
      const char* after = nullptr;
      if constexpr (kHasDecimals<T>) {
        if (end_ - pos_ >= kDecimalReach) after = lex_decimal(pos_, n);
      }
      if (after == nullptr) after = lex(pos_, end_, n);
      if (after == nullptr || !store(n, out[i])) return false;
      pos_ = after;
    }
    return true;
  }

 private:
  const char* pos_;
  const char* end_;
};

/** The inside of a level and its closing bracket; `out` moves on past what was read. */
template <class T>
bool scan_level(Cursor& cursor, std::span<const std::uint64_t> shape, T*& out) {
  const std::uint64_t size = shape[0];
  if (shape.size() == 1) {
    if (!cursor.take_row(out, size)) return false;
    out += size;
    return cursor.take(']');
  }
  for (std::uint64_t i = 0; i < size; i++) {
    if (i > 0 && !cursor.take(',')) return false;
    if (!cursor.take('[') || !scan_level(cursor, shape.subspan(1), out)) return false;
  }
  return cursor.take(']');
}

/** Whether the dimensions multiply to `count`. */
bool is_filled_by(std::span<const std::uint64_t> shape, std::size_t count) {
  std::uint64_t product = 1;
  bool is_empty = false;
  for (const std::uint64_t dim : shape) {
    is_empty = is_empty || dim == 0;
    if (!is_empty && __builtin_mul_overflow(product, dim, &product)) return false;
  }
  return (is_empty ? 0 : product) == count;
}

template <class T>
bool scan_array(const char* text, const char* end, std::span<const std::uint64_t> shape, std::span<T> out) {
  if (!is_filled_by(shape, out.size())) return false;
  Cursor cursor(text, end);
  T* next = out.data();
  bool is_read;
  if (!cursor.take('[')) {
    is_read = shape.empty() && cursor.take_row(next, 1);
  } else if (shape.size() > 1 && cursor.is_at('[')) {
    is_read = scan_level(cursor, shape, next);
  } else {
    is_read = cursor.take_row(next, out.size()) && cursor.take(']');
  }
  return is_read && cursor.is_at_end();
}

}  // namespace

bool scan(const char* text, const char* end, std::span<const std::uint64_t> shape, std::span<float> out) {
  return scan_array(text, end, shape, out);
}
bool scan(const char* text, const char* end, std::span<const std::uint64_t> shape, std::span<double> out) {
  return scan_array(text, end, shape, out);
}
bool scan(const char* text, const char* end, std::span<const std::uint64_t> shape, std::span<std::int32_t> out) {
  return scan_array(text, end, shape, out);
}
bool scan(const char* text, const char* end, std::span<const std::uint64_t> shape, std::span<std::int64_t> out) {
  return scan_array(text, end, shape, out);
}
bool scan(const char* text, const char* end, std::span<const std::uint64_t> shape, std::span<std::uint8_t> out) {
  return scan_array(text, end, shape, out);
}

}  // namespace sluice::json
