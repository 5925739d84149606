// openSession, signatureOf and closeSession.
#pragma once

#include <node_api.h>

namespace sluice {

napi_value open_session(napi_env env, napi_callback_info info);
napi_value signature_of(napi_env env, napi_callback_info info);
napi_value close_session(napi_env env, napi_callback_info info);

}  // namespace sluice
