#include "output_writer.h"

#include <algorithm>
#include <cstring>

#include "element_type.h"
#include "napi_call.h"

namespace sluice {
namespace {

constexpr size_t kMostSlabBytes = 64 << 10;
constexpr size_t kSlabGrowth = 4;
constexpr size_t kMostFromSlab = 8 << 10;    // so that a large slab serves at least eight
constexpr size_t kMostCopied = 64 << 10;     // above, the memory itself is handed over
constexpr size_t kSlabAlignment = 8;         // of the widest element

// The last one to look at a run's output frees it.
struct Handover {
  std::shared_ptr<OrtValue> value;
  int64_t bytes;
};

void end_handover(napi_env env, void*, void* hint) {
  const std::unique_ptr<Handover> handover(static_cast<Handover*>(hint));
  int64_t now_held = 0;
  napi_adjust_external_memory(env, -handover->bytes, &now_held);
}

napi_value copy_to_buffer(napi_env env, const std::byte* data, size_t bytes) {
  void* memory = nullptr;
  napi_value buffer;
  check(napi_create_arraybuffer(env, bytes, &memory, &buffer));
  if (bytes > 0) std::memcpy(memory, data, bytes);
  return buffer;
}

// The runtime's memory as an ArrayBuffer, without a copy where Node permits that.
napi_value hand_over(napi_env env, const std::shared_ptr<OrtValue>& value, const std::byte* data,
                     size_t bytes) {
  auto handover = std::make_unique<Handover>(Handover{value, static_cast<int64_t>(bytes)});
  napi_value buffer;
  const napi_status status =
      napi_create_external_arraybuffer(env, const_cast<std::byte*>(data), bytes, end_handover,
                                       handover.get(), &buffer);
  if (status == napi_no_external_buffers_allowed) return copy_to_buffer(env, data, bytes);
  check(status);
  handover.release();
  int64_t now_held = 0;
  check(napi_adjust_external_memory(env, static_cast<int64_t>(bytes), &now_held));
  return buffer;
}

napi_value write_strings(napi_env env, const PackedStrings& strings, size_t first, size_t count) {
  napi_value array;
  check(napi_create_array_with_length(env, count, &array));
  for (size_t index = 0; index < count; index += 1) {
    const HandleScope scope(env);
    check(napi_set_element(env, array, static_cast<uint32_t>(index),
                           make_string(env, strings.at(first + index))));
  }
  return array;
}

}  // namespace

napi_value OutputWriter::write(napi_env env, const std::vector<RunOutput>& outputs,
                               RowRange rows) {
  napi_value array;
  check(napi_create_array_with_length(env, outputs.size(), &array));
  if (shapes_.size() < outputs.size()) shapes_.resize(outputs.size());
  for (size_t index = 0; index < outputs.size(); index += 1) {
    check(napi_set_element(env, array, static_cast<uint32_t>(index),
                           write_one(env, index, outputs[index], rows)));
  }
  return array;
}

napi_value OutputWriter::write_one(napi_env env, size_t index, const RunOutput& output,
                                   RowRange rows) {
  size_t first = 0;
  size_t count = 0;
  scratch_shape_ = output.shape;
  if (rows.is_slice) scratch_shape_[0] = rows.count;
  element_count(scratch_shape_, &count);
  if (rows.is_slice && rows.count > 0) {
    first = count / static_cast<size_t>(rows.count) * static_cast<size_t>(rows.first);
  }
  napi_value object;
  check(napi_create_object(env, &object));
  set(env, object, "data", write_data(env, output, first, count));
  set(env, object, "shape", write_shape(env, index, scratch_shape_));
  return object;
}

napi_value OutputWriter::write_data(napi_env env, const RunOutput& output, size_t first,
                                    size_t count) {
  if (output.element_type == kString) return write_strings(env, output.strings, first, count);
  const ElementFacts& element = *element_facts(output.element_type);
  const size_t bytes = count * element.bytes;
  const std::byte* const data = output.data + first * element.bytes;
  napi_value buffer;
  size_t offset = 0;
  std::byte* memory = nullptr;
  if (take_from_slab(env, bytes, &buffer, &offset, &memory)) {
    std::memcpy(memory, data, bytes);
  } else if (bytes <= kMostCopied) {
    buffer = copy_to_buffer(env, data, bytes);
  } else {
    buffer = hand_over(env, output.value, data, bytes);
  }
  napi_value array;
  check(napi_create_typedarray(env, element.array, count, buffer, offset, &array));
  return array;
}

bool OutputWriter::take_from_slab(napi_env env, size_t bytes, napi_value* buffer, size_t* offset,
                                  std::byte** memory) {
  if (bytes == 0 || bytes > kMostFromSlab) return false;
  void* start = nullptr;
  size_t room = 0;
  if (slab_ != nullptr) {
    check(napi_get_reference_value(env, slab_, buffer));
    // 0 when its owner transferred it to another thread.
    check(napi_get_arraybuffer_info(env, *buffer, &start, &room));
  }
  if (slab_used_ + bytes > room) {
    if (slab_ != nullptr) check(napi_delete_reference(env, slab_));
    slab_ = nullptr;
    slab_used_ = 0;
    // A line that answers little wastes little: what is left over waits for the collector.
    check(napi_create_arraybuffer(env, std::max(slab_bytes_, bytes), &start, buffer));
    slab_bytes_ = std::min(slab_bytes_ * kSlabGrowth, kMostSlabBytes);
    check(napi_create_reference(env, *buffer, 1, &slab_));
  }
  *offset = slab_used_;
  *memory = static_cast<std::byte*>(start) + slab_used_;
  slab_used_ += (bytes + kSlabAlignment - 1) / kSlabAlignment * kSlabAlignment;
  return true;
}

napi_value OutputWriter::write_shape(napi_env env, size_t index, const Shape& shape) {
  KnownShape& known = shapes_[index];
  napi_value array;
  if (known.array != nullptr) {
    if (known.shape == shape) {
      check(napi_get_reference_value(env, known.array, &array));
      return array;
    }
    check(napi_delete_reference(env, known.array));
    known.array = nullptr;
  }
  check(napi_create_array_with_length(env, shape.size(), &array));
  for (size_t dimension = 0; dimension < shape.size(); dimension += 1) {
    check(napi_set_element(env, array, static_cast<uint32_t>(dimension),
                           make_number(env, static_cast<double>(shape[dimension]))));
  }
  // Shared by the answers of this shape.
  check(napi_object_freeze(env, array));
  check(napi_create_reference(env, array, 1, &known.array));
  known.shape = shape;
  return array;
}

void OutputWriter::release(napi_env env) {
  if (slab_ != nullptr) napi_delete_reference(env, slab_);
  slab_ = nullptr;
  for (const KnownShape& known : shapes_) {
    if (known.array != nullptr) napi_delete_reference(env, known.array);
  }
  shapes_.clear();
}

}  // namespace sluice
