#include "opus_payload.h"

#include <opus/opus.h>

#include <algorithm>

namespace mos {
namespace {

constexpr int kMaxFrames = 48;
constexpr int kLeadingUs = 20000;
constexpr std::size_t kMaxPayload = 1u << 20;

// The header bits of a SILK frame come before everything else, each with probability 1/2, so they are
// plain bits: VAD flags and the LBRR flag of the mid channel, then of the side channel (§4.2.3).
bool lbrrFlag(const OpusToc& toc, std::uint8_t firstByte) {
  const int frames = silkFrames(toc);
  const bool mid = ((firstByte >> (7 - frames)) & 1) != 0;
  const bool side = toc.stereo && ((firstByte >> (6 - 2 * frames)) & 1) != 0;
  return mid || side;
}

}  // namespace

OpusToc opusToc(std::uint8_t toc) {
  constexpr std::array<int, 4> kSpeechFrameUs{10000, 20000, 40000, 60000};
  constexpr std::array<int, 4> kCeltFrameUs{2500, 5000, 10000, 20000};
  constexpr std::array<int, 4> kCeltBandwidthHz{4000, 8000, 12000, 20000};
  const unsigned config = toc >> 3;
  OpusToc out;
  out.stereo = (toc & 4) != 0;
  if (config < 12) {
    out.mode = OpusMode::Silk;
    out.bandwidthHz = 4000 + 2000 * static_cast<int>(config / 4);
    out.frameUs = kSpeechFrameUs[config % 4];
  } else if (config < 16) {
    out.mode = OpusMode::Hybrid;
    out.bandwidthHz = config < 14 ? 12000 : 20000;
    out.frameUs = kSpeechFrameUs[config % 2];
  } else {
    out.mode = OpusMode::Celt;
    out.bandwidthHz = kCeltBandwidthHz[(config - 16) / 4];
    out.frameUs = kCeltFrameUs[config % 4];
  }
  return out;
}

int silkFrames(const OpusToc& toc) {
  return std::max(1, toc.frameUs / 20000);
}

std::optional<OpusPayload> parseOpusPayload(const std::uint8_t* payload, std::size_t size) {
  if (size == 0 || size > kMaxPayload) return std::nullopt;
  std::array<const unsigned char*, kMaxFrames> frames;
  std::array<opus_int16, kMaxFrames> sizes;
  const int count =
      opus_packet_parse(payload, static_cast<opus_int32>(size), nullptr, frames.data(), sizes.data(), nullptr);
  if (count <= 0) return std::nullopt;

  OpusPayload out;
  out.toc = opusToc(payload[0]);
  out.frameCount = count;
  out.first = frames[0];
  out.firstSize = static_cast<std::size_t>(sizes[0]);
  out.largestFrameSize = static_cast<std::size_t>(*std::max_element(sizes.begin(), sizes.begin() + count));
  for (int i = 0; i < count; i += std::max(1, kLeadingUs / out.toc.frameUs)) {
    const auto at = static_cast<std::size_t>(i);
    out.leading[static_cast<std::size_t>(out.leadingCount++)] = sizes[at] > 0 ? frames[at][0] : 0;
  }
  out.hasLbrr = out.toc.mode != OpusMode::Celt && out.firstSize > 1 && lbrrFlag(out.toc, out.first[0]);
  return out;
}

}  // namespace mos
