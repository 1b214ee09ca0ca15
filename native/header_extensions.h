#pragma once
// RTP header extension elements, one- and two-byte forms (RFC 8285 §4.2, §4.3).
#include <cstddef>
#include <cstdint>
#include <optional>

#include "rtp_packet.h"

namespace mos {

struct HeaderExtension {
  std::uint8_t id = 0;
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
};

// Walks the extension block of a packet. Ends at the end of the block, at an element that asks to
// stop (one-byte form: id 15, or id 0 with a length), or at one that reaches past the block.
class HeaderExtensions {
 public:
  explicit HeaderExtensions(const RtpPacket& packet);
  std::optional<HeaderExtension> next();

 private:
  enum class Form { None, OneByte, TwoByte };
  Form form_ = Form::None;
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t offset_ = 0;
};

// Client-to-mixer audio level (RFC 6464 §3).
struct AudioLevel {
  int levelDbov;  // -127 to 0
  bool voice;     // the V bit
};

// Nothing when the packet has no element `id`; id 0 is none.
std::optional<AudioLevel> readAudioLevel(const RtpPacket& packet, std::uint8_t id);

}  // namespace mos
