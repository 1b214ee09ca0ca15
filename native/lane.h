#pragma once
// One socket, the streams that come by it, and the thread that works on them.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "receiver.h"
#include "stream.h"

namespace mos {

// A stream is known by where its packets come from and their SSRC. Anything else is counted and dropped.
struct StreamKey {
  SocketAddress source;
  std::uint32_t ssrc = 0;

  bool operator==(const StreamKey& other) const { return ssrc == other.ssrc && source == other.source; }
};

struct StreamKeyHash {
  std::size_t operator()(const StreamKey& key) const {
    return SocketAddressHash()(key.source) ^ (key.ssrc * std::size_t{0x9e3779b97f4a7c15ULL});
  }
};

struct LaneStats {
  std::uint64_t packetsUnknownSource = 0;
  std::uint64_t packetsMalformed = 0;
  std::uint64_t rtcpPackets = 0;
  std::uint64_t kernelDrops = 0;
  std::uint64_t queueDrops = 0;
};

class Lane {
 public:
  // Null when the system refuses the socket.
  static std::unique_ptr<Lane> open(const SocketAddress& address, int receiveBufferBytes, const HostClock& clock,
                                    SystemError& error);
  ~Lane();

  // Its threads end soon; the destructor waits for them.
  void stop() { receiver_->stop(); }
  const Receiver& receiver() const { return *receiver_; }

  // Packets that arrived before this moment are not the stream's. False when there is a stream of that key.
  bool add(std::uint64_t handle, const StreamKey& key, std::unique_ptr<Stream> stream);
  // The stream, for the caller to destroy; null when there is none.
  std::unique_ptr<Stream> remove(std::uint64_t handle);
  // Packets that arrived before this moment are not decoded either.
  bool reset(std::uint64_t handle);
  std::size_t size() const { return streams_.size(); }

  // Calls act(Stream&) while the thread does not work. False when there is no such stream.
  template <typename Action>
  bool with(std::uint64_t handle, Action act) {
    const auto lock = takeTurn();
    const auto found = streams_.find(handle);
    if (found == streams_.end()) return false;
    act(*found->second.stream);
    return true;
  }
  // Writes size() rows.
  void poll(PollRow* rows, double nowMs);
  LaneStats stats();

 private:
  struct Entry {
    StreamKey key;
    std::unique_ptr<Stream> stream;
    double notBeforeMs;
  };

  Lane(std::unique_ptr<Receiver> receiver, const HostClock& clock);
  // The waiting thread is next: a mutex alone would let the working thread go on batch after batch.
  std::unique_lock<std::mutex> takeTurn();
  void run();
  // Works off a few packets. False when the queue is empty.
  bool work();
  void deliver(const QueuedPacket& packet);

  const HostClock clock_;
  std::mutex turn_;   // held by the one who waits for mutex_
  std::mutex mutex_;  // of all below; streams_ itself is changed by the caller's thread only
  std::map<std::uint64_t, Entry> streams_;
  std::unordered_map<StreamKey, Entry*, StreamKeyHash> byKey_;
  std::unordered_map<SocketAddress, std::size_t, SocketAddressHash> streamsOf_;  // source -> number of streams
  LaneStats counted_;

  std::unique_ptr<Receiver> receiver_;
  std::thread thread_;
};

}  // namespace mos
