#include "session_calls.h"

#include <cmath>
#include <system_error>
#include <thread>

#include "environment.h"
#include "napi_call.h"
#include "read_arguments.h"
#include "session_registry.h"

namespace sluice {
namespace {

constexpr int64_t kMostThreads = 1024;
constexpr int64_t kMostRows = INT64_C(1) << 40;

SessionOptions read_options(napi_env env, napi_value value) {
  SessionOptions options;
  options.model_path = read_string(env, read_property(env, value, "modelPath"), "modelPath");
  options.intra_op_threads =
      static_cast<int>(read_integer(env, read_property(env, value, "intraOpThreads"),
                                    "intraOpThreads", 1, kMostThreads));
  options.engine_threads =
      static_cast<int>(read_integer(env, read_property(env, value, "engineThreads"),
                                    "engineThreads", 1, kMostThreads));
  options.max_batch_rows = read_integer(env, read_property(env, value, "maxBatchRows"),
                                        "maxBatchRows", 0, kMostRows);
  return options;
}

napi_value make_error(napi_env env, const std::string& message) {
  napi_value error;
  check(napi_create_error(env, nullptr, make_string(env, message), &error));
  return error;
}

void settle_open(napi_env env, napi_deferred deferred, const std::shared_ptr<Session>& session,
                 const Failure& failure) {
  if (failure) {
    napi_reject_deferred(env, deferred, make_error(env, failure.message()));
    return;
  }
  const int64_t id = register_session(session);
  napi_resolve_deferred(env, deferred, make_number(env, static_cast<double>(id)));
}

// On a thread of its own.
void load(const std::shared_ptr<Environment>& environment, const std::shared_ptr<Session>& session,
          napi_deferred deferred) {
  const bool is_entered = session->enter();
  const Failure failure = is_entered ? session->load() : Failure("the process ends");
  environment->post([environment, deferred, session, failure](napi_env env) {
    environment->remove_load(session);
    settle_open(env, deferred, session, failure);
  });
  if (is_entered) session->leave();
}

napi_value make_facts(napi_env env, const std::vector<TensorFacts>& all) {
  napi_value array;
  check(napi_create_array_with_length(env, all.size(), &array));
  for (size_t index = 0; index < all.size(); index += 1) {
    const TensorFacts& facts = all[index];
    napi_value object;
    napi_value shape;
    check(napi_create_object(env, &object));
    check(napi_create_array_with_length(env, facts.shape.size(), &shape));
    for (size_t dimension = 0; dimension < facts.shape.size(); dimension += 1) {
      check(napi_set_element(env, shape, static_cast<uint32_t>(dimension),
                             make_number(env, static_cast<double>(facts.shape[dimension]))));
    }
    set(env, object, "name", make_string(env, facts.name));
    set(env, object, "elementType", make_number(env, facts.element_type));
    set(env, object, "shape", shape);
    check(napi_set_element(env, array, static_cast<uint32_t>(index), object));
  }
  return array;
}

// False: the system has no thread for us.
template <typename Work>
bool start_thread(Work work) {
  try {
    std::thread(std::move(work)).detach();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

int64_t grace_us(double grace_ms) {
  if (std::isnan(grace_ms)) throw ArgumentError{"expected graceMs to be a number, this is NaN"};
  return grace_ms > 1e12 ? kNeverUs / 2 : static_cast<int64_t>(std::max(grace_ms, 0.0) * 1000);
}

}  // namespace

napi_value open_session(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<1, Environment> arguments(env, info);
    auto session = std::make_shared<Session>(read_options(env, arguments[0]));
    const std::shared_ptr<Environment> environment = arguments.data->shared_from_this();
    napi_deferred deferred = nullptr;
    napi_value promise;
    check(napi_create_promise(env, &deferred, &promise));
    if (!track_session(session)) throw CallError{"the process ends"};
    environment->add_load(session);
    environment->await_one();
    const bool is_started = start_thread(
        [environment, session, deferred] { load(environment, session, deferred); });
    if (!is_started) {
      environment->remove_load(session);
      environment->awaited(1);
      napi_reject_deferred(env, deferred, make_error(env, "the system has no thread to load on"));
    }
    return promise;
  });
}

napi_value signature_of(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<1, Environment> arguments(env, info);
    const auto session = find_session(read_integer(env, arguments[0], "session", 0, kMostId));
    if (session == nullptr) throw CallError{"the session is not open"};
    napi_value signature;
    check(napi_create_object(env, &signature));
    set(env, signature, "inputs", make_facts(env, session->inputs()));
    set(env, signature, "outputs", make_facts(env, session->outputs()));
    return signature;
  });
}

napi_value close_session(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2, Environment> arguments(env, info);
    const int64_t id = read_integer(env, arguments[0], "session", 0, kMostId);
    const int64_t grace = grace_us(read_number(env, arguments[1], "graceMs"));
    napi_deferred deferred = nullptr;
    napi_value promise;
    check(napi_create_promise(env, &deferred, &promise));
    const auto session = unregister_session(id);
    if (session == nullptr) {
      napi_reject_deferred(env, deferred, make_error(env, "the session is not open"));
      return promise;
    }
    const std::shared_ptr<Environment> environment = arguments.data->shared_from_this();
    environment->await_one();
    session->stop();
    const auto close = [environment, session, deferred, grace] {
      session->close(grace);
      environment->post([deferred](napi_env own_env) {
        napi_resolve_deferred(own_env, deferred, undefined(own_env));
      });
    };
    const bool is_started = start_thread(close);
    // Without a thread the caller waits: the session is known to nobody any more.
    if (!is_started) close();
    return promise;
  });
}

}  // namespace sluice
