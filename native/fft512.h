#pragma once
// Power spectrum of 512 real samples.
namespace mos {

constexpr int kFftSize = 512;
constexpr int kFftBins = kFftSize / 2 + 1;

// power[k] = |sum over n of samples[n] exp(-2 pi i k n / 512)|^2 for k = 0 to 256.
void powerSpectrum512(const float* samples, float* power);

}  // namespace mos
