#include "load_loop.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "json_member.h"

namespace sluice::load {
namespace {

// Thousands of connections at once would be a load of their own.
constexpr uint32_t kOpenAtOnce = 64;
// A server that refuses at once must not make the closed loop spin.
constexpr int64_t kFailurePauseNs = 5 * kNsPerMs;
constexpr int64_t kTickNs = kNsPerMs;
constexpr int64_t kProgressNs = 1000 * kNsPerMs;
constexpr size_t kReadBytes = 256 * 1024;
constexpr size_t kSampleBytes = 64 * 1024;
constexpr size_t kMaxKinds = 256;
constexpr uint64_t kInTag = ~UINT64_C(0);
constexpr uint64_t kOutTag = kInTag - 1;
constexpr int kGood = 200;
constexpr size_t kMaxCodeBytes = 40;

WireWriter describe(const NewAnswer& answer) {
  WireWriter frame('A');
  frame.u32(answer.id).u32(answer.request).f64(static_cast<double>(answer.json_bytes));
  frame.text(answer.body);
  return frame;
}

// Whether a WebSocket frame says that its request failed (protocols/stream/frame-codec.ts).
bool is_error_frame(std::string_view body) {
  return body.find("\"error\"") != std::string_view::npos && find_member(body, "error").starts_with('"');
}

int64_t cpu_ns() { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace

LoadLoop::LoadLoop(const LoadPlan& plan, const Address& address, Channel* channel)
    : plan_(plan),
      channel_(channel),
      recorder_(plan),
      book_(plan, &recorder_, [this](const NewAnswer& answer) { send(describe(answer)); }),
      buffer_(kReadBytes, '\0') {
  for (uint32_t i = 0; i < plan.connections; i += 1) {
    lanes_.push_back(std::make_unique<Lane>(plan_, address, poller_.fd(), i));
  }
  poller_.add(STDIN_FILENO, EPOLLIN, kInTag);
  poller_.add(STDOUT_FILENO, 0, kOutTag);
}

bool LoadLoop::run() {
  if (!poller_.problem().empty()) give_up(kNoFailure, poller_.problem());
  else open_lanes();
  if (phase_ != Phase::kBroken) drive();
  if (phase_ == Phase::kBroken) return false;
  channel_->drain();
  return true;
}

void LoadLoop::open_lanes() {
  for (uint32_t i = 0; i < kOpenAtOnce; i += 1) open_next();
  while (phase_ == Phase::kOpening && (opened_ < plan_.connections || book_.is_waiting())) turn();
  if (phase_ == Phase::kBroken) return;
  phase_ = Phase::kWaiting;
  send(WireWriter('R'));
  while (phase_ == Phase::kWaiting) turn();
}

void LoadLoop::drive() {
  const int64_t cpu_before = cpu_ns();
  const int64_t idle_before = poller_.idle_ns();
  start_ns_ = now_ns();
  end_ns_ = start_ns_ + plan_.warmup_ns + plan_.duration_ns;
  next_tick_ns_ = start_ns_ + kTickNs;
  next_progress_ns_ = start_ns_ + kProgressNs;
  recorder_.open_window(start_ns_);
  for (const auto& lane : lanes_) release(*lane);
  while (phase_ == Phase::kRunning && !is_over(now_ns())) turn();
  const auto wall = static_cast<double>(now_ns() - start_ns_);
  const auto idle = static_cast<double>(poller_.idle_ns() - idle_before);
  const auto cpu = static_cast<double>(cpu_ns() - cpu_before);
  await_verdicts();
  if (phase_ == Phase::kBroken) return;
  WireWriter frame('D');
  recorder_.write(&frame);
  frame.f64(wall > 0 ? 1 - idle / wall : 0).f64(cpu / static_cast<double>(kNsPerUs));
  send(frame);
}

void LoadLoop::await_verdicts() {
  if (phase_ == Phase::kBroken) return;
  phase_ = Phase::kJudging;
  next_tick_ns_ = kNeverNs;
  while (phase_ == Phase::kJudging && book_.is_waiting()) turn();
}

void LoadLoop::turn() {
  const int64_t now = now_ns();
  tick(now);
  expire(now);
  wake_paused(now);
  dispatch(now);
  const int64_t start = next_start();
  const int64_t due = std::min(next_due(now), start);
  const bool is_exact = due == start && start != kNeverNs;
  for (const Event& event : poller_.wait(due, is_exact)) handle(event);
}

int64_t LoadLoop::next_due(int64_t now) const {
  int64_t due = next_tick_ns_;
  if (oldest_ != nullptr) due = std::min(due, oldest_->sample.sent_ns + plan_.timeout_ns);
  if (!paused_.empty()) due = std::min(due, paused_.front().until_ns);
  // Nothing more may be due when the last answers are in.
  return phase_ == Phase::kRunning && is_over(now) ? now : due;
}

// When a lane that is free should send.
int64_t LoadLoop::next_start() const {
  if (phase_ != Phase::kRunning || !has_schedule() || free_.empty()) return kNeverNs;
  const int64_t intended = intended_ns(sequence_);
  return intended < end_ns_ ? intended : kNeverNs;
}

void LoadLoop::expire(int64_t now) {
  while (oldest_ != nullptr && oldest_->sample.sent_ns + plan_.timeout_ns <= now) {
    Lane& lane = *oldest_;
    lane.close();
    const auto ms = static_cast<int64_t>(std::llround(to_ms(plan_.timeout_ns)));
    const std::string why = plan_.origin + " did not answer within " + std::to_string(ms) + " ms";
    fail(lane, "deadline-exceeded", why);
  }
}

void LoadLoop::wake_paused(int64_t now) {
  while (!paused_.empty() && paused_.front().until_ns <= now) {
    Lane& lane = *paused_.front().lane;
    paused_.pop_front();
    release(lane);
  }
}

int64_t LoadLoop::intended_ns(uint64_t sequence) const {
  return start_ns_ + std::llround(static_cast<double>(sequence) * 1e9 / plan_.rate_per_sec);
}

void LoadLoop::dispatch(int64_t now) {
  if (phase_ != Phase::kRunning || !has_schedule()) return;
  while (!free_.empty()) {
    const int64_t intended = intended_ns(sequence_);
    if (intended >= end_ns_ || intended > now) return;
    if (now > end_ns_ + plan_.grace_ns) {
      sequence_ += 1;
      recorder_.unsent(intended);
      continue;
    }
    Lane& lane = *free_.front();
    free_.pop_front();
    const int64_t possible = std::max(intended, lane.free_ns);
    start_next(lane, intended);
    recorder_.delayed(lane.sample.sent_ns - possible);
  }
}

bool LoadLoop::is_over(int64_t now) const {
  if (oldest_ != nullptr) return false;
  return has_schedule() ? intended_ns(sequence_) >= end_ns_ : now >= end_ns_;
}

void LoadLoop::release(Lane& lane) {
  lane.free_ns = now_ns();
  if (has_schedule()) free_.push_back(&lane);
  else if (lane.free_ns < end_ns_) start_next(lane, lane.free_ns);
}

void LoadLoop::start_next(Lane& lane, int64_t intended) {
  const auto request = static_cast<uint32_t>(sequence_ % plan_.requests.size());
  sequence_ += 1;
  start(lane, request, plan_.requests[request], intended);
}

void LoadLoop::start(Lane& lane, uint32_t request, std::string_view bytes, int64_t intended) {
  lane.request = request;
  lane.sample = {intended, now_ns(), 0};
  link(lane);
  settle(lane, lane.send(bytes));
}

void LoadLoop::open_next() {
  if (begun_ == plan_.connections) return;
  Lane& lane = *lanes_[begun_];
  begun_ += 1;
  start(lane, 0, plan_.probe.empty() ? plan_.requests[0] : plan_.probe, kBeforeNs);
}

void LoadLoop::handle(const Event& event) {
  if (event.data.u64 == kInTag) return read_channel();
  if (event.data.u64 == kOutTag) return flush();
  Lane& lane = *lanes_[event.data.u64 & 0xffffffff];
  // A connection that was closed in this turn may still have its event.
  if (lane.tag() == event.data.u64) settle(lane, lane.handle(event.events, &buffer_));
}

void LoadLoop::settle(Lane& lane, LaneState state) {
  if (state == LaneState::kBusy || !lane.is_busy) return;
  if (phase_ != Phase::kRunning) return opened(lane, state);
  if (state == LaneState::kFailed) return fail(lane, "unavailable", lane.problem());
  lane.sample.done_ns = now_ns();
  const FailureKind kind = take_response(lane);
  if (kind != kNoFailure) recorder_.failed(lane.sample, kind);
  unlink(lane);
  lane.settle();
  if (kind == kNoFailure) release(lane);
  else pause(lane);
}

void LoadLoop::fail(Lane& lane, const char* code, const std::string& why) {
  unlink(lane);
  lane.is_busy = false;
  if (phase_ == Phase::kRunning) {
    lane.sample.done_ns = now_ns();
    recorder_.failed(lane.sample, recorder_.kind_of(code, why));
    pause(lane);
  } else if (plan_.probe.empty()) {
    give_up(kNoFailure, std::string(code) + ": " + why);
  } else {
    // What is broken here fails in the load too.
    opened_ += 1;
    open_next();
  }
}

void LoadLoop::pause(Lane& lane) { paused_.push_back({now_ns() + kFailurePauseNs, &lane}); }

void LoadLoop::opened(Lane& lane, LaneState state) {
  if (state == LaneState::kFailed) return fail(lane, "unavailable", lane.problem());
  if (plan_.probe.empty()) {
    const FailureKind kind = take_response(lane);
    if (kind != kNoFailure) return give_up(kind, "");
  }
  unlink(lane);
  lane.settle();
  opened_ += 1;
  open_next();
}

FailureKind LoadLoop::take_response(const Lane& lane) {
  const Response& response = lane.response();
  if (response.status != kGood) return kind_of(response);
  const auto& [status, json_bytes, body] = response;
  if (book_.take_known(lane.request, body, json_bytes, lane.sample)) return kNoFailure;
  const bool is_frame = plan_.protocol == Protocol::kWebSocket;
  if (is_frame && is_error_frame(body)) return kind_of({0, -1, body});
  book_.take_new(lane.request, body, json_bytes, lane.sample);
  return kNoFailure;
}

// Failed responses are told apart by status and code; what each means the reader of the report says.
FailureKind LoadLoop::kind_of(const Response& response) {
  std::string key = std::to_string(response.status);
  const std::string_view code = find_string_member(response.body, "code");
  const bool is_told = code.size() <= kMaxCodeBytes && recorder_.kind_count() < kMaxKinds;
  if (is_told) key.append(" ").append(code);
  FailureKind kind = kNoFailure;
  if (recorder_.kind_of_response(key, &kind)) {
    WireWriter frame('E');
    frame.u32(kind).u32(static_cast<uint32_t>(response.status));
    send(frame.text(response.body.substr(0, kSampleBytes)));
  }
  return kind;
}

void LoadLoop::tick(int64_t now) {
  if (now < next_tick_ns_) return;
  // In the open loop every start says how late it was.
  if (!has_schedule()) recorder_.delayed(now - next_tick_ns_);
  next_tick_ns_ = now + kTickNs;
  if (now < next_progress_ns_) return;
  next_progress_ns_ += kProgressNs;
  WireWriter frame('T');
  send(frame.u32(recorder_.total()).u32(recorder_.error_count()));
}

void LoadLoop::read_channel() {
  if (!channel_->read_available()) phase_ = Phase::kBroken;
  std::string_view frame;
  while (phase_ != Phase::kBroken && channel_->next_frame(&frame)) take_frame(frame);
}

void LoadLoop::take_frame(std::string_view frame) {
  if (frame.empty()) return;
  if (frame[0] == 'G' && phase_ == Phase::kWaiting) phase_ = Phase::kRunning;
  if (frame[0] == 'V') take_verdict(frame.substr(1));
}

void LoadLoop::take_verdict(std::string_view fields) {
  WireReader reader(fields);
  const uint32_t id = reader.u32();
  const bool is_right = reader.u8() == 1;
  const std::string code(reader.text());
  const std::string message(reader.text());
  const bool is_opening = phase_ == Phase::kOpening;
  // A connection that cannot even answer one request; values are for the load to judge.
  if (!is_right && is_opening && code != "wrong-answer") give_up(kNoFailure, code + ": " + message);
  book_.judge(id, is_right ? kNoFailure : recorder_.kind_of(code, message));
}

void LoadLoop::give_up(FailureKind kind, const std::string& message) {
  if (phase_ == Phase::kBroken) return;
  WireWriter frame('F');
  send(frame.u32(kind).text(message));
  channel_->drain();
  phase_ = Phase::kBroken;
}

void LoadLoop::send(const WireWriter& frame) {
  if (!channel_->send(frame)) phase_ = Phase::kBroken;
  if (channel_->has_unsent()) poller_.change(STDOUT_FILENO, EPOLLOUT, kOutTag);
}

void LoadLoop::flush() {
  if (!channel_->flush()) phase_ = Phase::kBroken;
  if (!channel_->has_unsent()) poller_.change(STDOUT_FILENO, 0, kOutTag);
}

void LoadLoop::link(Lane& lane) {
  lane.before = newest_;
  lane.after = nullptr;
  if (newest_ == nullptr) oldest_ = &lane;
  else newest_->after = &lane;
  newest_ = &lane;
}

void LoadLoop::unlink(Lane& lane) {
  if (lane.before == nullptr) oldest_ = lane.after;
  else lane.before->after = lane.after;
  if (lane.after == nullptr) newest_ = lane.before;
  else lane.after->before = lane.before;
}

}  // namespace sluice::load
