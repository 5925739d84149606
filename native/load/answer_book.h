// Which answers are right. Every answer is compared byte for byte with those that the reader of the
// report has judged for the same request; what is new is handed to it, and counts once it has said
// what it is. Servers whose answers all differ (an id or a time in each) are sampled. Of bodies that do
// not fit the plan's memory a fingerprint is kept. Who sends the requests does not pause for an answer
// that is judged wrong, which is known too late.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fingerprint.h"
#include "recorder.h"

namespace sluice::load {

struct NewAnswer {
  uint32_t id;
  uint32_t request;
  int64_t json_bytes;
  std::string_view body;
};

class AnswerBook {
 public:
  using Ask = std::function<void(const NewAnswer&)>;

  // `ask` hands an answer over; its verdict comes through `judge`.
  AnswerBook(const LoadPlan& plan, Recorder* recorder, Ask ask)
      : max_bytes_(plan.answer_bytes),
        by_request_(plan.requests.size()),
        recorder_(recorder),
        ask_(std::move(ask)) {}

  // Records the answer to that request of the pool, now or when it is judged.
  // @returns false when it is none that was seen before; then `take_new` must follow
  bool take_known(uint32_t request, std::string_view body, int64_t json_bytes, const Sample& sample);
  void take_new(uint32_t request, std::string_view body, int64_t json_bytes, const Sample& sample);

  // @param kind kNoFailure: it is right
  void judge(uint32_t id, FailureKind kind);
  // Whether a verdict is still to come.
  bool is_waiting() const { return !waiting_.empty(); }

 private:
  struct Answer {
    uint32_t id;
    int64_t json_bytes;
    size_t bytes;
    // Else only the fingerprint is.
    bool is_kept = false;
    std::string body;
    Fingerprint fingerprint;
    bool is_judged = false;
    FailureKind kind = kNoFailure;
    // What came before the verdict.
    std::vector<Sample> samples;
  };
  struct Known {
    // Seen last first.
    std::vector<std::unique_ptr<Answer>> answers;
    uint32_t strangers = 0;
  };

  void record(FailureKind kind, const Sample& sample);
  void keep(std::string_view body, Answer* answer);
  bool forget_one(Known* known);

  const size_t max_bytes_;
  std::vector<Known> by_request_;
  Recorder* recorder_;
  Ask ask_;
  std::unordered_map<uint32_t, Answer*> waiting_;
  uint32_t next_id_ = 0;
  // Of the bodies that are kept, and of those handed over and not judged yet.
  size_t kept_bytes_ = 0;
  size_t waiting_bytes_ = 0;
};

}  // namespace sluice::load
