// A session as one thread uses it. Its own thread only.
#pragma once

#include <node_api.h>

#include <memory>
#include <vector>

#include "environment.h"
#include "job.h"
#include "output_writer.h"
#include "session.h"

namespace sluice {

class Line {
 public:
  // @param self the object that JavaScript holds; kept alive until the line is closed
  static napi_value connect(napi_env env, std::shared_ptr<Environment> environment,
                            std::shared_ptr<Session> session, napi_value on_answers,
                            napi_value timing);
  // Throws ArgumentError for anything that is not a line, CallError for a closed one.
  static Line& of(napi_env env, napi_value value);
  // Does nothing to a line that is closed already; throws only for what is not a line.
  static void disconnect(napi_env env, napi_value value);

  napi_value run_now(napi_env env, napi_value inputs, napi_value shapes, napi_value outputs);
  // Takes the job over unless it throws.
  void submit(std::unique_ptr<Job>& job);

  // @returns whether the job had not begun: then nobody hears of it any more. Else its answer comes,
  // and soon where nobody waits for any other job of its run.
  bool cancel(napi_env env, double job_id);

  // How long a job of so much time would wait, milliseconds, if even the cheapest would be refused.
  double predict_overload(double timeout_ms);

  const Session& session() const { return *session_; }
  const std::shared_ptr<LineLink>& link() const { return link_; }

  // No run is begun for it from now on; once is enough. What runs keeps its memory until it ends.
  void close(napi_env env);

  void answer(napi_env env, std::vector<std::unique_ptr<Job>>::iterator first,
              std::vector<std::unique_ptr<Job>>::iterator last);

  ~Line();

 private:
  Line(std::shared_ptr<Environment> environment, std::shared_ptr<Session> session);

  static Line* unwrap(napi_env env, napi_value value);
  void read_inputs(napi_env env, napi_value inputs);
  Failure run(int64_t limit_us, int64_t* wall_us, int64_t* cpu_us);
  double* timing_cells(napi_env env, int64_t* limit_us);
  napi_value make_answer(napi_env env, const Job& job);

  const std::shared_ptr<Environment> environment_;
  const std::shared_ptr<Session> session_;
  const std::shared_ptr<LineLink> link_;
  bool is_open_ = true;
  bool is_busy_ = false;
  napi_ref self_ = nullptr;
  napi_ref on_answers_ = nullptr;
  napi_ref timing_ = nullptr;

  // Kept from run to run, so that a run allocates nothing of its own.
  RunSlot slot_;
  InputStack stack_;
  OutputWriter writer_;
  std::vector<Shape> shapes_;
  std::vector<uint32_t> outputs_;
  std::vector<const char*> output_names_;
  std::vector<OrtValue*> values_;
  std::vector<RunOutput> run_outputs_;
  std::vector<napi_value> elements_;
};

// Tells the line of these jobs, and frees what they hold; only the latter once it is closed.
void deliver_answers(napi_env env, LineLink& link,
                     std::vector<std::unique_ptr<Job>>::iterator first,
                     std::vector<std::unique_ptr<Job>>::iterator last);

}  // namespace sluice
