#include "rtp_packet.h"

namespace mos {
namespace {

constexpr std::size_t kFixedHeaderSize = 12;
constexpr std::size_t kRtcpHeaderSize = 4;
constexpr std::size_t kExtensionHeaderSize = 4;

std::uint16_t read16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>((p[0] << 8) | p[1]);
}

std::uint32_t read32(const std::uint8_t* p) {
  return (std::uint32_t{p[0]} << 24) | (std::uint32_t{p[1]} << 16) | (std::uint32_t{p[2]} << 8) | p[3];
}

}  // namespace

bool isRtcp(const std::uint8_t* data, std::size_t size) {
  return size >= kRtcpHeaderSize && (data[0] >> 6) == 2 && data[1] >= 192 && data[1] <= 223;
}

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
// |                           timestamp                           |
// |                             SSRC                              |
// |                         CSRC (CC times)                       |
// |      defined by profile       | length of extension, 32 bits  |
std::optional<RtpPacket> parseRtpPacket(const std::uint8_t* data, std::size_t size) {
  if (size < kFixedHeaderSize || (data[0] >> 6) != 2) return std::nullopt;
  const bool padded = (data[0] & 0x20) != 0;
  const bool extended = (data[0] & 0x10) != 0;

  RtpPacket packet;
  packet.csrcCount = data[0] & 0x0f;
  packet.marker = (data[1] & 0x80) != 0;
  packet.payloadType = data[1] & 0x7f;
  packet.sequenceNumber = read16(data + 2);
  packet.timestamp = read32(data + 4);
  packet.ssrc = read32(data + 8);

  std::size_t offset = kFixedHeaderSize + std::size_t{4} * packet.csrcCount;
  if (offset > size) return std::nullopt;
  if (extended) {
    if (size - offset < kExtensionHeaderSize) return std::nullopt;
    packet.extensionProfile = read16(data + offset);
    packet.extensionSize = std::size_t{4} * read16(data + offset + 2);
    offset += kExtensionHeaderSize;
    if (size - offset < packet.extensionSize) return std::nullopt;
    packet.extension = data + offset;
    offset += packet.extensionSize;
  }

  std::size_t padding = 0;
  if (padded) {
    if (offset == size) return std::nullopt;
    padding = data[size - 1];  // counts itself
    if (padding == 0 || padding > size - offset) return std::nullopt;
  }
  packet.payload = data + offset;
  packet.payloadSize = size - offset - padding;
  return packet;
}

}  // namespace mos
