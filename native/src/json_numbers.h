/**
 * Numbers of JSON text (RFC 8259 section 6) to typed arrays and back. Pure functions over memory that
 * the caller owns for the length of the call (json_numbers_scan.cc, json_numbers_write.cc), and
 * their N-API binding (json_numbers.cc). Any thread; nothing is kept.
 */
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::json {

/**
 * Reads one array of numbers that fills [text, end), white space before it allowed: flat, or nested
 * exactly like `shape`; a bare number for rank 0. `out` holds as many elements as `shape` says.
 * Floats: FP64 is the nearest one, FP32 the nearest to that FP64 (what JSON.parse and a cast give).
 * Integers: exact; a fraction of zeros is taken, an exponent is not.
 * @return false for anything else, `out` then holds rubbish
 */
bool scan(const char* text, const char* end, std::span<const std::uint64_t> shape, std::span<float> out);
bool scan(const char* text, const char* end, std::span<const std::uint64_t> shape, std::span<double> out);
bool scan(const char* text, const char* end, std::span<const std::uint64_t> shape, std::span<std::int32_t> out);
bool scan(const char* text, const char* end, std::span<const std::uint64_t> shape, std::span<std::int64_t> out);
bool scan(const char* text, const char* end, std::span<const std::uint64_t> shape, std::span<std::uint8_t> out);

/**
 * Writes `[v,v,…]` with the texts of protocols/oip-rest/write-numbers.ts, character for character:
 * the fewest digits that read back, laid out as ECMAScript's Number::toString does (1e-7, not 1e-07).
 * FP32 is meant to be read as FP64 and cast, as JSON.parse does.
 * @return characters written; -1 where `out` is too small or a value is not finite
 */
std::ptrdiff_t write(std::span<const float> values, std::span<char> out);
std::ptrdiff_t write(std::span<const double> values, std::span<char> out);

}  // namespace sluice::json

/** Adds `scanNumbers` and `writeNumbers` (native/addon.ts) to the object. */
void register_json_numbers(napi_env env, napi_value exports);
