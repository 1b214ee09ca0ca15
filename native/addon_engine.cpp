#include "addon_engine.h"

#include <uv.h>

#include <cmath>
#include <optional>
#include <string>

namespace mos {
namespace {

constexpr napi_type_tag kEngineTag = {0x6d6f73456e67696eULL, 0x9d1c5b7a3f024e68ULL};
constexpr double kMostSockets = 64;
constexpr double kMostRingFrames = 60000;  // ten minutes
constexpr double kMostMs = 3600000;
constexpr double kLargestHandle = 9007199254740991.0;  // Number.MAX_SAFE_INTEGER
constexpr std::size_t kWindowFields = 6;               // windowFields of src/native/contract.ts
constexpr std::size_t kPieceFields = 3;                // pieceFields
constexpr std::size_t kTakenFields = 2;                // takenFields
constexpr std::size_t kStepFields = sizeof(StepInfo) / sizeof(double);  // stepFields

std::string describe(std::uint64_t handle) { return "stream " + std::to_string(handle); }

std::optional<SocketAddress> readAddress(Reader& reader, const std::string& literal, const char* name, double port) {
  if (!reader.ok()) return std::nullopt;
  const auto address = parseAddress(literal, static_cast<std::uint16_t>(port));
  if (!address) reader.rangeError(std::string(name) + " must be an IPv4 or IPv6 literal, is '" + literal + "'");
  return address;
}

EngineOptions readOptions(Reader& reader, Napi::Object from) {
  EngineOptions options;
  const auto integer = [&](const char* name, double lowest, double highest) {
    return reader.integer(reader.property(from, name), name, lowest, highest);
  };
  const auto milliseconds = [&](const char* name) {
    return reader.number(reader.property(from, name), name, 0, kMostMs);
  };
  const double sockets = integer("sockets", 0, kMostSockets);
  const std::string address = reader.string(reader.property(from, "address"), "address");
  const Napi::Array ports = reader.array(reader.property(from, "ports"), "ports");
  if (reader.ok() && ports.Length() != sockets) {
    reader.rangeError("ports must have one entry a socket, " + std::to_string(static_cast<int>(sockets)) + ", has " +
                      std::to_string(ports.Length()));
  }
  for (std::uint32_t i = 0; reader.ok() && i < ports.Length(); ++i) {
    const double port = reader.integer(reader.element(ports, i), "ports[" + std::to_string(i) + "]", 0, 65535);
    const auto parsed = readAddress(reader, address, "address", port);
    if (parsed) options.sockets.push_back(*parsed);
  }
  options.receiveBufferBytes = static_cast<int>(integer("receiveBufferBytes", 0, 1 << 30));
  options.ringKind = static_cast<RingKind>(static_cast<int>(integer("ringKind", 1, 2)));
  options.ringFrames = static_cast<std::size_t>(integer("ringFrames", 1, kMostRingFrames));
  options.reorderMs = milliseconds("reorderMs");
  options.concealMs = milliseconds("concealMs");
  options.gapMs = milliseconds("gapMs");
  options.forgetMs = milliseconds("forgetMs");
  options.maxStreams = static_cast<std::size_t>(integer("maxStreams", 1, 100000));
  return options;
}

NewStream readStream(Reader& reader, Napi::Object from, std::size_t sockets) {
  NewStream stream;
  const auto integer = [&](const char* name, double lowest, double highest) {
    return reader.integer(reader.property(from, name), name, lowest, highest);
  };
  stream.socket = static_cast<int>(integer("socket", -1, static_cast<double>(sockets) - 1));
  if (stream.socket >= 0) {
    const std::string address = reader.string(reader.property(from, "sourceAddress"), "sourceAddress");
    const double port = integer("sourcePort", 1, 65535);
    stream.source = readAddress(reader, address, "sourceAddress", port).value_or(SocketAddress());
  }
  stream.ssrc = static_cast<std::uint32_t>(integer("ssrc", 0, 4294967295.0));
  stream.audioLevelId = static_cast<std::uint8_t>(integer("audioLevelId", 0, 255));
  const Napi::Array payloadTypes = reader.array(reader.property(from, "payloadTypes"), "payloadTypes");
  for (std::uint32_t i = 0; reader.ok() && i < payloadTypes.Length(); ++i) {
    const std::string name = "payloadTypes[" + std::to_string(i) + "]";
    const Napi::Object entry = reader.object(reader.element(payloadTypes, i), name);
    PayloadType type{};
    type.payloadType = static_cast<std::uint8_t>(
        reader.integer(reader.property(entry, "payloadType"), name + ".payloadType", 0, 127));
    const auto id = static_cast<int>(reader.integer(reader.property(entry, "codec"), name + ".codec", 1, 255));
    const CodecDefinition* codec = findCodec(static_cast<Codec>(id));
    if (reader.ok() && codec == nullptr) reader.rangeError(name + ".codec " + std::to_string(id) + " is none of this addon");
    if (!reader.ok()) break;
    type.codec = codec->id;
    type.clockRateHz = static_cast<std::uint32_t>(
        reader.integer(reader.property(entry, "clockRateHz"), name + ".clockRateHz", 1000, 192000));
    stream.payloadTypes.push_back(type);
  }
  return stream;
}

const char* nameOf(TimestampClock clock) {
  switch (clock) {
    case TimestampClock::OtherRate: return "other-rate";
    case TimestampClock::Unsteady: return "unsteady";
    case TimestampClock::Standing: return "standing";
    case TimestampClock::Steady: break;
  }
  return "steady";
}

Napi::Object statsObject(Napi::Env env, const RtpStreamStats& packets, const SignalStats& signal, double pcmMs) {
  const Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* name, double value) { object.Set(name, Napi::Number::New(env, value)); };
  const auto setCount = [&](const char* name, std::uint64_t value) { set(name, static_cast<double>(value)); };
  setCount("packetsReceived", packets.packetsReceived);
  setCount("packetsExpected", packets.packetsExpected);
  setCount("packetsLost", packets.packetsLost);
  setCount("packetsRepaired", packets.packetsRepaired);
  setCount("packetsLate", packets.packetsLate);
  setCount("packetsDuplicate", packets.packetsDuplicate);
  setCount("packetsMalformed", packets.packetsMalformed);
  setCount("packetsOverload", packets.packetsOverload);
  setCount("packetsUnknownPayloadType", packets.packetsUnknownPayloadType);
  setCount("lossBursts", packets.lossBursts);
  setCount("rtcpPackets", packets.rtcpPackets);
  setCount("restarts", packets.restarts);
  set("jitterMs", packets.jitterMs);
  set("decodedMs", packets.decodedMs + pcmMs);
  set("concealedMs", packets.concealedMs);
  set("fecRecoveredMs", packets.fecRecoveredMs);
  set("silenceMs", packets.silenceMs);
  set("dtxMs", packets.dtxMs);
  set("talkMs", static_cast<double>(signal.talkFrames) * kHopMs);
  setCount("clippedSamples", signal.clippedSamples);
  set("peak", signal.peak);
  const double frames = static_cast<double>(signal.activeFrames);
  set("activeMs", frames * kHopMs);
  set("levelDbov", signal.activeFrames == 0 ? -127.0 : levelDbov(signal.activePower / frames));
  if (packets.statedLevelDbov > 0) {
    object.Set("statedLevelDbov", env.Null());
  } else {
    set("statedLevelDbov", packets.statedLevelDbov);
  }
  set("bandwidthHz", packets.bandwidthHz);
  object.Set("timestampClock", nameOf(packets.timestampClock));
  set("timestampRateHz", std::round(packets.timestampRateHz));
  return object;
}

}  // namespace

