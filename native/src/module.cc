// The module: `open(libraryPath)`, and the functions of native/addon.ts on the object that it gives.
#include <node_api.h>
#include <pthread.h>
#include <unistd.h>

#include "environment.h"
#include "line.h"
#include "json_numbers.h"
#include "napi_call.h"
#include "ort_runtime.h"
#include "read_arguments.h"
#include "read_job.h"
#include "session_calls.h"
#include "session_registry.h"

namespace sluice {
namespace {

napi_value connect(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<3, Environment> arguments(env, info);
    auto session = find_session(read_integer(env, arguments[0], "session", 0, kMostId));
    if (session == nullptr) throw CallError{"the session is not open"};
    return Line::connect(env, arguments.data->shared_from_this(), std::move(session), arguments[1],
                         arguments[2]);
  });
}

napi_value disconnect(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<1, Environment> arguments(env, info);
    Line::disconnect(env, arguments[0]);
    return undefined(env);
  });
}

napi_value run_now(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<4, Environment> arguments(env, info);
    return Line::of(env, arguments[0])
        .run_now(env, arguments[1], arguments[2], arguments[3]);
  });
}

napi_value submit(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<7, Environment> arguments(env, info);
    const Session& session = Line::of(env, arguments[0]).session();
    auto job = read_job(env, session, arguments[1], arguments[2], arguments[3], arguments[4],
                        arguments[5], arguments[6]);
    try {
      // Again: a getter of an argument may have disconnected it.
      Line::of(env, arguments[0]).submit(job);
    } catch (...) {
      unpin(env, *job);
      throw;
    }
    return undefined(env);
  });
}

napi_value cancel(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2, Environment> arguments(env, info);
    Line& line = Line::of(env, arguments[0]);
    const bool is_withdrawn = line.cancel(env, read_number(env, arguments[1], "jobId"));
    napi_value result;
    check(napi_get_boolean(env, is_withdrawn, &result));
    return result;
  });
}

napi_value predict_overload(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<2, Environment> arguments(env, info);
    Line& line = Line::of(env, arguments[0]);
    const double timeout_ms = read_number(env, arguments[1], "timeoutMs");
    return make_number(env, line.predict_overload(timeout_ms));
  });
}

void add_function(napi_env env, napi_value object, const char* name, napi_callback function,
                  Environment* environment) {
  napi_value value;
  check(napi_create_function(env, name, NAPI_AUTO_LENGTH, function, environment, &value));
  set(env, object, name, value);
}

bool is_main_thread() {
#ifdef __APPLE__
  return pthread_main_np() == 1;
#else
  return gettid() == getpid();
#endif
}

napi_value on_process_exit(napi_env env, napi_callback_info) {
  return guarded(env, [&] {
    end_all_sessions();
    return undefined(env);
  });
}

// Node calls no cleanup hook of the main thread at process.exit(), only its listeners.
void listen_to_process_exit(napi_env env) {
  napi_value global;
  napi_value process;
  napi_value once;
  napi_value listener;
  check(napi_get_global(env, &global));
  check(napi_get_named_property(env, global, "process", &process));
  check(napi_get_named_property(env, process, "once", &once));
  check(napi_create_function(env, "endAllSessions", NAPI_AUTO_LENGTH, on_process_exit, nullptr,
                             &listener));
  const napi_value arguments[] = {make_string(env, "exit"), listener};
  check(napi_call_function(env, process, once, 2, arguments, nullptr));
}

// What the functions work with lives as long as the JavaScript that can call them.
Environment* environment_of(napi_env env) {
  using Kept = std::shared_ptr<Environment>;
  void* known = nullptr;
  check(napi_get_instance_data(env, &known));
  if (known == nullptr) {
    auto made = std::make_unique<Kept>(Environment::make(env));
    const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Kept*>(data); };
    check(napi_set_instance_data(env, made.get(), finalize, nullptr));
    known = made.release();
    if (is_main_thread()) listen_to_process_exit(env);
  }
  return static_cast<Kept*>(known)->get();
}

napi_value open(napi_env env, napi_callback_info info) {
  return guarded(env, [&] {
    const Arguments<1, void> arguments(env, info);
    const std::string path = read_string(env, arguments[0], "libraryPath");
    if (Failure failure = load_runtime(path)) throw CallError{failure.message()};
    Environment* const environment = environment_of(env);
    napi_value addon;
    check(napi_create_object(env, &addon));
    set(env, addon, "runtimeVersion", make_string(env, runtime_version()));
    add_function(env, addon, "openSession", open_session, environment);
    add_function(env, addon, "signatureOf", signature_of, environment);
    add_function(env, addon, "closeSession", close_session, environment);
    add_function(env, addon, "connect", connect, environment);
    add_function(env, addon, "disconnect", disconnect, environment);
    add_function(env, addon, "runNow", run_now, environment);
    add_function(env, addon, "submit", submit, environment);
    add_function(env, addon, "cancel", cancel, environment);
    add_function(env, addon, "predictOverload", predict_overload, environment);
    register_json_numbers(env, addon);
    return addon;
  });
}

napi_value make_exports(napi_env env, napi_value exports) {
  return guarded(env, [&] {
    add_function(env, exports, "open", open, nullptr);
    return exports;
  });
}

}  // namespace
}  // namespace sluice

NAPI_MODULE_INIT() { return sluice::make_exports(env, exports); }
