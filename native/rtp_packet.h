#pragma once
// RTP fixed header, CSRC list, extension block and padding (RFC 3550 §5.1, §5.3.1), and how RTCP is
// distinguished on the same port (RFC 5761 §4).
#include <cstddef>
#include <cstdint>
#include <optional>

namespace mos {

// Points into the datagram it was parsed from.
struct RtpPacket {
  bool marker = false;
  std::uint8_t payloadType = 0;
  std::uint16_t sequenceNumber = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0;
  std::uint8_t csrcCount = 0;
  std::uint16_t extensionProfile = 0;  // "defined by profile"; 0 without an extension block
  const std::uint8_t* extension = nullptr;
  std::size_t extensionSize = 0;
  const std::uint8_t* payload = nullptr;  // without padding
  std::size_t payloadSize = 0;
};

// Nothing when the datagram is not RTP version 2 or a length in it reaches past its end.
std::optional<RtpPacket> parseRtpPacket(const std::uint8_t* data, std::size_t size);

// Version 2 and an RTCP packet type (192 to 223) in the second byte.
bool isRtcp(const std::uint8_t* data, std::size_t size);

}  // namespace mos
