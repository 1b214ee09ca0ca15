// The native addon: see src/engine/contract.ts.
#include <napi.h>

#include <cstdlib>
#include <cstring>

#include "addon_engine.h"
#include "addon_opus.h"
#include "addon_values.h"
#include "log_mel.h"

namespace mos {
namespace {

Napi::Value logMel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Reader reader(env);
  const Napi::Float32Array samples = reader.float32Array(info[0], "samples");
  if (!reader.ok()) return env.Undefined();
  const std::size_t frames = samples.ElementLength() / kHopSize;
  Napi::Float32Array result = Napi::Float32Array::New(env, frames * kMels);
  const float* hop = samples.Data();
  float* frame = result.Data();
  LogMel logMel;
  for (std::size_t t = 0; t < frames; ++t, hop += kHopSize) {
    if (logMel.push(hop, frame)) frame += kMels;
  }
  logMel.flush(hop, samples.ElementLength() % kHopSize, frame);
  return result;
}

Napi::Value setEnvironment(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Reader reader(env);
  const std::string name = reader.string(info[0], "name");
  const std::string value = reader.string(info[1], "value");
  if (!reader.ok()) return env.Undefined();
  if (::setenv(name.c_str(), value.c_str(), 1) != 0) reader.rangeError("name: not a variable's name: '" + name + "'");
  return env.Undefined();
}

Napi::Object features(Napi::Env env) {
  const Napi::Object constants = Napi::Object::New(env);
  const auto set = [&](const char* name, double value) { constants.Set(name, Napi::Number::New(env, value)); };
  set("sampleRateHz", kSampleRateHz);
  set("fftSize", kFftSize);
  set("windowSize", kWindowSize);
  set("hopSize", kHopSize);
  set("mels", kMels);
  set("lowHz", kMelLowHz);
  set("highHz", kMelHighHz);
  set("powerFloor", 1e-14);
  return constants;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", EngineObject::define(env));
  exports.Set("features", features(env));
  exports.Set("logMel", Napi::Function::New<logMel>(env, "logMel"));
  exports.Set("encodeOpus", Napi::Function::New<encodeOpus>(env, "encodeOpus"));
  exports.Set("decodeOpus", Napi::Function::New<decodeOpus>(env, "decodeOpus"));
  exports.Set("decodeOpusStreams", Napi::Function::New<decodeOpusStreams>(env, "decodeOpusStreams"));
  exports.Set("setEnvironment", Napi::Function::New<setEnvironment>(env, "setEnvironment"));
  return exports;
}

}  // namespace
}  // namespace mos

static Napi::Object init(Napi::Env env, Napi::Object exports) { return mos::initialise(env, exports); }

NODE_API_MODULE(mediasoup_mos, init)
