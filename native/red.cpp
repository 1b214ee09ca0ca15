#include "red.h"

#include "codecs.h"

namespace mos {
namespace {

constexpr std::size_t kRedundantHeaderSize = 4;
constexpr std::uint8_t kMoreFollow = 0x80;

const CodecRegistration kRed({Codec::Red, nullptr});

}  // namespace

//  0                   1                    2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3  4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// |F|   block PT  |  timestamp offset         |   block length    |   F = 1: a redundant part; RFC 2198 §3
// |0|   block PT  |                                                  the primary one, which takes the rest
bool PayloadParts::splitRed(const std::uint8_t* payload, std::size_t size) {
  count_ = 1;
  std::size_t count = 0, at = 0;
  for (; at < size && (payload[at] & kMoreFollow) != 0; at += kRedundantHeaderSize) {
    if (size - at < kRedundantHeaderSize || count + 1 == kMost) return false;
    PayloadPart& part = parts_[count++];
    part.payloadType = payload[at] & 0x7f;
    part.timestampOffset = std::uint32_t{payload[at + 1]} << 6 | payload[at + 2] >> 2;
    part.size = std::size_t{payload[at + 2] & 0x03u} << 8 | payload[at + 3];
  }
  if (at >= size) return false;
  parts_[count] = {static_cast<std::uint8_t>(payload[at] & 0x7f), 0, nullptr, 0};
  const std::uint8_t* data = payload + at + 1;
  std::size_t left = size - at - 1;
  for (std::size_t i = 0; i < count; ++i) {
    if (parts_[i].size > left) return false;
    parts_[i].data = data;
    data += parts_[i].size;
    left -= parts_[i].size;
  }
  parts_[count].data = data;
  parts_[count].size = left;
  count_ = count + 1;
  return true;
}

}  // namespace mos
