#include "run_outputs.h"

#include "element_type.h"

namespace sluice {
namespace {

Failure read_type_and_shape(const OrtValue* value, RunOutput* out) {
  const OrtFunctions& api = ort();
  int is_tensor = 0;
  if (Failure failure = Failure::of(api.IsTensor(value, &is_tensor))) return failure;
  if (is_tensor == 0) return Failure("expected a tensor as output, this is a sequence or a map");
  OrtTensorTypeAndShapeInfo* raw = nullptr;
  if (Failure failure = Failure::of(api.GetTensorTypeAndShape(value, &raw))) return failure;
  const OrtOwned<OrtTensorTypeAndShapeInfo> info(raw);
  size_t rank = 0;
  for (OrtStatus* const status : {api.GetTensorElementType(raw, &out->element_type),
                                  api.GetDimensionsCount(raw, &rank)}) {
    if (Failure failure = Failure::of(status)) return failure;
  }
  out->shape.resize(rank);
  return Failure::of(api.GetDimensions(raw, out->shape.data(), rank));
}

Failure read_strings(const OrtValue* value, const Shape& shape, PackedStrings* out) {
  size_t count = 0;
  size_t bytes = 0;
  if (!element_count(shape, &count)) return Failure("an output has more elements than memory");
  if (count == 0) return Failure();
  if (Failure failure = Failure::of(ort().GetStringTensorDataLength(value, &bytes))) return failure;
  std::string content(bytes, '\0');
  std::vector<size_t> starts(count);
  if (Failure failure = Failure::of(ort().GetStringTensorContent(value, content.data(), bytes,
                                                                 starts.data(), count))) {
    return failure;
  }
  out->assign(std::move(content), std::move(starts));
  return Failure();
}

}  // namespace

Failure read_output(OrtOwned<OrtValue> value, RunOutput* out) {
  if (Failure failure = read_type_and_shape(value.get(), out)) return failure;
  if (element_facts(out->element_type) == nullptr) {
    return Failure("expected an output of a known element type, this is type " +
                   std::to_string(out->element_type));
  }
  if (out->element_type == kString) return read_strings(value.get(), out->shape, &out->strings);
  void* data = nullptr;
  if (Failure failure = Failure::of(ort().GetTensorMutableData(value.get(), &data))) return failure;
  out->data = static_cast<const std::byte*>(data);
  out->value = std::move(value);
  return Failure();
}

}  // namespace sluice
