#pragma once
// Datagrams from the thread that receives to the thread that works: one of each, no locks, memory taken once.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "socket_address.h"

namespace mos {

struct alignas(16) QueuedPacket {
  std::uint32_t size = 0;  // bytes
  SocketAddress source;
  double arrivalMs = 0;        // Unix ms
  std::uint64_t hostDrops = 0;  // packets lost inside this host before it, running count

  const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(this + 1); }
};

class PacketQueue {
 public:
  // Room for packets of `capacityBytes`, with 48 bytes a packet for what is known of it.
  explicit PacketQueue(std::size_t capacityBytes) : units_(capacityBytes / kUnit) {}

  // Receiving thread. False when there is no room.
  bool push(const QueuedPacket& packet, const std::uint8_t* data) {
    const std::size_t needed = unitsOf(packet.size);
    const std::size_t at = written_ % units_.size(), toEnd = units_.size() - at;
    // A packet lies in one piece: what is left at the end is skipped when it does not fit there.
    const std::size_t skipped = needed <= toEnd ? 0 : toEnd;
    if (written_ + skipped + needed - read_.load(std::memory_order_acquire) > units_.size()) return false;
    if (skipped > 0) std::memcpy(&units_[at], &kSkip, sizeof kSkip);
    Unit* to = &units_[(at + skipped) % units_.size()];
    std::memcpy(to, &packet, sizeof packet);
    std::memcpy(to + kHeaderUnits, data, packet.size);
    written_ += skipped + needed;
    published_.store(written_, std::memory_order_release);
    return true;
  }

  // Working thread. Null when empty; valid until pop().
  const QueuedPacket* front() {
    const std::size_t published = published_.load(std::memory_order_acquire);
    std::size_t position = read_.load(std::memory_order_relaxed);
    if (position == published) return nullptr;
    std::uint32_t size;
    std::memcpy(&size, &units_[position % units_.size()], sizeof size);
    if (size == kSkip) {
      position += units_.size() - position % units_.size();
      read_.store(position, std::memory_order_release);
    }
    return reinterpret_cast<const QueuedPacket*>(&units_[position % units_.size()]);
  }

  void pop() {
    const std::size_t position = read_.load(std::memory_order_relaxed);
    const auto* packet = reinterpret_cast<const QueuedPacket*>(&units_[position % units_.size()]);
    read_.store(position + unitsOf(packet->size), std::memory_order_release);
  }

 private:
  static constexpr std::size_t kUnit = alignof(QueuedPacket);
  struct alignas(kUnit) Unit {
    std::uint8_t bytes[kUnit];
  };
  static constexpr std::size_t kHeaderUnits = sizeof(QueuedPacket) / kUnit;
  static_assert(sizeof(QueuedPacket) % kUnit == 0, "a packet's bytes follow its header at once");
  static constexpr std::uint32_t kSkip = 0xffffffff;  // in place of a size

  static std::size_t unitsOf(std::uint32_t size) { return kHeaderUnits + (size + kUnit - 1) / kUnit; }

  std::vector<Unit> units_;
  std::size_t written_ = 0;  // in units since the start; the receiving thread's own
  alignas(64) std::atomic<std::size_t> published_{0};
  alignas(64) std::atomic<std::size_t> read_{0};
};

}  // namespace mos