Napi::Function EngineObject::define(Napi::Env env) {
  return DefineClass(env, "Engine",
                     {
                         InstanceAccessor<&EngineObject::sockets>("sockets"),
                         InstanceAccessor<&EngineObject::bytesPerStream>("bytesPerStream"),
                         InstanceAccessor<&EngineObject::decoderBytesPerStream>("decoderBytesPerStream"),
                         InstanceMethod<&EngineObject::addStream>("addStream"),
                         InstanceMethod<&EngineObject::removeStream>("removeStream"),
                         InstanceMethod<&EngineObject::resetStream>("resetStream"),
                         InstanceMethod<&EngineObject::pushRtp>("pushRtp"),
                         InstanceMethod<&EngineObject::pushPcm>("pushPcm"),
                         InstanceMethod<&EngineObject::advance>("advance"),
                         InstanceMethod<&EngineObject::poll>("poll"),
                         InstanceMethod<&EngineObject::readWindows>("readWindows"),
                         InstanceMethod<&EngineObject::takeFrames>("takeFrames"),
                         InstanceMethod<&EngineObject::setRing>("setRing"),
                         InstanceMethod<&EngineObject::streamStats>("streamStats"),
                         InstanceMethod<&EngineObject::stats>("stats"),
                         InstanceMethod<&EngineObject::close>("close"),
                     });
}

