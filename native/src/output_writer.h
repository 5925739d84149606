// Outputs as JavaScript sees them. Belongs to one line, on its thread.
#pragma once

#include <node_api.h>

#include <vector>

#include "run_outputs.h"

namespace sluice {

// Rows of an output; all of it unless `is_slice`.
struct RowRange {
  bool is_slice = false;
  int64_t first = 0;
  int64_t count = 0;
};

class OutputWriter {
 public:
  // The array of NativeOutput. Small data is copied into a slab, large data is handed over with its
  // memory. Throws as the functions of napi_call.h do.
  napi_value write(napi_env env, const std::vector<RunOutput>& outputs, RowRange rows);
  // Gives up what it holds. REQUIRES: the environment still lives.
  void release(napi_env env);

 private:
  struct KnownShape {
    Shape shape;
    napi_ref array = nullptr;
  };

  napi_value write_one(napi_env env, size_t index, const RunOutput& output, RowRange rows);
  napi_value write_data(napi_env env, const RunOutput& output, size_t first, size_t count);
  napi_value write_shape(napi_env env, size_t index, const Shape& shape);
  bool take_from_slab(napi_env env, size_t bytes, napi_value* buffer, size_t* offset,
                      std::byte** memory);

  napi_ref slab_ = nullptr;
  size_t slab_used_ = 0;
  size_t slab_bytes_ = 1 << 10;  // of the next one
  // By position in the answer: most answers have the shapes of the one before.
  std::vector<KnownShape> shapes_;
  Shape scratch_shape_;
};

}  // namespace sluice
