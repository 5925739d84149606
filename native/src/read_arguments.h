// JavaScript values as what the engine works on. Each throws ArgumentError with what was expected and
// what came. May run JavaScript (getters, proxies) unless said otherwise.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <string>
#include <vector>

#include "input_stack.h"
#include "packed_strings.h"
#include "shape.h"
#include "tensor_facts.h"

namespace sluice {

double read_number(napi_env env, napi_value value, const char* what);
int64_t read_integer(napi_env env, napi_value value, const char* what, int64_t least, int64_t most);
std::string read_string(napi_env env, napi_value value, const char* what);
napi_value read_property(napi_env env, napi_value object, const char* name);
uint32_t read_array_length(napi_env env, napi_value value, const char* what);

// One shape per input, into `shapes`.
void read_shapes(napi_env env, napi_value value, size_t inputs, std::vector<Shape>* shapes);
// Indexes of the session's outputs, at least one.
void read_outputs(napi_env env, napi_value value, const std::vector<TensorFacts>& known,
                  std::vector<uint32_t>* outputs);
// Appends an array of strings.
void read_strings(napi_env env, napi_value value, const TensorFacts& facts, PackedStrings* strings);
// Where a typed array lies. Runs no JavaScript: what it returns holds until some runs.
Piece read_numbers(napi_env env, napi_value value, const TensorFacts& facts);

// Throws unless there are as many elements as the shape says.
void check_count(const TensorFacts& facts, const Shape& shape, size_t came);

std::string describe_shape(const Shape& shape);

}  // namespace sluice