EngineObject::EngineObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineObject>(info), env_(info.Env()) {
  Reader reader(info.Env());
  const EngineOptions options = readOptions(reader, reader.object(info[0], "options"));
  if (!reader.ok()) return;
  SystemError error;
  engine_ = Engine::open(options, error);
  if (engine_ == nullptr) {
    const int number = uv_translate_sys_error(error.number);
    reader.error(uv_err_name(number), error.what + ": " + uv_strerror(number));
    return;
  }
  bytesPerStream_ = engine_->bytesPerStream();
  decoderBytesPerStream_ = engine_->decoderBytesPerStream();
  for (const auto& lane : engine_->lanes()) {
    sockets_.push_back({lane->receiver().port(), lane->receiver().receiveBufferBytes()});
  }
  info.This().As<Napi::Object>().TypeTag(&kEngineTag);
  // Threads must not outlive the environment, whether or not the object is ever collected.
  napi_add_env_cleanup_hook(env_, atExit, this);
}

EngineObject::~EngineObject() { closeEngine(); }

void EngineObject::atExit(void* self) { static_cast<EngineObject*>(self)->engine_.reset(); }

void EngineObject::closeEngine() {
  if (engine_ == nullptr) return;
  napi_remove_env_cleanup_hook(env_, atExit, this);
  engine_.reset();
}

EngineObject* EngineObject::Unwrap(Napi::Object receiver) {
  if (!receiver.IsObject() || !receiver.CheckTypeTag(&kEngineTag)) {
    Napi::TypeError::New(receiver.Env(), "the receiver is not an Engine").ThrowAsJavaScriptException();
    return nullptr;
  }
  return Napi::ObjectWrap<EngineObject>::Unwrap(receiver);
}

bool EngineObject::usable(Reader& reader) const {
  if (engine_ == nullptr) reader.error("ERR_INVALID_STATE", "the engine is closed");
  return reader.ok();
}

std::uint64_t EngineObject::handle(Reader& reader, Napi::Value value) const {
  return static_cast<std::uint64_t>(reader.integer(value, "handle", 1, kLargestHandle));
}

Napi::Value EngineObject::sockets(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env, sockets_.size());
  for (std::uint32_t i = 0; i < sockets_.size(); ++i) {
    Napi::Object socket = Napi::Object::New(env);
    socket.Set("port", Napi::Number::New(env, sockets_[i].port));
    socket.Set("receiveBufferBytes", Napi::Number::New(env, sockets_[i].receiveBufferBytes));
    list.Set(i, socket);
  }
  return list;
}

Napi::Value EngineObject::bytesPerStream(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(bytesPerStream_));
}

Napi::Value EngineObject::decoderBytesPerStream(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(decoderBytesPerStream_));
}

Napi::Value EngineObject::addStream(const Napi::CallbackInfo& info) {
  Reader reader(info.Env());
  if (!usable(reader)) return info.Env().Undefined();
  const NewStream stream = readStream(reader, reader.object(info[0], "options"), engine_->lanes().size());
  if (!reader.ok() || !usable(reader)) return info.Env().Undefined();  // a getter may have closed the engine
  std::uint64_t handle = 0;
  const Engine::Added added = engine_->addStream(stream, handle);
  if (added == Engine::Added::Full) {
    reader.rangeError("there are maxStreams (" + std::to_string(engine_->streamCount()) + ") streams already");
  } else if (added == Engine::Added::KnownKey) {
    reader.rangeError("socket " + std::to_string(stream.socket) + " has a stream with ssrc " +
                      std::to_string(stream.ssrc) + " from " + toString(stream.source) + " already");
  }
  return reader.ok() ? Napi::Number::New(info.Env(), static_cast<double>(handle)) : info.Env().Undefined();
}

void EngineObject::removeStream(const Napi::CallbackInfo& info) {
  Reader reader(info.Env());
  if (!usable(reader)) return;
  const std::uint64_t removed = handle(reader, info[0]);
  if (reader.ok() && !engine_->removeStream(removed)) reader.rangeError("there is no " + describe(removed));
}

void EngineObject::resetStream(const Napi::CallbackInfo& info) {
  Reader reader(info.Env());
  if (!usable(reader)) return;
  const std::uint64_t reset = handle(reader, info[0]);
  if (reader.ok() && !engine_->resetStream(reset)) {
    reader.rangeError("there is no " + describe(reset));
  }
}

