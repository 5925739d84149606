// Calls into Node, and out of it again: exceptions of C++ stay on this side.
#pragma once

#include <node_api.h>

#include <exception>
#include <string>

namespace sluice {

// A JavaScript exception is pending.
struct Thrown {};
// Becomes a TypeError.
struct ArgumentError {
  std::string message;
};
// Becomes an Error.
struct CallError {
  std::string message;
};

inline void check(napi_status status) {
  if (status != napi_ok) throw Thrown();
}

// Runs the body of a function that JavaScript called.
template <typename Body>
napi_value guarded(napi_env env, Body body) noexcept {
  try {
    return body();
  } catch (const ArgumentError& error) {
    napi_throw_type_error(env, nullptr, error.message.c_str());
  } catch (const CallError& error) {
    napi_throw_error(env, nullptr, error.message.c_str());
  } catch (const Thrown&) {
    bool is_pending = false;
    // Node refuses calls while a thread is being ended; then nobody hears this either.
    if (napi_is_exception_pending(env, &is_pending) == napi_ok && !is_pending) {
      napi_throw_error(env, nullptr, "a call into Node failed");
    }
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

// The arguments of one call and what the function was made with.
template <size_t kCount, typename Data>
struct Arguments {
  Arguments(napi_env env, napi_callback_info info) {
    size_t count = kCount;
    void* raw = nullptr;
    check(napi_get_cb_info(env, info, &count, values, nullptr, &raw));
    data = static_cast<Data*>(raw);
  }
  napi_value operator[](size_t index) const { return values[index]; }

  napi_value values[kCount];  // undefined where the caller gave fewer
  Data* data;
};

// Frees what was made since, at the end of one turn of a loop.
class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) { check(napi_open_handle_scope(env, &scope_)); }
  ~HandleScope() { napi_close_handle_scope(env_, scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

inline napi_value make_string(napi_env env, std::string_view text) {
  napi_value value;
  check(napi_create_string_utf8(env, text.data(), text.size(), &value));
  return value;
}

inline napi_value make_number(napi_env env, double number) {
  napi_value value;
  check(napi_create_double(env, number, &value));
  return value;
}

inline napi_value undefined(napi_env env) {
  napi_value value;
  check(napi_get_undefined(env, &value));
  return value;
}

inline void set(napi_env env, napi_value object, const char* name, napi_value value) {
  check(napi_set_named_property(env, object, name, value));
}

}  // namespace sluice
