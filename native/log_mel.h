#pragma once
// The front end of the students: 16 kHz audio to log-mel frames. All that defines it is here.
//
// Frame t is centred on sample 160 t: a 400-point periodic Hann window over samples 160 t - 200 to 160 t + 199, zero
// padded to a 512-point power spectrum, 64 triangular filters of height 1 on the HTK mel scale, log10(power + 1e-14).
// The ends are reflected (without repeating the end sample), so a stretch of N samples gives floor(N / 160) frames.
// Frame t stands for the hop of samples 160 t to 160 t + 159.
#include <cstddef>

#include "audio_sink.h"
#include "fft512.h"

namespace mos {

constexpr int kWindowSize = 400;
constexpr int kHopSize = 160;
constexpr double kHopMs = 1000.0 * kHopSize / kSampleRateHz;
constexpr int kMels = 64;
constexpr double kMelLowHz = 20.0;
constexpr double kMelHighHz = 8000.0;
constexpr float kPowerFloor = 1e-14f;

// One stretch of audio after the other, hop by hop. The frame of a hop comes out when the next hop goes in: 160
// samples (10 ms) late. After flush() the frames of a stretch are the same however it was fed.
class LogMel {
 public:
  // Takes 160 samples. True when it wrote the 64 values of the hop before.
  bool push(const float* hop, float* frame);
  // Ends the stretch with `count` (0 to 159) more samples. True when it wrote the frame of the last hop.
  bool flush(const float* rest, std::size_t count, float* frame);
  // The 160 samples of the hop whose frame was written last.
  const float* hop() const { return samples_ + kBefore - kHopSize; }
  // Forgets the stretch.
  void reset();

 private:
  static constexpr int kBefore = kWindowSize / 2;  // samples of the window before its centre
  static constexpr int kKept = kBefore + kHopSize;

  void shift();

  int hops_ = 0;          // 0, 1, or 2 for "two or more"
  float samples_[kKept];  // from 200 before the centre of the frame due next
};

// log10(x) for 64 normal, positive x; within 1e-6.
void log10Of64(const float* x, float* result);

}  // namespace mos
