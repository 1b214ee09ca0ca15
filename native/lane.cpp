#include "lane.h"

#include "rtp_packet.h"

namespace mos {
namespace {

constexpr int kBatch = 32;                 // packets worked on while the caller waits: about a millisecond
constexpr std::size_t kLeastRtp = 12;      // RFC 3550 §5.1
constexpr std::size_t kLeastRtcp = 8;      // RFC 3550 §6.4.2
constexpr std::size_t kSsrcOfRtp = 8;      // offsets
constexpr std::size_t kSsrcOfRtcp = 4;
constexpr double kAdvanceEveryMs = 20.0;  // or as seldom as the receiver looks

std::uint32_t readUint32(const std::uint8_t* data) {
  return std::uint32_t{data[0]} << 24 | std::uint32_t{data[1]} << 16 | std::uint32_t{data[2]} << 8 | data[3];
}

}  // namespace

std::unique_ptr<Lane> Lane::open(const SocketAddress& address, int receiveBufferBytes, const HostClock& clock,
                                 SystemError& error) {
  std::unique_ptr<Receiver> receiver = Receiver::open(address, receiveBufferBytes, clock, error);
  if (receiver == nullptr) return nullptr;
  std::unique_ptr<Lane> lane(new Lane(std::move(receiver), clock));
  lane->thread_ = std::thread([self = lane.get()] { self->run(); });
  return lane;
}

Lane::Lane(std::unique_ptr<Receiver> receiver, const HostClock& clock)
    : clock_(clock), receiver_(std::move(receiver)) {}

Lane::~Lane() {
  stop();
  thread_.join();
}

std::unique_lock<std::mutex> Lane::takeTurn() {
  const std::lock_guard<std::mutex> turn(turn_);
  return std::unique_lock<std::mutex>(mutex_);
}

bool Lane::add(std::uint64_t handle, const StreamKey& key, std::unique_ptr<Stream> stream) {
  const auto lock = takeTurn();
  if (byKey_.count(key) > 0) return false;
  Entry& entry = streams_[handle];
  entry = {key, std::move(stream), clock_.nowMs()};
  byKey_[key] = &entry;
  ++streamsOf_[key.source];
  receiver_->expectStreams(streams_.size());
  return true;
}

std::unique_ptr<Stream> Lane::remove(std::uint64_t handle) {
  const auto lock = takeTurn();
  const auto found = streams_.find(handle);
  if (found == streams_.end()) return nullptr;
  std::unique_ptr<Stream> stream = std::move(found->second.stream);
  const StreamKey key = found->second.key;
  byKey_.erase(key);
  if (--streamsOf_[key.source] == 0) streamsOf_.erase(key.source);
  streams_.erase(found);
  receiver_->expectStreams(streams_.size());
  return stream;
}

bool Lane::reset(std::uint64_t handle) {
  const auto lock = takeTurn();
  const auto found = streams_.find(handle);
  if (found == streams_.end()) return false;
  found->second.stream->reset();
  found->second.notBeforeMs = clock_.nowMs();
  return true;
}

void Lane::poll(PollRow* rows, double nowMs) {
  const auto lock = takeTurn();
  for (auto& [handle, entry] : streams_) {
    *rows = entry.stream->poll(nowMs);
    rows->handle = static_cast<double>(handle);
    ++rows;
  }
}

LaneStats Lane::stats() {
  const auto lock = takeTurn();
  LaneStats stats = counted_;
  stats.packetsMalformed += receiver_->oversized();
  stats.kernelDrops = receiver_->kernelDrops();
  stats.queueDrops = receiver_->queueDrops();
  return stats;
}

void Lane::run() {
  double advancedMs = 0.0;
  while (!receiver_->stopped()) {
    receiver_->wait();
    // Read before the queue is emptied: deadlines up to it may then come due, since no earlier packet is missing.
    const double completeUntilMs = receiver_->completeUntilMs();
    while (work() && !receiver_->stopped()) {
    }
    if (completeUntilMs < advancedMs + kAdvanceEveryMs) continue;
    advancedMs = completeUntilMs;
    const auto lock = takeTurn();
    for (auto& [handle, entry] : streams_) entry.stream->advance(completeUntilMs);
  }
}

bool Lane::work() {
  const auto lock = takeTurn();
  for (int i = 0; i < kBatch; ++i) {
    const QueuedPacket* packet = receiver_->queue().front();
    if (packet == nullptr) return false;
    deliver(*packet);
    receiver_->queue().pop();
  }
  return true;
}

void Lane::deliver(const QueuedPacket& packet) {
  const bool rtcp = isRtcp(packet.data(), packet.size);
  if (packet.size < (rtcp ? kLeastRtcp : kLeastRtp) || packet.data()[0] >> 6 != 2) {
    ++counted_.packetsMalformed;
    return;
  }
  const std::uint32_t ssrc = readUint32(packet.data() + (rtcp ? kSsrcOfRtcp : kSsrcOfRtp));
  const auto found = byKey_.find({packet.source, ssrc});
  const bool known = found != byKey_.end() && packet.arrivalMs >= found->second->notBeforeMs;
  if (known) found->second->stream->onPacket(packet.data(), packet.size, packet.arrivalMs, packet.hostDrops);
  if (rtcp && (known || streamsOf_.count(packet.source) > 0)) {
    ++counted_.rtcpPackets;
  } else if (!known) {
    ++counted_.packetsUnknownSource;
  }
}

}  // namespace mos
