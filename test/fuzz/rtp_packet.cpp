// The RTP parser: whatever it accepts lies within the datagram.
#include "rtp_packet.h"

#include <cstdlib>

static volatile unsigned sink;  // so that the reads are made

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bool rtcp = mos::isRtcp(data, size);
  const auto packet = mos::parseRtpPacket(data, size);
  if (!packet) return 0;
  const std::uint8_t* end = data + size;
  const bool inside = packet->payload >= data + 12 && packet->payload + packet->payloadSize <= end &&
                      (packet->extensionSize == 0 || packet->extension + packet->extensionSize <= packet->payload);
  unsigned sum = rtcp ? 1 : 0;
  for (std::size_t i = 0; i < packet->payloadSize; ++i) sum += packet->payload[i];
  for (std::size_t i = 0; i < packet->extensionSize; ++i) sum += packet->extension[i];
  sink = sum;
  if (!inside || packet->payloadType > 127 || packet->csrcCount > 15) std::abort();
  return 0;
}
