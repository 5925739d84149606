// The inputs of one run: read where they lie when they come in one piece, else gathered once into
// memory that is kept for the next run. Belongs to one thread.
#pragma once

#include <cstdlib>
#include <memory>
#include <vector>

#include "ort_runtime.h"
#include "packed_strings.h"
#include "shape.h"
#include "tensor_facts.h"

namespace sluice {

struct Piece {
  const void* data;
  size_t bytes;
};

class InputStack {
 public:
  // Begins anew, for so many inputs.
  void clear(size_t inputs);
  // Once the run has ended: a thread that waits for the next one keeps no large memory.
  void forget();
  // The memory must stay until the run has ended, or until `make_values` where the input has more
  // than one piece.
  void add(size_t input, Piece piece) { inputs_[input].pieces.push_back(piece); }
  PackedStrings& strings(size_t input) { return inputs_[input].strings; }
  // Makes the runtime's values. REQUIRES: bytes and strings of each input fit its shape.
  Failure make_values(const std::vector<TensorFacts>& facts, const std::vector<Shape>& shapes);
  bool is_gathered() const { return is_gathered_; }
  const OrtValue* const* values() const { return raw_values_.data(); }

 private:
  struct Input {
    std::vector<Piece> pieces;
    PackedStrings strings;
  };
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };

  Piece gather(const Input& input, size_t* used);
  Failure reserve(size_t bytes);

  std::vector<Input> inputs_;
  std::vector<OrtOwned<OrtValue>> values_;
  std::vector<const OrtValue*> raw_values_;
  std::unique_ptr<std::byte, Free> scratch_;
  size_t scratch_bytes_ = 0;
  bool is_gathered_ = false;
};

}  // namespace sluice
