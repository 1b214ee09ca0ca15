#pragma once
// The streams of one scorer: those that live sockets feed, and those fed by hand. Called from one thread.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "stream.h"

namespace mos {

struct EngineOptions {
  std::vector<std::uint16_t> ports;  // one socket each; 0 = any
  std::string address;
  int receiveBufferBytes = 0;
  RingKind ringKind = RingKind::LogMel;
  std::size_t ringFrames = 768;
  double reorderMs = 60;
  double concealMs = 120;
  double gapMs = 1000;
  double forgetMs = 60000;
  std::size_t maxStreams = 1;
};

struct NewStream {
  int socket = -1;  // index of the socket; -1 = fed by hand
  std::string sourceAddress;
  std::uint16_t sourcePort = 0;
  std::uint32_t ssrc = 0;
  std::vector<PayloadType> payloadTypes;
  std::uint8_t audioLevelId = 0;
};

class Engine {
 public:
  explicit Engine(const EngineOptions& options);

  // 0 when there are maxStreams already.
  std::uint64_t addStream(const NewStream& description);
  bool removeStream(std::uint64_t handle);
  // Null when there is none fed by hand under this handle.
  Stream* byHand(std::uint64_t handle);
  // Lets time pass for the streams fed by hand.
  void advance(double nowMs);

  std::size_t streamCount() const { return byHand_.size(); }
  // `rows` has room for streamCount() rows.
  void poll(PollRow* rows, double nowMs);
  // Calls act(Stream&) while nothing else uses the stream. False when there is none under this handle.
  template <typename Action>
  bool with(std::uint64_t handle, Action act) {
    Stream* stream = byHand(handle);
    if (stream == nullptr) return false;
    act(*stream);
    return true;
  }

  std::size_t valuesPerFrame() const { return valuesPerFrame_; }
  std::size_t bytesPerStream() const { return bytesPerStream_; }
  std::size_t decoderBytesPerStream() const { return decoderBytesPerStream_; }

 private:
  StreamOptions optionsOf(const NewStream& description) const;

  EngineOptions options_;
  std::size_t valuesPerFrame_;
  std::size_t bytesPerStream_;
  std::size_t decoderBytesPerStream_;
  std::uint64_t newestHandle_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Stream>> byHand_;
};

}  // namespace mos
