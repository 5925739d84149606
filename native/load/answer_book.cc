#include "answer_book.h"

#include <algorithm>
#include <optional>

namespace sluice::load {
namespace {

// Versions swapped under load make a handful; more is a server whose answers all differ.
constexpr size_t kMaxKnown = 16;
// Of answers past the bounds.
constexpr uint32_t kJudgeOneIn = 16;

}  // namespace

bool AnswerBook::take_known(uint32_t request, std::string_view body, int64_t json_bytes,
                            const Sample& sample) {
  auto& answers = by_request_[request].answers;
  std::optional<Fingerprint> fingerprint;
  const auto at = std::find_if(answers.begin(), answers.end(), [&](const auto& each) {
    if (each->json_bytes != json_bytes || each->bytes != body.size()) return false;
    if (each->is_kept) return each->body == body;
    if (!fingerprint) fingerprint = fingerprint_of(body);
    return each->fingerprint == *fingerprint;
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
  const bool is_full = known.answers.size() >= kMaxKnown;
  const bool is_crowded = is_full || waiting_bytes_ + body.size() > max_bytes_;
  const bool is_asked =
      !is_crowded || known.answers.empty() || known.strangers % kJudgeOneIn == 0;
  // Where all wait for their verdicts the judge is behind, and more would not help.
  if (!is_asked || (is_full && !forget_one(&known))) {
    recorder_->answered(sample);
    return;
  }
  auto answer = std::make_unique<Answer>();
  answer->id = next_id_;
  answer->json_bytes = json_bytes;
  keep(body, answer.get());
  answer->samples.push_back(sample);
  next_id_ += 1;
  waiting_bytes_ += body.size();
  waiting_.emplace(answer->id, answer.get());
  ask_({answer->id, request, json_bytes, body});
  known.answers.insert(known.answers.begin(), std::move(answer));
}

void AnswerBook::keep(std::string_view body, Answer* answer) {
  answer->bytes = body.size();
  answer->is_kept = kept_bytes_ + body.size() <= max_bytes_;
  if (!answer->is_kept) {
    answer->fingerprint = fingerprint_of(body);
    return;
  }
  answer->body = body;
  kept_bytes_ += body.size();
}

// The judged one that was not seen for longest.
bool AnswerBook::forget_one(Known* known) {
  auto& answers = known->answers;
  const auto oldest = std::find_if(answers.rbegin(), answers.rend(),
                                   [](const auto& each) { return each->is_judged; });
  if (oldest == answers.rend()) return false;
  if ((*oldest)->is_kept) kept_bytes_ -= (*oldest)->bytes;
  answers.erase(std::next(oldest).base());
  return true;
}

void AnswerBook::judge(uint32_t id, FailureKind kind) {
  const auto at = waiting_.find(id);
  if (at == waiting_.end()) return;
  Answer& answer = *at->second;
  waiting_.erase(at);
  waiting_bytes_ -= answer.bytes;
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
