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
    if (slots_[i].sequence != sequence) continue;
    if (!slots_[i].redundant) return Place::Duplicate;
    remove(i);
  }
  return sequence == next_ ? Place::Next : Place::Ahead;
}

bool ReorderBuffer::misses(std::int64_t sequence) const {
  return sequence >= next_ && std::none_of(slots_.begin(), slots_.begin() + count_,
                                           [&](const Slot& slot) { return slot.sequence == sequence; });
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
                static_cast<std::uint16_t>(packet.payloadSize),
                packet.redundant};
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
  lowest_.redundant = slot.redundant;
  lowest_.type = slot.type;
  lowest_.payload = bytes_.data() + slot.offset;
  lowest_.payloadSize = slot.size;
  return &lowest_;
}

const MediaPacket* ReorderBuffer::due(double nowMs) {
  if (count_ == 0) return nullptr;
  const bool inTurn = slots_[0].sequence == next_ && !slots_[0].redundant;
  const bool waitedFor = std::any_of(slots_.begin(), slots_.begin() + count_,
                                     [&](const Slot& slot) { return slot.arrivalMs + waitMs_ <= nowMs; });
  return inTurn || waitedFor ? lowest() : nullptr;
}

void ReorderBuffer::pop() {
  if (count_ == 0) return;
  const std::int64_t sequence = slots_[0].sequence;
  const bool came = !slots_[0].redundant;
  remove(0);
  passed(sequence, came);
}

void ReorderBuffer::remove(std::size_t index) {
  const Slot gone = slots_[index];
  --count_;
  for (std::size_t i = index; i < count_; ++i) slots_[i] = slots_[i + 1];
  for (std::size_t i = 0; i < count_; ++i) {
    if (slots_[i].offset > gone.offset) slots_[i].offset = static_cast<std::uint16_t>(slots_[i].offset - gone.size);
  }
  const std::size_t end = std::size_t{gone.offset} + gone.size;
  std::memmove(bytes_.data() + gone.offset, bytes_.data() + end, used_ - end);
  used_ -= gone.size;
}

void ReorderBuffer::passed(std::int64_t sequence, bool came) {
  const auto shift = static_cast<std::uint64_t>(sequence + 1 - next_);
  seen_ = shift < kHistory ? seen_ << shift : std::bitset<kHistory>();
  seen_.set(0, came);
  next_ = sequence + 1;
}

}  // namespace mos
