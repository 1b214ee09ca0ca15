#pragma once
// Puts packets back in sequence. What is in order passes at once; what comes ahead of its turn is held
// until the packets before it have come, but never longer than `waitMs`. All memory is taken at
// construction: 32 packets, 16 KiB of payload. That covers 60 ms of 2.5 ms packets (24), 640 ms of 20 ms
// packets, and 60 ms at 2 Mbit/s; when it is not enough the packets held longest go on early.
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>

#include "rtp_stream.h"

namespace mos {

struct MediaPacket {
  std::int64_t sequence = 0;   // extended
  std::int64_t timestamp = 0;  // extended, RTP units
  double arrivalMs = 0;
  std::uint64_t ownDrops = 0;
  bool redundant = false;  // a copy that came with a later packet (RFC 2198)
  const PayloadType* type = nullptr;  // null: none of the stream's
  const std::uint8_t* payload = nullptr;
  std::size_t payloadSize = 0;
};

class ReorderBuffer {
 public:
  static constexpr std::size_t kMaxPackets = 32;
  static constexpr std::size_t kMaxBytes = 16 * 1024;

  enum class Place {
    Next,       // its turn: play it now, then passed()
    Ahead,      // packets before it are missing: hold() it
    Late,       // its turn is over
    Duplicate,  // came before, played or held
  };

  explicit ReorderBuffer(double waitMs) : waitMs_(waitMs) {}

  // From now on; what is held already waits as long.
  void waitFor(double ms) { waitMs_ = ms; }

  // Everything held is dropped; `next` is the sequence number whose turn it is.
  void begin(std::int64_t next);

  // Where a packet belongs. A late one is remembered, so that its copy is a duplicate. A redundant copy that is held makes way.
  Place place(std::int64_t sequence);

  // Whether the packet did not come and may still be played: a redundant copy of it is of use.
  bool misses(std::int64_t sequence) const;

  bool fits(std::size_t payloadSize) const { return count_ < kMaxPackets && payloadSize <= kMaxBytes - used_; }

  // Copies the packet. Only where place() returned Ahead, or misses(), and fits().
  void hold(const MediaPacket& packet);

  // The packet to play at `nowMs`: the one whose turn it is, unless it is a redundant copy, or the lowest one when a held packet has
  // waited long enough. Null when there is none. Valid until pop().
  const MediaPacket* due(double nowMs);

  // The lowest packet held, whether its time has come or not; null when nothing is held.
  const MediaPacket* lowest();

  // Takes out what due() or lowest() gave, and passes its turn.
  void pop();

  // The turn of everything up to `sequence` is over, and `sequence` was played. `came`: itself, not a redundant copy.
  void passed(std::int64_t sequence, bool came = true);

  std::size_t size() const { return count_; }

 private:
  static constexpr std::size_t kHistory = 128;  // more than a packet may be late by (SequenceTracker)

  // A packet held, without its bytes.
  struct Slot {
    std::int64_t sequence = 0;
    std::int64_t timestamp = 0;
    double arrivalMs = 0;
    std::uint64_t ownDrops = 0;
    const PayloadType* type = nullptr;
    std::uint16_t offset = 0;  // of its payload in bytes_
    std::uint16_t size = 0;
    bool redundant = false;
  };
  static_assert(kMaxBytes <= 0xffff);

  void remove(std::size_t index);

  double waitMs_;
  std::int64_t next_ = 0;
  std::bitset<kHistory> seen_;  // bit i: next_ - 1 - i came
  std::array<Slot, kMaxPackets> slots_;  // by sequence
  std::size_t count_ = 0;
  std::array<std::uint8_t, kMaxBytes> bytes_;  // payloads without holes between them
  std::size_t used_ = 0;
  MediaPacket lowest_;  // what lowest() points to
};

}  // namespace mos
