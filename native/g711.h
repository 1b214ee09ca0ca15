#pragma once
// G.711 (ITU-T G.711; RTP payload RFC 3551 §4.5.14), and the way from its 8 kHz to 16 kHz.
#include <array>
#include <cstddef>
#include <cstdint>

namespace mos {

// Linear value of a code, -1 to 1 (full scale is 32768: the loudest code of either law is just below).
float expandMuLaw(std::uint8_t code);
float expandALaw(std::uint8_t code);

// Doubles the sample rate with a linear-phase half-band FIR of 55 taps: flat within 0.003 dB to 3.4 kHz,
// images at least 72 dB down, delay 27 samples at 16 kHz (1.69 ms). Keeps its state between calls.
class HalfBandUpsampler {
 public:
  static constexpr int kDelaySamples = 27;

  // Two samples out for one in.
  void process(float in, float* out);
  void reset();

 private:
  static constexpr std::size_t kTaps = 28;  // of the branch that is not a mere delay
  std::array<float, kTaps> history_{};      // newest first, from position_, circular
  std::size_t position_ = 0;
};

}  // namespace mos
