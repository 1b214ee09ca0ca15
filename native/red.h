#pragma once
// Redundant audio data (RFC 2198): the payload of a packet, and older payloads once more.
#include <array>
#include <cstddef>
#include <cstdint>

namespace mos {

struct PayloadPart {
  std::uint8_t payloadType = 0;
  std::uint32_t timestampOffset = 0;  // how much earlier it begins than the packet, RTP units; 0: the primary one
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

// What a payload holds: any number of redundant parts, oldest first as a rule, then the primary one.
class PayloadParts {
 public:
  static constexpr std::size_t kMost = 8;

  // False when it is not of RFC 2198, or has more than kMost parts.
  bool splitRed(const std::uint8_t* payload, std::size_t size);

  std::size_t redundant() const { return count_ - 1; }
  const PayloadPart& operator[](std::size_t index) const { return parts_[index]; }
  const PayloadPart& primary() const { return parts_[count_ - 1]; }

 private:
  std::array<PayloadPart, kMost> parts_{};
  std::size_t count_ = 1;
};

}  // namespace mos
