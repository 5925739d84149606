#include "answer_book.h"

#include <algorithm>

namespace sluice::load {
namespace {

// Versions swapped under load make a handful; more is a server whose answers all differ.
constexpr size_t kMaxKnown = 16;
constexpr size_t kMaxBytes = size_t{256} << 20;
// Of answers past those bounds.
constexpr uint32_t kJudgeOneIn = 16;

}  // namespace

bool AnswerBook::take_known(uint32_t request, std::string_view body, int64_t json_bytes,
                            const Sample& sample) {
  auto& answers = by_request_[request].answers;
  const auto at = std::find_if(answers.begin(), answers.end(), [&](const auto& each) {
    return each->json_bytes == json_bytes && each->body == body;
  });
  if (at == answers.end()) return false;
  std::rotate(answers.begin(), at, at + 1);
  Answer& answer = *answers.front();
  if (answer.is_judged) record(answer.kind, sample);
  else answer.samples.push_back(sample);
  return true;
}

void AnswerBook::take_new(uint32_t request, std::string_view body, int64_t json_bytes,
                          const Sample& sample) {
  Known& known = by_request_[request];
  known.strangers += 1;
  const bool is_crowded = known.answers.size() >= kMaxKnown || bytes_ + body.size() > kMaxBytes;
  const bool is_asked = !is_crowded || known.strangers % kJudgeOneIn == 0;
  if (!is_asked || (is_crowded && !make_room(&known, body.size()))) {
    recorder_->answered(sample);
    return;
  }
  auto answer = std::make_unique<Answer>();
  answer->id = next_id_;
  answer->json_bytes = json_bytes;
  answer->body = body;
  answer->samples.push_back(sample);
  next_id_ += 1;
  bytes_ += body.size();
  waiting_.emplace(answer->id, answer.get());
  ask_({answer->id, request, json_bytes, body});
  known.answers.insert(known.answers.begin(), std::move(answer));
}

// Forgets the judged one that was not seen for longest.
bool AnswerBook::make_room(Known* known, size_t bytes) {
  auto& answers = known->answers;
  const auto oldest = std::find_if(answers.rbegin(), answers.rend(),
                                   [](const auto& each) { return each->is_judged; });
  if (oldest == answers.rend()) return false;
  bytes_ -= (*oldest)->body.size();
  answers.erase(std::next(oldest).base());
  return bytes_ + bytes <= kMaxBytes;
}

void AnswerBook::judge(uint32_t id, FailureKind kind) {
  const auto at = waiting_.find(id);
  if (at == waiting_.end()) return;
  Answer& answer = *at->second;
  waiting_.erase(at);
  answer.is_judged = true;
  answer.kind = kind;
  for (const Sample& sample : answer.samples) record(kind, sample);
  answer.samples = {};
}

void AnswerBook::record(FailureKind kind, const Sample& sample) {
  if (kind == kNoFailure) recorder_->answered(sample);
  else recorder_->failed(sample, kind);
}

}  // namespace sluice::load
