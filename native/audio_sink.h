#pragma once
// Interface between decoder and feature extraction.
#include <cstddef>
#include <cstdint>

namespace mos {

constexpr int kSampleRateHz = 16000;

// Where a stretch of audio comes from.
enum class Origin : std::uint8_t {
  Received,      // decoded from its own packet
  FecRecovered,  // from the in-band FEC of the packet after it (RFC 6716 §2.1.7)
  Concealed,     // made up by the decoder's concealment, or silence where that ended: lost on the way
  Overload,      // the same, but lost inside this host
};

struct AudioChunk {
  const float* samples;  // 16 kHz mono, -1 to 1
  std::size_t count;
  double startMs;  // when the sender's clock puts the first sample, mapped to Unix ms
  Origin origin;
};

class AudioSink {
 public:
  virtual ~AudioSink() = default;
  // Follows the chunk before it without a break, unless onBreak() came in between.
  virtual void onAudio(const AudioChunk& chunk) = 0;
  // Time passes without audio: discontinuous transmission, mute, comfort noise, a gap too long to stand for talk.
  virtual void onBreak() = 0;
  // The sender restarted: earlier audio does not belong to what follows.
  virtual void onRestart() = 0;
};

}  // namespace mos
