#include "read_job.h"

#include <cmath>
#include <cstring>

#include "element_type.h"
#include "napi_call.h"
#include "read_arguments.h"

namespace sluice {
namespace {

constexpr size_t kMostCopied = 4 << 10;  // bytes of one input; above, it is pinned
constexpr size_t kUnit = sizeof(std::max_align_t);

size_t units(size_t bytes) { return (bytes + kUnit - 1) / kUnit; }

void copy_small_inputs(Job& job) {
  size_t total = 0;
  for (const JobInput& input : job.inputs) {
    if (input.piece.bytes <= kMostCopied) total += units(input.piece.bytes);
  }
  if (total == 0) return;
  job.copies = std::make_unique_for_overwrite<std::max_align_t[]>(total);
  std::max_align_t* next = job.copies.get();
  for (JobInput& input : job.inputs) {
    const size_t bytes = input.piece.bytes;
    if (bytes == 0 || bytes > kMostCopied) continue;
    std::memcpy(next, input.piece.data, bytes);
    input.piece.data = next;
    next += units(bytes);
  }
}

// Stackable: every input has a dimension 0, the same for all.
void describe_stacking(Job& job) {
  job.is_stackable = !job.shapes.empty();
  for (const Shape& shape : job.shapes) {
    job.key.push_back(static_cast<int64_t>(shape.size()));
    for (size_t index = 1; index < shape.size(); index += 1) job.key.push_back(shape[index]);
    const bool fits = !shape.empty() && shape[0] > 0 && !job.shapes[0].empty() &&
                      shape[0] == job.shapes[0][0];
    job.is_stackable = job.is_stackable && fits;
  }
  if (!job.is_stackable) {
    // Its cost is learned too, and what dimension 0 stands for is not known.
    for (const Shape& shape : job.shapes) job.key.push_back(shape.empty() ? -1 : shape[0]);
    job.key.push_back(-1);
  }
  for (const uint32_t output : job.outputs) job.key.push_back(output);
  job.rows = job.is_stackable ? job.shapes[0][0] : 1;
}

}  // namespace

int64_t deadline_after(int64_t arrival_us, double timeout_ms) {
  if (std::isnan(timeout_ms)) throw ArgumentError{"expected timeoutMs to be a number, this is NaN"};
  const double timeout_us = timeout_ms * 1000;
  // A century is for ever.
  if (timeout_us > 3e15) return kNeverUs;
  return arrival_us + static_cast<int64_t>(std::max(timeout_us, 0.0));
}

std::unique_ptr<Job> read_job(napi_env env, const Session& session, napi_value id,
                              napi_value inputs, napi_value shapes, napi_value outputs,
                              napi_value timeout_ms, napi_value priority) {
  auto job = std::make_unique<Job>();
  const std::vector<TensorFacts>& known = session.inputs();
  job->id = read_number(env, id, "jobId");
  job->arrival_us = now_us();
  job->deadline_us = deadline_after(job->arrival_us, read_number(env, timeout_ms, "timeoutMs"));
  job->priority = read_integer(env, priority, "priority", 1, kLeastPriority);
  read_shapes(env, shapes, known.size(), &job->shapes);
  read_outputs(env, outputs, session.outputs(), &job->outputs);
  const uint32_t count = read_array_length(env, inputs, "inputs");
  if (count != known.size()) {
    throw ArgumentError{"expected " + std::to_string(known.size()) + " inputs, these are " +
                        std::to_string(count)};
  }
  job->inputs.resize(count);
  std::vector<napi_value> elements(count);
  for (uint32_t index = 0; index < count; index += 1) {
    check(napi_get_element(env, inputs, index, &elements[index]));
    if (known[index].element_type != kString) continue;
    PackedStrings& strings = job->inputs[index].strings;
    read_strings(env, elements[index], known[index], &strings);
    check_count(known[index], job->shapes[index], strings.size());
  }
  // No JavaScript runs from here on, so what is found stays where it is.
  for (uint32_t index = 0; index < count; index += 1) {
    if (known[index].element_type == kString) continue;
    const Piece piece = read_numbers(env, elements[index], known[index]);
    check_count(known[index], job->shapes[index],
                piece.bytes / element_facts(known[index].element_type)->bytes);
    job->inputs[index].piece = piece;
  }
  copy_small_inputs(*job);
  for (uint32_t index = 0; index < count; index += 1) {
    if (job->inputs[index].piece.bytes <= kMostCopied) continue;
    napi_ref pin = nullptr;
    check(napi_create_reference(env, elements[index], 1, &pin));
    job->pins.push_back(pin);
  }
  describe_stacking(*job);
  return job;
}

void unpin(napi_env env, Job& job) {
  for (const napi_ref pin : job.pins) napi_delete_reference(env, pin);
  job.pins.clear();
}

}  // namespace sluice
