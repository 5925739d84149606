#pragma once

#include <string>

#include "shape.h"

namespace sluice {

struct TensorFacts {
  std::string name;
  int element_type = 0;  // of element_type.h; 0 for what is not carried
  Shape shape;           // -1 for a free dimension
};

}  // namespace sluice
