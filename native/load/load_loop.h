// Drives every connection until the time is over and all that was sent is answered, as
// bench/load-loop.ts does: in the open loop a lane that is free takes the next intended start; when
// none is free it waits its turn and its latency grows, as a user's would.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "answer_book.h"
#include "channel.h"
#include "lane.h"
#include "load_plan.h"
#include "poller.h"
#include "recorder.h"

namespace sluice::load {

class LoadLoop {
 public:
  LoadLoop(const LoadPlan& plan, const Address& address, Channel* channel);

  // Opens the connections, says that it is ready, waits to be told, runs the load and reports.
  // @returns false when that came to nothing; the reason has been sent, unless nobody listens
  bool run();

 private:
  enum class Phase { kOpening, kWaiting, kRunning, kJudging, kBroken };

  void open_lanes();
  void drive();
  // Waits for the verdicts that are still to come.
  void await_verdicts();

  // One turn: what is due, then what the sockets bring.
  void turn();
  int64_t next_due(int64_t now) const;
  int64_t next_start() const;
  void expire(int64_t now);
  void wake_paused(int64_t now);
  void dispatch(int64_t now);
  void tick(int64_t now);
  void handle(const Event& event);
  void read_channel();
  void take_frame(std::string_view frame);
  void take_verdict(std::string_view fields);

  void start(Lane& lane, uint32_t request, std::string_view bytes, int64_t intended_ns);
  void start_next(Lane& lane, int64_t intended_ns);
  void open_next();
  void settle(Lane& lane, LaneState state);
  void opened(Lane& lane, LaneState state);
  void fail(Lane& lane, const char* code, const std::string& why);
  void pause(Lane& lane);
  void release(Lane& lane);
  // @returns kNoFailure for an answer, which counts once it is judged; else what the response stands for
  FailureKind take_response(const Lane& lane);
  FailureKind kind_of(const Response& response);
  void give_up(FailureKind kind, const std::string& message);
  void send(const WireWriter& frame);
  void flush();

  int64_t intended_ns(uint64_t sequence) const;
  bool has_schedule() const { return plan_.rate_per_sec > 0; }
  bool is_over(int64_t now) const;
  void link(Lane& lane);
  void unlink(Lane& lane);

  const LoadPlan& plan_;
  Channel* const channel_;
  Poller poller_;
  Recorder recorder_;
  AnswerBook book_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::string buffer_;

  Phase phase_ = Phase::kOpening;
  // Lanes whose opening has begun, and those whose opening is over.
  uint32_t begun_ = 0;
  uint32_t opened_ = 0;

  int64_t start_ns_ = 0;
  int64_t end_ns_ = 0;
  uint64_t sequence_ = 0;
  // Open loop: who may send next, longest free first.
  std::deque<Lane*> free_;
  // Busy lanes, sent first first.
  Lane* oldest_ = nullptr;
  Lane* newest_ = nullptr;
  struct Pause {
    int64_t until_ns;
    Lane* lane;
  };
  std::deque<Pause> paused_;
  int64_t next_tick_ns_ = kNeverNs;
  int64_t next_progress_ns_ = kNeverNs;
};

}  // namespace sluice::load
