// In which parts a batch is tried again: the policy alone, without the runtime and without Node.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace sluice {

// What is left of one batch, in order. A part that is refused is halved, so that one bad job among n
// is alone after log2(n) refusals and fails no neighbour. Where more of them are bad, halves only cost
// runs: after kMoreRefusals beyond those, what is refused is tried one by one. All bad, that is n runs
// and about 2 * log2(n), not 2 * n.
template <typename Job>
class BatchParts {
 public:
  using Jobs = std::vector<std::unique_ptr<Job>>;

  explicit BatchParts(size_t jobs)
      : left_refusals_(static_cast<int>(std::bit_width(jobs - 1)) + kMoreRefusals) {}

  bool empty() const { return parts_.empty(); }
  size_t jobs() const { return jobs_; }
  int64_t rows() const { return rows_; }

  // REQUIRES: not empty.
  Jobs take() {
    Jobs part = std::move(parts_.back());
    parts_.pop_back();
    for (const auto& job : part) count(*job, -1);
    return part;
  }

  // The graph refused them together. REQUIRES: several.
  void add_refused(Jobs part) {
    left_refusals_ -= 1;
    const size_t half = (part.size() + 1) / 2;
    split(std::move(part), left_refusals_ > 0 ? half : 1);
  }

  // The graph does not keep their rows apart: no smaller stack is right either.
  void add_mixed(Jobs part) { split(std::move(part), 1); }

 private:
  static constexpr int kMoreRefusals = 2;

  // Pieces of at most so many jobs each, the first of them on top.
  void split(Jobs part, size_t most) {
    for (const auto& job : part) count(*job, 1);
    for (size_t to = part.size(); to > 0;) {
      const size_t from = (to - 1) / most * most;
      parts_.emplace_back(std::make_move_iterator(part.begin() + static_cast<ptrdiff_t>(from)),
                          std::make_move_iterator(part.begin() + static_cast<ptrdiff_t>(to)));
      to = from;
    }
  }

  void count(const Job& job, int sign) {
    jobs_ += static_cast<size_t>(sign);
    rows_ += sign * job.rows;
  }

  std::vector<Jobs> parts_;
  size_t jobs_ = 0;
  int64_t rows_ = 0;
  int left_refusals_;
};

}  // namespace sluice
