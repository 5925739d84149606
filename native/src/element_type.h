// ONNX's element types (TensorProto.DataType), their sizes and the typed arrays that carry them.
#pragma once

#include <node_api.h>

#include <cstddef>

namespace sluice {

inline constexpr int kNotCarried = 0;
inline constexpr int kString = 8;

struct ElementFacts {
  const char* name;
  size_t bytes;  // of one element; 0 for strings and for what is not carried
  napi_typedarray_type array;
  const char* array_name;
};

// @param element_type any number; null for what is not carried, which includes no tensor at all
inline const ElementFacts* element_facts(int element_type) {
  static constexpr ElementFacts kFacts[] = {
      {nullptr, 0, napi_uint8_array, nullptr},
      {"FP32", 4, napi_float32_array, "Float32Array"},
      {"UINT8", 1, napi_uint8_array, "Uint8Array"},
      {"INT8", 1, napi_int8_array, "Int8Array"},
      {"UINT16", 2, napi_uint16_array, "Uint16Array"},
      {"INT16", 2, napi_int16_array, "Int16Array"},
      {"INT32", 4, napi_int32_array, "Int32Array"},
      {"INT64", 8, napi_bigint64_array, "BigInt64Array"},
      {"BYTES", 0, napi_uint8_array, "array of strings"},
      {"BOOL", 1, napi_uint8_array, "Uint8Array"},
      {"FP16", 2, napi_uint16_array, "Uint16Array"},
      {"FP64", 8, napi_float64_array, "Float64Array"},
      {"UINT32", 4, napi_uint32_array, "Uint32Array"},
      {"UINT64", 8, napi_biguint64_array, "BigUint64Array"},
      {nullptr, 0, napi_uint8_array, nullptr},
      {nullptr, 0, napi_uint8_array, nullptr},
      {"BF16", 2, napi_uint16_array, "Uint16Array"},
  };
  constexpr int count = sizeof(kFacts) / sizeof(kFacts[0]);
  if (element_type < 0 || element_type >= count) return nullptr;
  const ElementFacts& facts = kFacts[element_type];
  return facts.name == nullptr ? nullptr : &facts;
}

}  // namespace sluice
