#include "engine.h"

namespace mos {

std::unique_ptr<Engine> Engine::open(const EngineOptions& options, SystemError& error) {
  std::unique_ptr<Engine> engine(new Engine(options));
  for (const SocketAddress& address : options.sockets) {
    std::unique_ptr<Lane> lane = Lane::open(address, options.receiveBufferBytes, engine->clock_, error);
    if (lane == nullptr) return nullptr;
    engine->lanes_.push_back(std::move(lane));
  }
  return engine;
}

Engine::Engine(const EngineOptions& options) : options_(options) { measureStream(); }

void Engine::measureStream() {
  NewStream probe;
  probe.payloadTypes = {{111, Codec::Opus, 48000}};
  const Stream stream(optionsOf(probe));
  valuesPerFrame_ = stream.ring().valuesPerFrame();
  bytesPerStream_ = stream.bytes();
  decoderBytesPerStream_ = stream.decoderBytes();
}

Engine::~Engine() {
  for (auto& lane : lanes_) lane->stop();  // all at once, before each is waited for
}

StreamOptions Engine::optionsOf(const NewStream& description) const {
  StreamOptions options;
  options.rtp.ssrc = description.ssrc;
  options.rtp.payloadTypes = description.payloadTypes;
  options.rtp.audioLevelId = description.audioLevelId;
  options.rtp.reorderMs = options_.reorderMs;
  options.rtp.concealMs = options_.concealMs;
  options.rtp.gapMs = options_.gapMs;
  options.ringKind = options_.ringKind;
  options.ringFrames = options_.ringFrames;
  options.forgetMs = options_.forgetMs;
  return options;
}

std::size_t Engine::streamCount() const { return pushed_.size() + laneOf_.size(); }

Engine::Added Engine::addStream(const NewStream& description, std::uint64_t& handle) {
  if (streamCount() >= options_.maxStreams) return Added::Full;
  handle = ++newestHandle_;
  auto stream = std::make_unique<Stream>(optionsOf(description));
  if (description.socket < 0) {
    pushed_.emplace(handle, std::move(stream));
    return Added::Yes;
  }
  Lane& lane = *lanes_[static_cast<std::size_t>(description.socket)];
  if (!lane.add(handle, {description.source, description.ssrc}, std::move(stream))) return Added::KnownKey;
  laneOf_.emplace(handle, &lane);
  return Added::Yes;
}

bool Engine::removeStream(std::uint64_t handle) {
  if (pushed_.erase(handle) > 0) return true;
  const auto lane = laneOf_.find(handle);
  if (lane == laneOf_.end()) return false;
  lane->second->remove(handle);
  laneOf_.erase(lane);
  return true;
}

bool Engine::resetStream(std::uint64_t handle) {
  if (Stream* stream = pushedStream(handle)) {
    stream->reset();
    return true;
  }
  const auto lane = laneOf_.find(handle);
  return lane != laneOf_.end() && lane->second->reset(handle);
}

void Engine::setRing(RingKind kind, std::size_t frames) {
  options_.ringKind = kind;
  options_.ringFrames = frames;
  measureStream();
  for (auto& [handle, stream] : pushed_) stream->setRing(kind, frames);
  for (auto& [handle, lane] : laneOf_) {
    lane->with(handle, [&](Stream& stream) { stream.setRing(kind, frames); });
  }
}

Stream* Engine::pushedStream(std::uint64_t handle) {
  const auto found = pushed_.find(handle);
  return found == pushed_.end() ? nullptr : found->second.get();
}

void Engine::advance(double nowMs) {
  for (auto& [handle, stream] : pushed_) stream->advance(nowMs);
}

void Engine::poll(PollRow* rows, double nowMs) {
  for (auto& [handle, stream] : pushed_) {
    *rows = stream->poll(nowMs);
    rows->handle = static_cast<double>(handle);
    ++rows;
  }
  for (auto& lane : lanes_) {
    lane->poll(rows, nowMs);
    rows += lane->size();
  }
}

LaneStats Engine::stats() {
  LaneStats total;
  for (auto& lane : lanes_) {
    const LaneStats stats = lane->stats();
    total.packetsUnknownSource += stats.packetsUnknownSource;
    total.packetsMalformed += stats.packetsMalformed;
    total.rtcpPackets += stats.rtcpPackets;
    total.kernelDrops += stats.kernelDrops;
    total.queueDrops += stats.queueDrops;
  }
  return total;
}

}  // namespace mos
