// Packets in any order, through the same steps as in RtpStream: every packet comes out once, in
// sequence, unharmed, and none is held longer than the wait. Each packet is three bytes of input: a
// sequence number near the newest one, its size, and the time since the packet before.
#include "reorder_buffer.h"

#include <cstdlib>
#include <memory>
#include <set>
#include <vector>

namespace {

constexpr double kWaitMs = 60;

void require(bool condition) {
  if (!condition) std::abort();
}

class Checker {
 public:
  Checker() { buffer_->begin(next_); }

  void arrive(std::int64_t sequence, std::size_t size, double nowMs) {
    drain(nowMs);
    payload_.assign(size, static_cast<std::uint8_t>(sequence));
    mos::MediaPacket packet;
    packet.sequence = sequence;
    packet.arrivalMs = nowMs;
    packet.payload = payload_.data();
    packet.payloadSize = size;
    const auto place = buffer_->place(sequence);
    using Place = mos::ReorderBuffer::Place;
    require((place == Place::Late || (place == Place::Duplicate && held_.count(sequence) == 0)) == (sequence < next_));
    if (place == Place::Next) {
      require(sequence == next_);
      playNow(packet);
    }
    if (place == Place::Ahead) {
      while (!buffer_->fits(size) && buffer_->lowest() && buffer_->lowest()->sequence < sequence) playHeld(nowMs);
      if (buffer_->fits(size)) {
        buffer_->hold(packet);
        require(held_.insert(sequence).second);
      } else {
        playNow(packet);
      }
    }
    drain(nowMs);
    require(buffer_->size() == held_.size() && held_.size() <= mos::ReorderBuffer::kMaxPackets);
  }

  void drain(double nowMs) {
    while (buffer_->due(nowMs)) playHeld(nowMs);
  }
  bool empty() const { return buffer_->size() == 0; }

 private:
  void playNow(const mos::MediaPacket& packet) {
    played(packet);
    buffer_->passed(packet.sequence);
  }
  void playHeld(double nowMs) {
    const mos::MediaPacket& packet = *buffer_->lowest();
    require(packet.arrivalMs <= nowMs);
    require(held_.erase(packet.sequence) == 1);
    played(packet);
    buffer_->pop();
  }
  void played(const mos::MediaPacket& packet) {
    require(packet.sequence >= next_);
    next_ = packet.sequence + 1;
    for (std::size_t i = 0; i < packet.payloadSize; ++i) {
      require(packet.payload[i] == static_cast<std::uint8_t>(packet.sequence));
    }
  }

  std::unique_ptr<mos::ReorderBuffer> buffer_ = std::make_unique<mos::ReorderBuffer>(kWaitMs);
  std::vector<std::uint8_t> payload_;
  std::set<std::int64_t> held_;
  std::int64_t next_ = 1000;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Checker checker;
  std::int64_t newest = 1000;
  double nowMs = 0;
  for (; size >= 3; data += 3, size -= 3) {
    const std::int64_t sequence = newest + static_cast<std::int8_t>(data[0]);
    if (sequence > newest) newest = sequence;
    const std::size_t bytes = data[1] < 250 ? data[1] : (data[1] - 249) * std::size_t{3000};
    nowMs += data[2] / 4.0;
    checker.arrive(sequence, bytes, nowMs);
  }
  checker.drain(nowMs + kWaitMs);
  if (!checker.empty()) std::abort();
  return 0;
}
