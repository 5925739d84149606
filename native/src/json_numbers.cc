#include "json_numbers.h"

#include <array>
#include <cmath>

namespace {

/** Tensors have at most 16 dimensions (maxDims of protocols/core/limits.ts); no more are read. */
constexpr std::size_t kMaxDims = 32;
constexpr double kMaxSafeInteger = 9007199254740991.0;

/** The memory of a typed array, valid while its handle scope is open and nothing detaches it. */
struct TypedArray {
  napi_typedarray_type type;
  std::size_t length;
  void* data;

  template <class T>
  std::span<T> as() const {
    return {static_cast<T*>(data), length};
  }
};

bool read_array(napi_env env, napi_value value, TypedArray& array) {
  return napi_get_typedarray_info(env, value, &array.type, &array.length, &array.data, nullptr, nullptr) == napi_ok;
}

bool read_whole(napi_env env, napi_value value, std::uint64_t& whole) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) return false;
  if (!(number >= 0 && number <= kMaxSafeInteger) || number != std::trunc(number)) return false;
  whole = static_cast<std::uint64_t>(number);
  return true;
}

struct Shape {
  std::array<std::uint64_t, kMaxDims> dims;
  std::uint32_t rank;
};

bool read_shape(napi_env env, napi_value value, Shape& shape) {
  if (napi_get_array_length(env, value, &shape.rank) != napi_ok || shape.rank > kMaxDims) return false;
  for (std::uint32_t i = 0; i < shape.rank; i++) {
    napi_value dim;
    if (napi_get_element(env, value, i, &dim) != napi_ok || !read_whole(env, dim, shape.dims[i])) return false;
  }
  return true;
}

napi_value refuse_arguments(napi_env env, const char* message) {
  // Not past an exception that is on its way (a proxy among the arguments).
  bool is_pending = false;
  napi_is_exception_pending(env, &is_pending);
  if (!is_pending) napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

bool scan_into(const char* text, const char* end, std::span<const std::uint64_t> shape, const TypedArray& out) {
  using sluice::json::scan;
  switch (out.type) {
    case napi_float32_array: return scan(text, end, shape, out.as<float>());
    case napi_float64_array: return scan(text, end, shape, out.as<double>());
    case napi_int32_array: return scan(text, end, shape, out.as<std::int32_t>());
    case napi_bigint64_array: return scan(text, end, shape, out.as<std::int64_t>());
    case napi_uint8_array: return scan(text, end, shape, out.as<std::uint8_t>());
    default: return false;
  }
}

/** The arguments of scanNumbers. */
struct ScanCall {
  napi_value args[5];
  TypedArray bytes;
  TypedArray out;
  std::uint64_t start;
  std::uint64_t end;
  Shape shape;

  bool read(napi_env env, napi_callback_info info) {
    std::size_t count = 5;
    if (napi_get_cb_info(env, info, &count, args, nullptr, nullptr) != napi_ok) return false;
    if (!read_whole(env, args[1], start) || !read_whole(env, args[2], end) || !read_memory(env)) return false;
    if (is_plainly_flat()) {
      // Its shape adds nothing to the length of `out`, and to read it is half the cost of a small call.
      shape.dims[0] = out.length;
      shape.rank = 1;
      return true;
    }
    // Reading a shape may run script, which may detach memory: what was learned of it is learned again.
    return read_shape(env, args[3], shape) && read_memory(env);
  }

 private:
  bool read_memory(napi_env env) {
    return read_array(env, args[0], bytes) && read_array(env, args[4], out) && bytes.type == napi_uint8_array &&
           start <= end && end <= bytes.length;
  }

  bool is_plainly_flat() const {
    const char* const text = static_cast<const char*>(bytes.data) + start;
    return end - start >= 2 && text[0] == '[' && (text[1] == '-' || (text[1] >= '0' && text[1] <= '9'));
  }
};

napi_value scan_numbers(napi_env env, napi_callback_info info) {
  ScanCall call;
  if (!call.read(env, info)) {
    return refuse_arguments(env, "scanNumbers: expected bytes, a range inside them, a shape and a typed array");
  }
  const char* const text = static_cast<const char*>(call.bytes.data);
  const std::span<const std::uint64_t> dims(call.shape.dims.data(), call.shape.rank);
  napi_value result;
  napi_get_boolean(env, scan_into(text + call.start, text + call.end, dims, call.out), &result);
  return result;
}

napi_value write_numbers(napi_env env, napi_callback_info info) {
  constexpr const char* kExpected = "writeNumbers: expected a Float32Array or Float64Array and a Uint8Array";
  std::size_t count = 2;
  napi_value args[2];
  TypedArray values;
  TypedArray out;
  const bool is_read = napi_get_cb_info(env, info, &count, args, nullptr, nullptr) == napi_ok &&
                       read_array(env, args[0], values) && read_array(env, args[1], out);
  const bool is_double = is_read && values.type == napi_float64_array;
  if (!is_read || out.type != napi_uint8_array || !(is_double || values.type == napi_float32_array)) {
    return refuse_arguments(env, kExpected);
  }
  const std::span<char> text = out.as<char>();
  const std::ptrdiff_t written = is_double ? sluice::json::write(values.as<const double>(), text)
                                           : sluice::json::write(values.as<const float>(), text);
  napi_value result;
  napi_create_int64(env, written, &result);
  return result;
}

void add_function(napi_env env, napi_value exports, const char* name, napi_callback call) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, call, nullptr, &function) == napi_ok) {
    napi_set_named_property(env, exports, name, function);
  }
}

}  // namespace

void register_json_numbers(napi_env env, napi_value exports) {
  add_function(env, exports, "scanNumbers", scan_numbers);
  add_function(env, exports, "writeNumbers", write_numbers);
}
