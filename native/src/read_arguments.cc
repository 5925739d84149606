#include "read_arguments.h"

#include <cmath>

#include "element_type.h"
#include "napi_call.h"

namespace sluice {
namespace {

constexpr int64_t kMostSafeInteger = INT64_C(1) << 53;

std::string describe_number(double number) {
  std::string text = std::to_string(number);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

const char* describe_type(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  bool is_array = false;
  check(napi_typeof(env, value, &type));
  check(napi_is_array(env, value, &is_array));
  if (is_array) return "an array";
  switch (type) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_number: return "a number";
    case napi_string: return "a string";
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    case napi_bigint: return "a bigint";
    default: return "an object";
  }
}

const char* describe_array(napi_typedarray_type type) {
  for (int element = 1; element <= 16; element += 1) {
    const ElementFacts* const facts = element_facts(element);
    if (facts != nullptr && facts->bytes > 0 && facts->array == type) return facts->array_name;
  }
  return "another typed array";
}

ArgumentError unexpected(napi_env env, const std::string& expected, napi_value came) {
  return {"expected " + expected + ", this is " + describe_type(env, came)};
}

std::string naming(const TensorFacts& facts) {
  const ElementFacts* const element = element_facts(facts.element_type);
  if (element == nullptr) return "\"" + facts.name + "\" of an element type that is not carried";
  return std::string("\"") + facts.name + "\" (" + element->name + ")";
}

}  // namespace

std::string describe_shape(const Shape& shape) {
  std::string text = "[";
  for (const int64_t size : shape) {
    if (text.size() > 1) text += ",";
    text += std::to_string(size);
  }
  return text + "]";
}

double read_number(napi_env env, napi_value value, const char* what) {
  double number = 0;
  const napi_status status = napi_get_value_double(env, value, &number);
  if (status == napi_number_expected) {
    throw unexpected(env, std::string(what) + " to be a number", value);
  }
  check(status);
  return number;
}

int64_t read_integer(napi_env env, napi_value value, const char* what, int64_t least,
                     int64_t most) {
  const double number = read_number(env, value, what);
  if (number == std::floor(number) && number >= static_cast<double>(least) &&
      number <= static_cast<double>(most)) {
    return static_cast<int64_t>(number);
  }
  throw ArgumentError{"expected " + std::string(what) + " to be a whole number from " +
                      std::to_string(least) + " to " + std::to_string(most) + ", this is " +
                      describe_number(number)};
}

std::string read_string(napi_env env, napi_value value, const char* what) {
  size_t bytes = 0;
  const napi_status status = napi_get_value_string_utf8(env, value, nullptr, 0, &bytes);
  if (status == napi_string_expected) {
    throw unexpected(env, std::string(what) + " to be a string", value);
  }
  check(status);
  std::string text(bytes + 1, '\0');
  check(napi_get_value_string_utf8(env, value, text.data(), text.size(), &bytes));
  text.resize(bytes);
  return text;
}

napi_value read_property(napi_env env, napi_value object, const char* name) {
  napi_valuetype type = napi_undefined;
  check(napi_typeof(env, object, &type));
  if (type != napi_object) throw unexpected(env, "options to be an object", object);
  napi_value value;
  check(napi_get_named_property(env, object, name, &value));
  return value;
}

uint32_t read_array_length(napi_env env, napi_value value, const char* what) {
  uint32_t length = 0;
  const napi_status status = napi_get_array_length(env, value, &length);
  if (status == napi_array_expected) {
    throw unexpected(env, std::string(what) + " to be an array", value);
  }
  check(status);
  return length;
}

void read_shapes(napi_env env, napi_value value, size_t inputs, std::vector<Shape>* shapes) {
  const uint32_t came = read_array_length(env, value, "shapes");
  if (came != inputs) {
    throw ArgumentError{"expected a shape for each of " + std::to_string(inputs) +
                        " inputs, these are " + std::to_string(came)};
  }
  shapes->resize(inputs);
  for (uint32_t index = 0; index < came; index += 1) {
    napi_value array;
    check(napi_get_element(env, value, index, &array));
    const uint32_t rank = read_array_length(env, array, "a shape");
    Shape& shape = (*shapes)[index];
    shape.resize(rank);
    for (uint32_t dimension = 0; dimension < rank; dimension += 1) {
      napi_value size;
      check(napi_get_element(env, array, dimension, &size));
      shape[dimension] = read_integer(env, size, "a dimension", 0, kMostSafeInteger);
    }
  }
}

void read_outputs(napi_env env, napi_value value, const std::vector<TensorFacts>& known,
                  std::vector<uint32_t>* outputs) {
  const uint32_t count = read_array_length(env, value, "outputs");
  if (count == 0) throw ArgumentError{"expected at least one output, these are 0"};
  outputs->resize(count);
  for (uint32_t index = 0; index < count; index += 1) {
    napi_value element;
    check(napi_get_element(env, value, index, &element));
    const int64_t output = read_integer(env, element, "an output's index", 0,
                                        static_cast<int64_t>(known.size()) - 1);
    if (known[static_cast<size_t>(output)].element_type == kNotCarried) {
      throw ArgumentError{"expected an output that is a tensor of a known element type, \"" +
                          known[static_cast<size_t>(output)].name + "\" is not"};
    }
    (*outputs)[index] = static_cast<uint32_t>(output);
  }
}

void read_strings(napi_env env, napi_value value, const TensorFacts& facts,
                  PackedStrings* strings) {
  bool is_array = false;
  check(napi_is_array(env, value, &is_array));
  if (!is_array) throw unexpected(env, "an array of strings for " + naming(facts), value);
  uint32_t count = 0;
  check(napi_get_array_length(env, value, &count));
  std::string text;
  for (uint32_t index = 0; index < count; index += 1) {
    const HandleScope scope(env);
    napi_value element;
    size_t bytes = 0;
    check(napi_get_element(env, value, index, &element));
    const napi_status status = napi_get_value_string_utf8(env, element, nullptr, 0, &bytes);
    if (status == napi_string_expected) {
      throw unexpected(env, "strings for " + naming(facts), element);
    }
    check(status);
    // Node writes a NUL behind the text, for which the packed block has no room.
    text.resize(bytes + 1);
    check(napi_get_value_string_utf8(env, element, text.data(), text.size(), &bytes));
    text.copy(strings->append(bytes), bytes);
  }
}

Piece read_numbers(napi_env env, napi_value value, const TensorFacts& facts) {
  const ElementFacts* const element = element_facts(facts.element_type);
  if (element == nullptr) throw ArgumentError{"cannot take input " + naming(facts)};
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  const napi_status status =
      napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr);
  if (status != napi_ok) {
    throw unexpected(env, std::string(element->array_name) + " for " + naming(facts), value);
  }
  if (type != element->array) {
    throw ArgumentError{std::string("expected ") + element->array_name + " for " + naming(facts) +
                        ", this is " + describe_array(type)};
  }
  return {data, length * element->bytes};
}

void check_count(const TensorFacts& facts, const Shape& shape, size_t came) {
  size_t expected = 0;
  const bool is_countable = element_count(shape, &expected);
  if (is_countable && expected == came) return;
  throw ArgumentError{"expected " + (is_countable ? std::to_string(expected) : "more than all") +
                      " elements for " + naming(facts) + " of shape " + describe_shape(shape) +
                      ", these are " + std::to_string(came)};
}

}  // namespace sluice
