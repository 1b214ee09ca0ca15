#pragma once
// The streams of one scorer: those that sockets feed, each in a lane, and those that packets
// or samples are pushed to. Called from one thread.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "host_clock.h"
#include "lane.h"
#include "stream.h"

namespace mos {

struct EngineOptions {
  std::vector<SocketAddress> sockets;  // port 0 = any
  int receiveBufferBytes = 0;          // 0 = the system's default
  RingKind ringKind = RingKind::LogMel;
  std::size_t ringFrames = 768;
  double reorderMs = 60;
  double concealMs = 120;
  double gapMs = 1000;
  double forgetMs = 60000;
  std::size_t maxStreams = 1;
};

struct NewStream {
  int socket = -1;  // index of the socket; -1 = pushed to
  SocketAddress source;  // of its packets, with a socket
  std::uint32_t ssrc = 0;
  std::vector<PayloadType> payloadTypes;
  std::uint8_t audioLevelId = 0;
};

class Engine {
 public:
  enum class Added { Yes, Full, KnownKey };

  // Null when the system refuses a socket.
  static std::unique_ptr<Engine> open(const EngineOptions& options, SystemError& error);
  ~Engine();

  // `handle` is one that was never used before.
  Added addStream(const NewStream& description, std::uint64_t& handle);
  bool removeStream(std::uint64_t handle);
  bool resetStream(std::uint64_t handle);
  // Other frames from now on, in all streams, none of those from before.
  void setRing(RingKind kind, std::size_t frames);
  // Null when no stream that is pushed to has this handle.
  Stream* pushedStream(std::uint64_t handle);
  // Lets time pass for the streams that are pushed to.
  void advance(double nowMs);

  std::size_t streamCount() const;
  // `rows` has room for streamCount() rows.
  void poll(PollRow* rows, double nowMs);
  // Calls act(Stream&) while nothing else uses the stream. False when there is none under this handle.
  template <typename Action>
  bool with(std::uint64_t handle, Action act) {
    if (Stream* stream = pushedStream(handle)) {
      act(*stream);
      return true;
    }
    const auto lane = laneOf_.find(handle);
    return lane != laneOf_.end() && lane->second->with(handle, act);
  }
  LaneStats stats();

  const std::vector<std::unique_ptr<Lane>>& lanes() const { return lanes_; }
  std::size_t valuesPerFrame() const { return valuesPerFrame_; }
  std::size_t bytesPerStream() const { return bytesPerStream_; }
  std::size_t decoderBytesPerStream() const { return decoderBytesPerStream_; }

 private:
  explicit Engine(const EngineOptions& options);
  StreamOptions optionsOf(const NewStream& description) const;
  void measureStream();

  EngineOptions options_;
  HostClock clock_;
  std::size_t valuesPerFrame_;
  std::size_t bytesPerStream_;
  std::size_t decoderBytesPerStream_;
  std::uint64_t newestHandle_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Stream>> pushed_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::unordered_map<std::uint64_t, Lane*> laneOf_;
};

}  // namespace mos
