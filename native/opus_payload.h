#pragma once
// What stands in an Opus payload before any audio is decoded (RFC 6716 §3).
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace mos {

enum class OpusMode : std::uint8_t { Silk, Hybrid, Celt };

// The first byte, RFC 6716 §3.1.
struct OpusToc {
  OpusMode mode = OpusMode::Silk;
  bool stereo = false;
  int bandwidthHz = 0;  // 4000, 6000, 8000, 12000 or 20000
  int frameUs = 0;      // 2500 to 60000
};

OpusToc opusToc(std::uint8_t toc);

struct OpusPayload {
  OpusToc toc;
  int frameCount = 0;                   // 1 to 48; together at most 120 ms
  const std::uint8_t* first = nullptr;  // first frame
  std::size_t firstSize = 0;
  std::size_t largestFrameSize = 0;
  int leadingCount = 0;                    // of leading: one for each 20 ms, at least one
  std::array<std::uint8_t, 6> leading{};   // first byte of the frames that begin 20 ms apart; 0 of an empty one
  bool hasLbrr = false;  // SILK or hybrid: the first frame carries the frame before it again (§2.1.7)
};

// Nothing when the payload breaks a rule of RFC 6716 §3.4.
std::optional<OpusPayload> parseOpusPayload(const std::uint8_t* payload, std::size_t size);

// 20 ms SILK frames (or one of 10 ms) in an Opus frame of SILK or hybrid mode.
int silkFrames(const OpusToc& toc);

}  // namespace mos
