#include "load_plan.h"

#include "clock.h"
#include "wire.h"

namespace sluice::load {
namespace {

// About 11 days: beyond it sums of nanoseconds are not safe from a wild plan.
constexpr double kMaxMs = 1e9;
constexpr double kMaxAnswerBytes = 1e12;

int64_t read_ns(WireReader* reader, bool* is_sane) {
  const double ms = reader->f64();
  if (!(ms >= 0 && ms <= kMaxMs)) {
    *is_sane = false;
    return 0;
  }
  return static_cast<int64_t>(ms * static_cast<double>(kNsPerMs));
}

}  // namespace

std::string read_plan(std::string_view frame, LoadPlan* plan) {
  WireReader reader(frame);
  bool is_sane = true;
  const uint8_t protocol = reader.u8();
  plan->protocol = static_cast<Protocol>(protocol);
  plan->origin = reader.text();
  plan->host = reader.text();
  plan->port = reader.text();
  plan->connections = reader.u32();
  plan->rate_per_sec = reader.f64();
  for (int64_t* field : {&plan->warmup_ns, &plan->duration_ns, &plan->grace_ns, &plan->timeout_ns,
                         &plan->slice_ns, &plan->deadline_ns}) {
    *field = read_ns(&reader, &is_sane);
  }
  const double answer_bytes = reader.f64();
  plan->probe = reader.text();
  plan->upgrade = reader.text();
  plan->accept = reader.text();
  const uint32_t count = reader.u32();
  for (uint32_t i = 0; i < count && reader.is_whole(); i += 1) {
    plan->requests.emplace_back(reader.text());
  }
  if (!reader.is_whole()) return "the plan is cut short";
  if (protocol > 1) return "expected protocol 0 or 1, got " + std::to_string(protocol);
  if (!is_sane) return "expected times from 0 to 1e9 ms";
  if (!(plan->rate_per_sec >= 0 && plan->rate_per_sec <= 1e9)) return "expected a rate from 0 to 1e9";
  if (!(answer_bytes >= 0 && answer_bytes <= kMaxAnswerBytes)) {
    return "expected answer bytes from 0 to 1e12";
  }
  plan->answer_bytes = static_cast<size_t>(answer_bytes);
  if (plan->connections == 0) return "expected at least one connection";
  if (plan->requests.empty()) return "expected at least one request";
  return "";
}

}  // namespace sluice::load
