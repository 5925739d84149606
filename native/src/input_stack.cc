#include "input_stack.h"

#include <cstring>

#include "element_type.h"

namespace sluice {
namespace {

constexpr size_t kAlignment = 64;             // a cache line, and the widest vector register
constexpr size_t kKeptScratchBytes = 16 << 20;  // more than this is not kept for the next run
char empty_tensor[1];                         // the runtime wants an address even for no elements

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

Failure make_strings(const PackedStrings& strings, const Shape& shape, OrtValue** out) {
  const OrtFunctions& api = ort();
  if (Failure failure = Failure::of(api.CreateTensorAsOrtValue(
          default_allocator(), shape.data(), shape.size(), kString, out))) {
    return failure;
  }
  for (size_t index = 0; index < strings.size(); index += 1) {
    const std::string_view text = strings.at(index);
    char* room = nullptr;
    // FillStringTensor takes C strings, which end at the first NUL.
    if (Failure failure = Failure::of(
            api.GetResizedStringTensorElementBuffer(*out, index, text.size(), &room))) {
      return failure;
    }
    std::memcpy(room, text.data(), text.size());
  }
  return Failure();
}

}  // namespace

void InputStack::clear(size_t inputs) {
  inputs_.resize(inputs);
  forget();
}

void InputStack::forget() {
  values_.clear();
  raw_values_.clear();
  for (Input& input : inputs_) {
    input.pieces.clear();
    input.strings.clear();
  }
  if (scratch_bytes_ > kKeptScratchBytes) {
    scratch_.reset();
    scratch_bytes_ = 0;
  }
}

Failure InputStack::reserve(size_t bytes) {
  if (bytes <= scratch_bytes_) return Failure();
  scratch_.reset();
  scratch_bytes_ = 0;
  scratch_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, bytes)));
  if (scratch_ == nullptr) return Failure("no memory to stack " + std::to_string(bytes) + " bytes");
  scratch_bytes_ = bytes;
  return Failure();
}

Piece InputStack::gather(const Input& input, size_t* used) {
  if (input.pieces.size() == 1) return input.pieces[0];
  std::byte* const start = scratch_.get() + *used;
  size_t bytes = 0;
  for (const Piece& piece : input.pieces) {
    if (piece.bytes > 0) std::memcpy(start + bytes, piece.data, piece.bytes);
    bytes += piece.bytes;
  }
  *used += aligned(bytes);
  return {start, bytes};
}

Failure InputStack::make_values(const std::vector<TensorFacts>& facts,
                                const std::vector<Shape>& shapes) {
  size_t scratch_bytes = 0;
  is_gathered_ = true;
  for (const Input& input : inputs_) {
    if (input.pieces.size() == 1) is_gathered_ = false;
    if (input.pieces.size() < 2) continue;
    size_t bytes = 0;
    for (const Piece& piece : input.pieces) bytes += piece.bytes;
    scratch_bytes += aligned(bytes);
  }
  if (Failure failure = reserve(scratch_bytes)) return failure;
  size_t used = 0;
  for (size_t index = 0; index < inputs_.size(); index += 1) {
    const Shape& shape = shapes[index];
    OrtValue* value = nullptr;
    Failure failure;
    if (facts[index].element_type == kString) {
      failure = make_strings(inputs_[index].strings, shape, &value);
    } else {
      const Piece whole = gather(inputs_[index], &used);
      void* const data = whole.bytes == 0 ? empty_tensor : const_cast<void*>(whole.data);
      failure = Failure::of(ort().CreateTensorWithDataAsOrtValue(
          cpu_memory(), data, whole.bytes, shape.data(), shape.size(), facts[index].element_type,
          &value));
    }
    values_.emplace_back(value);
    raw_values_.push_back(value);
    if (failure) return failure;
  }
  return Failure();
}

}  // namespace sluice
