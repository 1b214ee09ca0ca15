#pragma once
// The class `Engine` of src/native/contract.ts.
#include <napi.h>

#include <memory>
#include <vector>

#include "addon_values.h"
#include "engine.h"

namespace mos {

class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit EngineObject(const Napi::CallbackInfo& info);
  ~EngineObject() override;

  // Throws a TypeError and returns null when `receiver` was not made by this class.
  static EngineObject* Unwrap(Napi::Object receiver);

 private:
  Napi::Value sockets(const Napi::CallbackInfo& info);
  Napi::Value bytesPerStream(const Napi::CallbackInfo& info);
  Napi::Value decoderBytesPerStream(const Napi::CallbackInfo& info);
  Napi::Value addStream(const Napi::CallbackInfo& info);
  void removeStream(const Napi::CallbackInfo& info);
  void resetStream(const Napi::CallbackInfo& info);
  void pushRtp(const Napi::CallbackInfo& info);
  void pushPcm(const Napi::CallbackInfo& info);
  void advance(const Napi::CallbackInfo& info);
  Napi::Value poll(const Napi::CallbackInfo& info);
  void readWindows(const Napi::CallbackInfo& info);
  void takeFrames(const Napi::CallbackInfo& info);
  void setRing(const Napi::CallbackInfo& info);
  Napi::Value streamStats(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  static void atExit(void* self);
  void closeEngine();
  // Throws when the engine is closed.
  bool usable(Reader& reader) const;
  std::uint64_t handle(Reader& reader, Napi::Value value) const;

  struct Socket {
    std::uint16_t port;
    int receiveBufferBytes;
  };

  const napi_env env_;
  // What stays readable once closed.
  std::vector<Socket> sockets_;
  std::size_t bytesPerStream_ = 0;
  std::size_t decoderBytesPerStream_ = 0;

  std::unique_ptr<Engine> engine_;  // null once closed
};

}  // namespace mos
