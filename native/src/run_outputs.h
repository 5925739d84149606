// What one run gave, in memory that the runtime allocated.
#pragma once

#include <memory>
#include <vector>

#include "ort_runtime.h"
#include "packed_strings.h"
#include "shape.h"

namespace sluice {

struct RunOutput {
  // Null for strings, which are copied out. Keeps the session's allocator, and so works after the
  // session was freed.
  std::shared_ptr<OrtValue> value;
  int element_type = 0;
  Shape shape;
  const std::byte* data = nullptr;
  PackedStrings strings;
};

// Takes over a run's value. A value that is no tensor of a carried type is a failure.
Failure read_output(OrtOwned<OrtValue> value, RunOutput* out);

}  // namespace sluice
