#include "recorder.h"

namespace sluice::load {

void Recorder::open_window(int64_t start_ns) {
  from_ns_ = start_ns + plan_.warmup_ns;
  to_ns_ = from_ns_ + plan_.duration_ns;
  if (plan_.slice_ns == 0) return;
  const int64_t slices = (plan_.duration_ns + plan_.slice_ns - 1) / plan_.slice_ns;
  slices_.resize(static_cast<size_t>(slices < 1 ? 1 : slices));
}

void Recorder::answered(const Sample& sample) {
  if (sample.intended_ns == kBeforeNs) return;
  total_ += 1;
  if (sample.done_ns >= from_ns_ && sample.done_ns < to_ns_) answered_in_window_ += 1;
  if (sample.intended_ns < from_ns_) return;
  const int64_t latency_ns = sample.done_ns - sample.intended_ns;
  latency_.record(latency_ns);
  lateness_.record(sample.sent_ns - sample.intended_ns);
  if (plan_.deadline_ns > 0 && latency_ns <= plan_.deadline_ns) in_time_ += 1;
  Slice* slice = slice_of(sample.intended_ns);
  if (slice != nullptr) slice->latencies_ms.push_back(static_cast<float>(to_ms(latency_ns)));
}

void Recorder::failed(const Sample& sample, FailureKind kind) {
  if (sample.done_ns < first_failure_ns_) {
    first_failure_ns_ = sample.done_ns;
    first_failure_ = kind;
  }
  if (sample.intended_ns < from_ns_) return;
  kinds_[kind].count += 1;
  error_count_ += 1;
  Slice* slice = slice_of(sample.intended_ns);
  if (slice != nullptr) slice->errors += 1;
}

Recorder::Slice* Recorder::slice_of(int64_t intended_ns) {
  if (slices_.empty()) return nullptr;
  const auto at = static_cast<size_t>((intended_ns - from_ns_) / plan_.slice_ns);
  return at < slices_.size() ? &slices_[at] : nullptr;
}

FailureKind Recorder::kind_of(const std::string& code, const std::string& message) {
  const auto [at, is_new] = kind_by_key_.try_emplace(code, kinds_.size());
  if (is_new) kinds_.push_back({code, message});
  return at->second;
}

bool Recorder::kind_of_response(const std::string& key, FailureKind* kind) {
  const auto [at, is_new] = kind_by_key_.try_emplace(key, kinds_.size());
  if (is_new) kinds_.push_back({"", ""});
  *kind = at->second;
  return is_new;
}

void Recorder::write(WireWriter* writer) const {
  latency_.write(writer);
  lateness_.write(writer);
  delay_.write(writer);
  writer->u32(answered_in_window_).u32(in_time_).u32(unsent_).u32(total_);
  writer->u32(first_failure_).u32(static_cast<uint32_t>(kinds_.size()));
  for (const Kind& kind : kinds_) writer->text(kind.code).text(kind.message).u32(kind.count);
  writer->u32(static_cast<uint32_t>(slices_.size()));
  for (const Slice& slice : slices_) {
    writer->u32(slice.errors).u32(static_cast<uint32_t>(slice.latencies_ms.size()));
    for (const float ms : slice.latencies_ms) writer->f32(ms);
  }
}

}  // namespace sluice::load
