#include "reorder_buffer.h"

#include <algorithm>
#include <cstring>

namespace mos {

void ReorderBuffer::begin(std::int64_t next) {
  next_ = next;
  seen_.reset();
  count_ = 0;
  used_ = 0;
}

ReorderBuffer::Place ReorderBuffer::place(std::int64_t sequence) {
  if (sequence < next_) {
    const auto age = static_cast<std::uint64_t>(next_ - 1 - sequence);
    if (age >= kHistory) return Place::Late;
    if (seen_[age]) return Place::Duplicate;
    seen_.set(age);
    return Place::Late;
  }
  for (std::size_t i = 0; i < count_; ++i) {
    if (slots_[i].sequence == sequence) return Place::Duplicate;
  }
  return sequence == next_ ? Place::Next : Place::Ahead;
}

void ReorderBuffer::hold(const MediaPacket& packet) {
  std::size_t at = count_;
  for (; at > 0 && slots_[at - 1].sequence > packet.sequence; --at) slots_[at] = slots_[at - 1];
  slots_[at] = {packet.sequence,
                packet.timestamp,
                packet.arrivalMs,
                packet.ownDrops,
                packet.type,
                static_cast<std::uint16_t>(used_),
                static_cast<std::uint16_t>(packet.payloadSize)};
  if (packet.payloadSize > 0) std::memcpy(bytes_.data() + used_, packet.payload, packet.payloadSize);
  used_ += packet.payloadSize;
  ++count_;
}

const MediaPacket* ReorderBuffer::lowest() {
  if (count_ == 0) return nullptr;
  const Slot& slot = slots_[0];
  lowest_.sequence = slot.sequence;
  lowest_.timestamp = slot.timestamp;
  lowest_.arrivalMs = slot.arrivalMs;
  lowest_.ownDrops = slot.ownDrops;
  lowest_.type = slot.type;
  lowest_.payload = bytes_.data() + slot.offset;
  lowest_.payloadSize = slot.size;
  return &lowest_;
}

const MediaPacket* ReorderBuffer::due(double nowMs) {
  if (count_ == 0) return nullptr;
  const bool inTurn = slots_[0].sequence == next_;
  const bool waitedFor = std::any_of(slots_.begin(), slots_.begin() + count_,
                                     [&](const Slot& slot) { return slot.arrivalMs + waitMs_ <= nowMs; });
  return inTurn || waitedFor ? lowest() : nullptr;
}

void ReorderBuffer::pop() {
  if (count_ == 0) return;
  const Slot gone = slots_[0];
  --count_;
  for (std::size_t i = 0; i < count_; ++i) {
    slots_[i] = slots_[i + 1];
    if (slots_[i].offset > gone.offset) slots_[i].offset = static_cast<std::uint16_t>(slots_[i].offset - gone.size);
  }
  const std::size_t end = std::size_t{gone.offset} + gone.size;
  std::memmove(bytes_.data() + gone.offset, bytes_.data() + end, used_ - end);
  used_ -= gone.size;
  passed(gone.sequence);
}

void ReorderBuffer::passed(std::int64_t sequence) {
  const auto shift = static_cast<std::uint64_t>(sequence + 1 - next_);
  seen_ = shift < kHistory ? seen_ << shift : std::bitset<kHistory>();
  seen_.set(0);
  next_ = sequence + 1;
}

}  // namespace mos