void EngineObject::pushRtp(const Napi::CallbackInfo& info) {
  Reader reader(info.Env());
  if (!usable(reader)) return;
  const std::uint64_t pushed = handle(reader, info[0]);
  const Napi::Uint8Array packet = reader.uint8Array(info[1], "packet");
  const double arrivalMs = reader.moment(info[2], "arrivalMs");
  const double ownDrops = reader.integer(info[3], "ownDrops", 0, kLargestHandle);
  if (!reader.ok()) return;
  Stream* stream = engine_->byHand(pushed);
  if (stream == nullptr) return reader.rangeError("there is no " + describe(pushed) + " without a socket");
  stream->onPacket(packet.Data(), packet.ByteLength(), arrivalMs, static_cast<std::uint64_t>(ownDrops));
}

void EngineObject::pushPcm(const Napi::CallbackInfo& info) {
  Reader reader(info.Env());
  if (!usable(reader)) return;
  const std::uint64_t pushed = handle(reader, info[0]);
  const Napi::Float32Array samples = reader.float32Array(info[1], "samples");
  const double arrivalMs = reader.moment(info[2], "arrivalMs");
  if (!reader.ok()) return;
  for (std::size_t i = 0; i < samples.ElementLength(); ++i) {
    if (!std::isfinite(samples.Data()[i])) {
      return reader.rangeError("samples[" + std::to_string(i) + "] must be a finite number");
    }
  }
  Stream* stream = engine_->byHand(pushed);
  if (stream == nullptr) return reader.rangeError("there is no " + describe(pushed) + " without a socket");
  stream->onPcm(samples.Data(), samples.ElementLength(), arrivalMs);
}

void EngineObject::advance(const Napi::CallbackInfo& info) {
  Reader reader(info.Env());
  if (!usable(reader)) return;
  const double nowMs = reader.moment(info[0], "nowMs");
  if (reader.ok()) engine_->advance(nowMs);
}

Napi::Value EngineObject::poll(const Napi::CallbackInfo& info) {
  Reader reader(info.Env());
  if (!usable(reader)) return info.Env().Undefined();
  Napi::Float64Array table = reader.float64Array(info[0], "table");
  const double nowMs = reader.moment(info[1], "nowMs");
  if (!reader.ok()) return info.Env().Undefined();
  const std::size_t needed = engine_->streamCount() * kPollFields;
  if (table.ElementLength() < needed) {
    reader.rangeError("table must hold " + std::to_string(needed) + " numbers, holds " +
                      std::to_string(table.ElementLength()));
    return info.Env().Undefined();
  }
  engine_->poll(reinterpret_cast<PollRow*>(table.Data()), nowMs);
  return Napi::Number::New(info.Env(), static_cast<double>(engine_->streamCount()));
}

void EngineObject::readWindows(const Napi::CallbackInfo& info) {
  Reader reader(info.Env());
  if (!usable(reader)) return;
  const Napi::Float64Array handles = reader.float64Array(info[0], "handles");
  const auto frames = static_cast<std::size_t>(reader.integer(info[1], "frames", 1, kMostRingFrames));
  const bool normalise = reader.boolean(info[2], "normalise");
  const auto floor = static_cast<float>(reader.number(info[3], "floor", -1000, 1000));
  Napi::Float32Array out = reader.float32Array(info[4], "out");
  Napi::Float64Array windows = reader.float64Array(info[5], "info");
  if (!reader.ok()) return;
  const std::size_t count = handles.ElementLength(), values = frames * engine_->valuesPerFrame();
  if (out.ElementLength() < count * values) {
    return reader.rangeError("out must hold " + std::to_string(count * values) + " numbers, holds " +
                             std::to_string(out.ElementLength()));
  }
  if (windows.ElementLength() < count * kWindowFields) {
    return reader.rangeError("info must hold " + std::to_string(count * kWindowFields) + " numbers, holds " +
                             std::to_string(windows.ElementLength()));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const double wanted = handles.Data()[i];
    const bool whole = wanted >= 1 && wanted <= kLargestHandle && wanted == std::floor(wanted);
    const std::uint64_t handle = whole ? static_cast<std::uint64_t>(wanted) : 0;
    std::size_t held = 0;
    const bool found = engine_->with(handle, [&](Stream& stream) {
      held = stream.ring().size();
      if (held < frames) return;
      const WindowInfo window = stream.ring().read(frames, normalise, floor, out.Data() + i * values);
      double* row = windows.Data() + i * kWindowFields;
      row[0] = window.startMs;
      row[1] = window.endMs;
      row[2] = window.peak;
      row[3] = static_cast<double>(window.activeFrames);
      row[4] = static_cast<double>(window.lostFrames);
      row[5] = static_cast<double>(window.overloadFrames);
    });
    if (!found) return reader.rangeError("handles[" + std::to_string(i) + "]: there is no such stream");
    if (held < frames) {
      return reader.rangeError(describe(handle) + " has " + std::to_string(held) + " frames, not " +
                               std::to_string(frames));
    }
  }
}

