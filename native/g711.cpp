#include "g711.h"

namespace mos {
namespace {

// Every second tap of the half-band filter, times two, first half of a symmetric whole. Equiripple
// design (Parks-McClellan) of the odd branch for a pass band of 3.4 kHz.
constexpr std::array<float, 14> kOddBranch{
    -0.000663001f, 0.001339626f,  -0.002611066f, 0.004589790f, -0.007513673f, 0.011679710f,  -0.017475308f,
    0.025448055f,  -0.036467527f, 0.052110739f,  -0.075722304f, 0.116034378f, -0.205260643f, 0.634275211f};

constexpr float kFullScale = 32768.0f;

}  // namespace

float expandMuLaw(std::uint8_t code) {
  const unsigned bits = ~static_cast<unsigned>(code) & 0xffu;
  const int magnitude = static_cast<int>((((bits & 0x0fu) << 3) + 0x84u) << ((bits >> 4) & 7u)) - 0x84;
  return static_cast<float>((bits & 0x80u) != 0 ? -magnitude : magnitude) / kFullScale;
}

float expandALaw(std::uint8_t code) {
  const unsigned bits = code ^ 0x55u;
  const unsigned segment = (bits >> 4) & 7u;
  const unsigned step = ((bits & 0x0fu) << 4) + 8u;
  const int magnitude = static_cast<int>(segment == 0 ? step : (step + 0x100u) << (segment - 1));
  return static_cast<float>((bits & 0x80u) != 0 ? magnitude : -magnitude) / kFullScale;
}

void HalfBandUpsampler::process(float in, float* out) {
  position_ = (position_ + kTaps - 1) % kTaps;
  history_[position_] = in;
  const auto past = [&](std::size_t age) { return history_[(position_ + age) % kTaps]; };
  float sum = 0;
  for (std::size_t k = 0; k < kOddBranch.size(); ++k) sum += kOddBranch[k] * (past(k) + past(kTaps - 1 - k));
  out[0] = sum;
  out[1] = past(kTaps / 2 - 1);
}

void HalfBandUpsampler::reset() {
  history_.fill(0);
}

}  // namespace mos
