#pragma once
// libopus used plainly: for tests, benchmarks and making training data.
#include <napi.h>

namespace mos {

Napi::Value encodeOpus(const Napi::CallbackInfo& info);
Napi::Value decodeOpus(const Napi::CallbackInfo& info);
Napi::Value decodeOpusStreams(const Napi::CallbackInfo& info);

}  // namespace mos
