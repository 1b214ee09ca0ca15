#include "engine.h"

namespace mos {

Engine::Engine(const EngineOptions& options) : options_(options) {
  NewStream probe;
  probe.payloadTypes = {{111, Codec::Opus, 48000}};
  const Stream stream(optionsOf(probe));
  valuesPerFrame_ = stream.ring().valuesPerFrame();
  bytesPerStream_ = stream.bytes();
  decoderBytesPerStream_ = stream.decoderBytes();
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

std::uint64_t Engine::addStream(const NewStream& description) {
  if (streamCount() >= options_.maxStreams) return 0;
  byHand_.emplace(++newestHandle_, std::make_unique<Stream>(optionsOf(description)));
  return newestHandle_;
}

bool Engine::removeStream(std::uint64_t handle) { return byHand_.erase(handle) > 0; }

Stream* Engine::byHand(std::uint64_t handle) {
  const auto found = byHand_.find(handle);
  return found == byHand_.end() ? nullptr : found->second.get();
}

void Engine::advance(double nowMs) {
  for (auto& [handle, stream] : byHand_) stream->advance(nowMs);
}

void Engine::poll(PollRow* rows, double nowMs) {
  for (auto& [handle, stream] : byHand_) {
    *rows = stream->poll(nowMs);
    rows->handle = static_cast<double>(handle);
    ++rows;
  }
}

}  // namespace mos
