#include "log_mel.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "vectorise.h"

namespace mos {
namespace {

// HTK mel scale (Young et al., The HTK Book, 5.4).
double melOf(double hz) { return 2595.0 * std::log10(1.0 + hz / 700.0); }
double hzOf(double mel) { return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0); }

struct Tables {
  float window[kWindowSize];
  // The 66 edges of the filters part the bins in 65 segments. In segment s, filter s rises and filter s - 1 falls.
  int segmentStart[kMels + 2];  // first bin in each segment, and the end of the last
  float rise[kFftBins];         // weight of a bin in the rising filter
  float fall[kFftBins];         // and in the falling one

  Tables() {
    for (int n = 0; n < kWindowSize; ++n) {
      window[n] = static_cast<float>(0.5 - 0.5 * std::cos(2.0 * M_PI * n / kWindowSize));
    }
    double edges[kMels + 2];
    for (int m = 0; m < kMels + 2; ++m) {
      edges[m] = hzOf(melOf(kMelLowHz) + (melOf(kMelHighHz) - melOf(kMelLowHz)) * m / (kMels + 1));
    }
    edges[kMels + 1] = kMelHighHz;
    const double binHz = static_cast<double>(kSampleRateHz) / kFftSize;
    int bin = 0;
    for (int segment = 0; segment < kMels + 2; ++segment) {
      for (; bin < kFftBins && bin * binHz < edges[segment]; ++bin) {
        if (segment == 0) continue;  // below the lowest edge: in no filter
        const double part = (bin * binHz - edges[segment - 1]) / (edges[segment] - edges[segment - 1]);
        rise[bin] = static_cast<float>(part);
        fall[bin] = static_cast<float>(1.0 - part);
      }
      segmentStart[segment] = bin;
    }
  }
};

const Tables& tables() {
  static const Tables constants;
  return constants;
}

// power of the 257 bins -> power of the 64 filters + floor
void melFilter(const Tables& constants, const float* power, float* mel) {
  float falling[kMels + 1], rising[kMels + 1];
  for (int segment = 0; segment <= kMels; ++segment) {
    float rise = 0.0f, fall = 0.0f;
    for (int bin = constants.segmentStart[segment]; bin < constants.segmentStart[segment + 1]; ++bin) {
      rise += power[bin] * constants.rise[bin];
      fall += power[bin] * constants.fall[bin];
    }
    rising[segment] = rise;
    falling[segment] = fall;
  }
  for (int m = 0; m < kMels; ++m) mel[m] = rising[m] + falling[m + 1] + kPowerFloor;
}

MOS_VECTORISED void applyWindow(const float* window, const float* samples, float* windowed) {
  for (int n = 0; n < kWindowSize; ++n) windowed[n] = samples[n] * window[n];
}

void frameOf(const float* samples, float* frame) {
  const Tables& constants = tables();
  float windowed[kFftSize], power[kFftBins], mel[kMels];
  applyWindow(constants.window, samples, windowed);
  std::memset(windowed + kWindowSize, 0, sizeof(float) * (kFftSize - kWindowSize));
  powerSpectrum512(windowed, power);
  melFilter(constants, power, mel);
  log10Of64(mel, frame);
}

}  // namespace

// x = m 2^e with m from sqrt(1/2) to sqrt(2); ln m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172: five terms of
// the series leave 2 s^11 / 11 < 7e-10.
MOS_VECTORISED void log10Of64(const float* x, float* result) {
  constexpr float log10Of2 = 0.30102999566398119521f, log10OfE = 0.43429448190325182765f;
  constexpr std::int32_t rootHalf = 0x3f3504f3;  // bits of sqrt(1/2)
  for (int i = 0; i < 64; ++i) {
    std::int32_t bits;
    std::memcpy(&bits, &x[i], sizeof bits);
    const std::int32_t exponent = (bits - rootHalf) >> 23;
    bits -= exponent * (1 << 23);
    float m;
    std::memcpy(&m, &bits, sizeof m);
    const float s = (m - 1.0f) / (m + 1.0f), s2 = s * s;
    const float series = 1.0f + s2 * (1.0f / 3 + s2 * (1.0f / 5 + s2 * (1.0f / 7 + s2 * (1.0f / 9))));
    result[i] = static_cast<float>(exponent) * log10Of2 + 2.0f * log10OfE * s * series;
  }
}

bool LogMel::push(const float* hop, float* frame) {
  if (hops_ == 0) {
    std::memcpy(samples_ + kBefore, hop, sizeof(float) * kHopSize);
    hops_ = 1;
    return false;
  }
  if (hops_ == 1) {
    samples_[0] = 0.0f;  // its weight is 0
    for (int i = 1; i < kHopSize; ++i) samples_[kBefore - i] = samples_[kBefore + i];
    for (int i = kHopSize; i < kBefore; ++i) samples_[kBefore - i] = hop[i - kHopSize];
    hops_ = 2;
  }
  float window[kWindowSize];
  std::memcpy(window, samples_, sizeof samples_);
  std::memcpy(window + kKept, hop, sizeof(float) * (kWindowSize - kKept));
  frameOf(window, frame);
  shift();
  std::memcpy(samples_ + kBefore, hop, sizeof(float) * kHopSize);
  return true;
}

bool LogMel::flush(const float* rest, std::size_t count, float* frame) {
  if (hops_ == 0) return false;
  // From the hop before this frame's (or from this frame's hop, when that is the first) to the end.
  const int start = hops_ == 1 ? kBefore : 0, end = kKept + static_cast<int>(count);
  float stretch[kKept + kHopSize], window[kWindowSize];
  std::memcpy(stretch, samples_, sizeof samples_);
  if (count > 0) std::memcpy(stretch + kKept, rest, sizeof(float) * count);
  for (int i = 0; i < kWindowSize; ++i) {
    // The stretch has 160 samples or more, so a window reaches past it by less than two of its lengths.
    int from = i < start ? 2 * start - i : i;
    if (from >= end) from = 2 * (end - 1) - from;
    window[i] = stretch[from];
  }
  frameOf(window, frame);
  shift();
  hops_ = 0;
  return true;
}

void LogMel::shift() { std::memmove(samples_, samples_ + kHopSize, sizeof(float) * kBefore); }

void LogMel::reset() { hops_ = 0; }

}  // namespace mos
