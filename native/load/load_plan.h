// What is sent, how fast and for how long.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::load {

enum class Protocol : uint8_t { kHttp = 0, kWebSocket = 1 };

struct LoadPlan {
  Protocol protocol = Protocol::kHttp;
  // The server as messages name it.
  std::string origin;
  std::string host;
  std::string port;
  uint32_t connections = 0;
  // 0: closed loop.
  double rate_per_sec = 0;
  int64_t warmup_ns = 0;
  int64_t duration_ns = 0;
  // Open loop: how long after the end late requests are still sent.
  int64_t grace_ns = 0;
  // Longest wait for one answer.
  int64_t timeout_ns = 0;
  // 0: no timeline.
  int64_t slice_ns = 0;
  // A right answer within it is in time; 0: no deadline.
  int64_t deadline_ns = 0;
  // Of answers that are kept to compare others with; beyond it their fingerprints are.
  size_t answer_bytes = 0;
  // What opens a connection before the load; its answer may be anything. Empty: request 0, whose
  // answer must be good.
  std::string probe;
  // WebSocket: the opening request, and the Sec-WebSocket-Accept that answers it.
  std::string upgrade;
  std::string accept;
  // Whole requests as they go out, heads or masked frames included; never empty.
  std::vector<std::string> requests;
};

// @returns what is wrong with the frame; empty when `plan` is filled in
std::string read_plan(std::string_view frame, LoadPlan* plan);

}  // namespace sluice::load
