// Header extension elements: disjoint, in order, within the block. The first byte chooses the form.
#include "header_extensions.h"

#include <cstdlib>

static volatile unsigned sink;  // so that the reads are made

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  mos::RtpPacket packet;
  packet.extensionProfile = data[0] < 128 ? 0xbede : static_cast<std::uint16_t>(0x1000 | (data[0] & 0x1f));
  packet.extension = data + 1;
  packet.extensionSize = size - 1;

  mos::HeaderExtensions extensions(packet);
  unsigned sum = 0;
  const std::uint8_t* reached = packet.extension;
  while (const auto element = extensions.next()) {
    if (element->data <= reached && element->size > 0) std::abort();
    if (element->data + element->size > data + size || element->id == 0) std::abort();
    reached = element->data + element->size - (element->size > 0 ? 1 : 0);
    for (std::size_t i = 0; i < element->size; ++i) sum += element->data[i];
  }
  sink = sum;
  const auto level = mos::readAudioLevel(packet, data[0] & 0x0f);
  if (level && (level->levelDbov < -127 || level->levelDbov > 0)) std::abort();
  return 0;
}