void EngineObject::takeFrames(const Napi::CallbackInfo& info) {
  Reader reader(info.Env());
  if (!usable(reader)) return;
  const Napi::Float64Array pieces = reader.float64Array(info[0], "pieces");
  const auto frames = static_cast<std::size_t>(reader.integer(info[1], "frames", 1, kMostRingFrames));
  const auto framesPerStep = static_cast<std::size_t>(reader.integer(info[2], "framesPerStep", 1, kMostRingFrames));
  const bool normalise = reader.boolean(info[3], "normalise");
  const auto floor = static_cast<float>(reader.number(info[4], "floor", -1000, 1000));
  Napi::Float32Array out = reader.float32Array(info[5], "out");
  Napi::Float64Array taken = reader.float64Array(info[6], "info");
  if (!reader.ok()) return;
  if (frames % framesPerStep != 0) return reader.rangeError("frames must be a multiple of framesPerStep");
  if (pieces.ElementLength() % kPieceFields != 0) {
    return reader.rangeError("pieces must hold rows of " + std::to_string(kPieceFields) + " numbers");
  }
  const std::size_t count = pieces.ElementLength() / kPieceFields, values = frames * engine_->valuesPerFrame();
  const std::size_t rowLength = kTakenFields + frames / framesPerStep * kStepFields;
  if (out.ElementLength() < count * values) {
    return reader.rangeError("out must hold " + std::to_string(count * values) + " numbers, holds " +
                             std::to_string(out.ElementLength()));
  }
  if (taken.ElementLength() < count * rowLength) {
    return reader.rangeError("info must hold " + std::to_string(count * rowLength) + " numbers, holds " +
                             std::to_string(taken.ElementLength()));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const double* piece = pieces.Data() + i * kPieceFields;
    const double wanted = piece[0];
    const bool whole = wanted >= 1 && wanted <= kLargestHandle && wanted == std::floor(wanted);
    double* row = taken.Data() + i * rowLength;
    bool moved = false;
    const bool found = engine_->with(whole ? static_cast<std::uint64_t>(wanted) : 0, [&](Stream& stream) {
      moved = stream.moveOldest(piece[1], frames, framesPerStep, normalise, static_cast<float>(piece[2]), floor,
                                out.Data() + i * values, row + 1, reinterpret_cast<StepInfo*>(row + kTakenFields));
    });
    if (!found) return reader.rangeError("pieces[" + std::to_string(i) + "]: there is no such stream");
    row[0] = moved ? 1 : 0;
  }
}

void EngineObject::setRing(const Napi::CallbackInfo& info) {
  Reader reader(info.Env());
  if (!usable(reader)) return;
  const auto kind = static_cast<RingKind>(static_cast<int>(reader.integer(info[0], "ringKind", 1, 2)));
  const auto frames = static_cast<std::size_t>(reader.integer(info[1], "ringFrames", 1, kMostRingFrames));
  if (!reader.ok()) return;
  engine_->setRing(kind, frames);
  bytesPerStream_ = engine_->bytesPerStream();
}

Napi::Value EngineObject::streamStats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Reader reader(env);
  if (!usable(reader)) return env.Undefined();
  const std::uint64_t asked = handle(reader, info[0]);
  if (!reader.ok()) return env.Undefined();
  RtpStreamStats packets;
  SignalStats signal;
  double pcmMs = 0.0;
  const bool found = engine_->with(asked, [&](Stream& stream) {
    packets = stream.packetStats();
    signal = stream.signalStats();
    pcmMs = stream.pcmMs();
  });
  if (!found) {
    reader.rangeError("there is no " + describe(asked));
    return env.Undefined();
  }
  return statsObject(env, packets, signal, pcmMs);
}

Napi::Value EngineObject::stats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Reader reader(env);
  if (!usable(reader)) return env.Undefined();
  const Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* name, std::uint64_t value) {
    object.Set(name, Napi::Number::New(env, static_cast<double>(value)));
  };
  const LaneStats stats = engine_->stats();
  set("packetsUnknownSource", stats.packetsUnknownSource);
  set("packetsMalformed", stats.packetsMalformed);
  set("rtcpPackets", stats.rtcpPackets);
  set("kernelDrops", stats.kernelDrops);
  set("queueDrops", stats.queueDrops);
  return object;
}

void EngineObject::close(const Napi::CallbackInfo&) { closeEngine(); }

}  // namespace mos
