#include "line.h"

#include "clock.h"
#include "element_type.h"
#include "engine.h"
#include "napi_call.h"
#include "read_arguments.h"
#include "read_job.h"

namespace sluice {
namespace {

constexpr napi_type_tag kLineTag = {0x3f5b8c1e6a7d4902, 0x9c04e1b27d586fa3};
constexpr size_t kTimingCells = 2;
constexpr size_t kLimitCell = 2;

class Busy {
 public:
  explicit Busy(bool& flag) : flag_(flag) {
    // A getter of an argument may call us again.
    if (flag) throw CallError{"the line is in use"};
    flag = true;
  }
  ~Busy() { flag_ = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  bool& flag_;
};

class Entered {
 public:
  explicit Entered(Session& session) : session_(session) {
    if (!session.enter()) throw CallError{"the session was closed"};
  }
  ~Entered() { session_.leave(); }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  Session& session_;
};

const char* name_of(JobStatus status) {
  switch (status) {
    case JobStatus::kDone: return "done";
    case JobStatus::kRefused: return "refused";
    case JobStatus::kOverloaded: return "overloaded";
    case JobStatus::kDeadlineExceeded: return "deadline-exceeded";
    case JobStatus::kCancelled: return "cancelled";
    case JobStatus::kClosed: return "closed";
  }
  return "closed";
}

double to_ms(int64_t us) { return static_cast<double>(us) / 1000; }

void require_timing(napi_env env, napi_value timing) {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  const napi_status status =
      napi_get_typedarray_info(env, timing, &type, &length, nullptr, nullptr, nullptr);
  if (status == napi_ok && type == napi_float64_array && length >= kTimingCells) return;
  throw ArgumentError{"expected timing to be a Float64Array of 2 cells"};
}

}  // namespace

Line::Line(std::shared_ptr<Environment> environment, std::shared_ptr<Session> session)
    : environment_(std::move(environment)),
      session_(std::move(session)),
      link_(std::make_shared<LineLink>(environment_)) {
  link_->line = this;
}

Line::~Line() { unwatch(&slot_); }

napi_value Line::connect(napi_env env, std::shared_ptr<Environment> environment,
                         std::shared_ptr<Session> session, napi_value on_answers,
                         napi_value timing) {
  napi_valuetype type = napi_undefined;
  check(napi_typeof(env, on_answers, &type));
  if (type != napi_function) throw ArgumentError{"expected onAnswers to be a function"};
  require_timing(env, timing);
  std::unique_ptr<Line> line(new Line(std::move(environment), std::move(session)));
  if (Failure failure = line->slot_.make()) throw CallError{failure.message()};
  napi_value self;
  check(napi_create_object(env, &self));
  check(napi_type_tag_object(env, self, &kLineTag));
  check(napi_create_reference(env, on_answers, 1, &line->on_answers_));
  check(napi_create_reference(env, timing, 1, &line->timing_));
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Line*>(data); };
  check(napi_wrap(env, self, line.get(), finalize, nullptr, nullptr));
  Line* const wrapped = line.release();  // the object's now
  check(napi_create_reference(env, self, 1, &wrapped->self_));
  wrapped->session_->add_slot(&wrapped->slot_);
  watch(&wrapped->slot_);
  wrapped->environment_->add_line(wrapped);
  return self;
}

Line* Line::unwrap(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  bool is_line = false;
  check(napi_typeof(env, value, &type));
  if (type == napi_object) check(napi_check_object_type_tag(env, value, &kLineTag, &is_line));
  if (!is_line) throw ArgumentError{"expected a line, as connect() gave it"};
  void* line = nullptr;
  check(napi_unwrap(env, value, &line));
  return static_cast<Line*>(line);
}

Line& Line::of(napi_env env, napi_value value) {
  Line* const line = unwrap(env, value);
  if (!line->is_open_) throw CallError{"the line was disconnected"};
  return *line;
}

void Line::disconnect(napi_env env, napi_value value) { unwrap(env, value)->close(env); }

// A running job keeps its pins until its answer comes, which nobody hears then.
void Line::close(napi_env env) {
  if (!is_open_) return;
  is_open_ = false;
  link_->line = nullptr;
  link_->close();
  session_->remove_slot(&slot_);
  environment_->remove_line(this);
  auto withdrawn = session_->engine().withdraw(link_.get());
  for (const auto& job : withdrawn) unpin(env, *job);
  environment_->awaited(withdrawn.size());
  environment_->add_draining(link_, session_);
  writer_.release(env);
  for (napi_ref* const ref : {&on_answers_, &timing_, &self_}) {
    napi_delete_reference(env, *ref);
    *ref = nullptr;
  }
}

void Line::read_inputs(napi_env env, napi_value inputs) {
  const std::vector<TensorFacts>& known = session_->inputs();
  const uint32_t count = read_array_length(env, inputs, "inputs");
  const size_t per_job = known.size();
  const bool is_whole = per_job == 0 ? count == 0 : count > 0 && count % per_job == 0;
  if (!is_whole) {
    throw ArgumentError{"expected a multiple of " + std::to_string(per_job) +
                        " inputs, these are " + std::to_string(count)};
  }
  stack_.clear(per_job);
  elements_.resize(count);
  for (uint32_t index = 0; index < count; index += 1) {
    check(napi_get_element(env, inputs, index, &elements_[index]));
    const size_t input = index % per_job;
    if (known[input].element_type != kString) continue;
    read_strings(env, elements_[index], known[input], &stack_.strings(input));
  }
  // No JavaScript runs from here on, so what is found stays where it is.
  for (size_t input = 0; input < per_job; input += 1) {
    if (known[input].element_type == kString) {
      check_count(known[input], shapes_[input], stack_.strings(input).size());
      continue;
    }
    size_t bytes = 0;
    for (size_t index = input; index < count; index += per_job) {
      const Piece piece = read_numbers(env, elements_[index], known[input]);
      stack_.add(input, piece);
      bytes += piece.bytes;
    }
    check_count(known[input], shapes_[input],
                bytes / element_facts(known[input].element_type)->bytes);
  }
}

Failure Line::run(int64_t limit_us, int64_t* wall_us, int64_t* cpu_us) {
  if (Failure failure = stack_.make_values(session_->inputs(), shapes_)) return failure;
  values_.assign(outputs_.size(), nullptr);
  run_outputs_.clear();
  run_outputs_.resize(outputs_.size());
  const int64_t wall_start_us = now_us();
  const int64_t end_us = limit_us == kNeverUs ? kNeverUs : wall_start_us + limit_us;
  const OrtRunOptions* const options = slot_.begin(end_us, nullptr);
  expect_by(end_us);
  const int64_t cpu_start_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
  Failure failure = Failure::of(ort().Run(session_->graph(), options, session_->input_names(),
                                          stack_.values(), shapes_.size(), output_names_.data(),
                                          output_names_.size(), values_.data()));
  *cpu_us = clock_us(CLOCK_THREAD_CPUTIME_ID) - cpu_start_us;
  *wall_us = now_us() - wall_start_us;
  const RunEnd end = slot_.end();
  stack_.forget();
  if (end == RunEnd::kDeadline) failure = Failure("the run took longer than its limit");
  if (end == RunEnd::kClosed) failure = Failure("the session was closed during the run");
  for (size_t index = 0; index < values_.size(); index += 1) {
    OrtOwned<OrtValue> value(values_[index]);
    if (!failure) failure = read_output(std::move(value), &run_outputs_[index]);
  }
  return failure;
}

// null when its owner transferred it to another thread.
double* Line::timing_cells(napi_env env, int64_t* limit_us) {
  napi_value timing;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  check(napi_get_reference_value(env, timing_, &timing));
  check(napi_get_typedarray_info(env, timing, &type, &length, &data, nullptr, nullptr));
  *limit_us = kNeverUs;
  if (length < kTimingCells) return nullptr;
  double* const cells = static_cast<double*>(data);
  const bool has_limit = length > kLimitCell && cells[kLimitCell] > 0 && cells[kLimitCell] < 1e15;
  if (has_limit) *limit_us = static_cast<int64_t>(cells[kLimitCell]);
  return cells;
}

napi_value Line::run_now(napi_env env, napi_value inputs, napi_value shapes, napi_value outputs) {
  const Busy busy(is_busy_);
  read_shapes(env, shapes, session_->inputs().size(), &shapes_);
  read_outputs(env, outputs, session_->outputs(), &outputs_);
  output_names_.clear();
  for (const uint32_t output : outputs_) {
    output_names_.push_back(session_->outputs()[output].name.c_str());
  }
  read_inputs(env, inputs);
  // Disconnected by a getter of an argument; no JavaScript runs from here on.
  if (!is_open_) throw CallError{"the line was disconnected"};
  int64_t limit_us = kNeverUs;
  double* const cells = timing_cells(env, &limit_us);
  int64_t wall_us = 0;
  int64_t cpu_us = 0;
  Failure failure;
  {
    const Entered entered(*session_);
    failure = run(limit_us, &wall_us, &cpu_us);
  }
  if (cells != nullptr) {
    cells[0] = static_cast<double>(wall_us);
    cells[1] = static_cast<double>(cpu_us);
  }
  if (failure) throw CallError{failure.message()};
  napi_value result = writer_.write(env, run_outputs_, RowRange());
  run_outputs_.clear();
  return result;
}

void Line::submit(std::unique_ptr<Job>& job) {
  job->line = link_;
  session_->engine().submit(job);
  environment_->await_one();
}

bool Line::cancel(napi_env env, double job_id) {
  const std::unique_ptr<Job> job = session_->engine().cancel(link_.get(), job_id);
  if (job == nullptr) return false;
  unpin(env, *job);
  environment_->awaited(1);
  return true;
}

double Line::predict_overload(double timeout_ms) {
  const int64_t now = now_us();
  return to_ms(session_->engine().overload_us(now, deadline_after(now, timeout_ms)));
}

napi_value Line::make_answer(napi_env env, const Job& job) {
  napi_value answer;
  napi_value message;
  napi_value outputs;
  if (job.status == JobStatus::kDone) {
    check(napi_get_null(env, &message));
    outputs = writer_.write(env, *job.run_outputs, {job.is_slice, job.first_row, job.rows});
  } else {
    message = make_string(env, job.message);
    check(napi_create_array(env, &outputs));
  }
  check(napi_create_object(env, &answer));
  set(env, answer, "jobId", make_number(env, job.id));
  set(env, answer, "status", make_string(env, name_of(job.status)));
  set(env, answer, "message", message);
  set(env, answer, "queueMs", make_number(env, to_ms(job.queue_us)));
  set(env, answer, "computeMs", make_number(env, to_ms(job.compute_us)));
  set(env, answer, "batchRows", make_number(env, static_cast<double>(job.batch_rows)));
  set(env, answer, "outputs", outputs);
  return answer;
}

void Line::answer(napi_env env, std::vector<std::unique_ptr<Job>>::iterator first,
                  std::vector<std::unique_ptr<Job>>::iterator last) {
  napi_value answers;
  napi_value on_answers;
  napi_value receiver = undefined(env);
  check(napi_create_array_with_length(env, static_cast<size_t>(last - first), &answers));
  for (auto job = first; job != last; ++job) {
    const HandleScope scope(env);
    check(napi_set_element(env, answers, static_cast<uint32_t>(job - first),
                           make_answer(env, **job)));
  }
  check(napi_get_reference_value(env, on_answers_, &on_answers));
  check(napi_call_function(env, receiver, on_answers, 1, &answers, nullptr));
}

void deliver_answers(napi_env env, LineLink& link,
                     std::vector<std::unique_ptr<Job>>::iterator first,
                     std::vector<std::unique_ptr<Job>>::iterator last) {
  for (auto job = first; job != last; ++job) unpin(env, **job);
  if (link.line == nullptr) return;
  try {
    const HandleScope scope(env);
    link.line->answer(env, first, last);
  } catch (const Thrown&) {
    // The listener's own error: as if it came out of any other event's listener.
    napi_value error = nullptr;
    bool is_pending = false;
    if (napi_is_exception_pending(env, &is_pending) != napi_ok || !is_pending) return;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
}

}  // namespace sluice
