#include <doctest/doctest.h>
#include <kiss_fftr.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <random>
#include <vector>

#include "log_mel.h"

using namespace mos;

namespace {

std::vector<float> noise(std::size_t count, unsigned seed, float size = 0.5f) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-size, size);
  std::vector<float> samples(count);
  for (float& sample : samples) sample = uniform(random);
  return samples;
}

double melOf(double hz) { return 2595.0 * std::log10(1.0 + hz / 700.0); }

// The definition, in double precision and without any haste.
std::vector<double> plainFrame(const std::vector<float>& x, int t) {
  const int n = static_cast<int>(x.size()), period = 2 * (n - 1);
  std::vector<double> windowed(400);
  for (int i = 0; i < 400; ++i) {
    int at = ((160 * t - 200 + i) % period + period) % period;
    if (at >= n) at = period - at;
    windowed[static_cast<std::size_t>(i)] =
        x[static_cast<std::size_t>(at)] * (0.5 - 0.5 * std::cos(2.0 * M_PI * i / 400));
  }
  std::vector<double> power;
  for (int k = 0; k <= 256; ++k) {
    std::complex<double> sum;
    for (int i = 0; i < 400; ++i) sum += windowed[static_cast<std::size_t>(i)] * std::polar(1.0, -2.0 * M_PI * k * i / 512);
    power.push_back(std::norm(sum));
  }
  std::vector<double> frame;
  for (int m = 0; m < 64; ++m) {
    const auto edge = [](int i) {
      const double mel = melOf(20) + (melOf(8000) - melOf(20)) * i / 65;
      return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0);
    };
    double sum = 0;
    for (int k = 0; k <= 256; ++k) {
      const double hz = k * 31.25;
      const double rise = (hz - edge(m)) / (edge(m + 1) - edge(m)), fall = (edge(m + 2) - hz) / (edge(m + 2) - edge(m + 1));
      sum += power[static_cast<std::size_t>(k)] * std::max(0.0, std::min(rise, fall));
    }
    frame.push_back(std::log10(sum + 1e-14));
  }
  return frame;
}

std::vector<std::vector<float>> framesOf(LogMel& logMel, const std::vector<float>& x) {
  std::vector<std::vector<float>> frames;
  std::vector<float> frame(kMels);
  std::size_t at = 0;
  for (; at + kHopSize <= x.size(); at += kHopSize) {
    if (logMel.push(x.data() + at, frame.data())) frames.push_back(frame);
  }
  if (logMel.flush(x.data() + at, x.size() - at, frame.data())) frames.push_back(frame);
  return frames;
}

}  // namespace

TEST_CASE("power spectrum: the one of kissfft") {
  kiss_fftr_cfg plan = kiss_fftr_alloc(kFftSize, 0, nullptr, nullptr);
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const std::vector<float> x = noise(kFftSize, seed);
    kiss_fft_cpx expected[kFftBins];
    kiss_fftr(plan, x.data(), expected);
    float power[kFftBins];
    powerSpectrum512(x.data(), power);
    for (int k = 0; k < kFftBins; ++k) {
      const double reference = static_cast<double>(expected[k].r) * expected[k].r + static_cast<double>(expected[k].i) * expected[k].i;
      CHECK(power[k] == doctest::Approx(reference).epsilon(1e-4).scale(1.0));
    }
  }
  kiss_fftr_free(plan);
}

TEST_CASE("power spectrum: one impulse is flat, one tone is one bin") {
  std::vector<float> x(kFftSize, 0.0f);
  float power[kFftBins];
  x[17] = 1.0f;
  powerSpectrum512(x.data(), power);
  for (const float value : power) CHECK(value == doctest::Approx(1.0));
  for (int n = 0; n < kFftSize; ++n) x[static_cast<std::size_t>(n)] = static_cast<float>(std::cos(2.0 * M_PI * 37 * n / kFftSize));
  powerSpectrum512(x.data(), power);
  for (int k = 0; k < kFftBins; ++k) CHECK(std::abs(power[k] - (k == 37 ? 65536.0f : 0.0f)) < 0.05f);
}

TEST_CASE("log10 of 64 values: within 1e-6 of the library's, from the floor to the loudest") {
  float x[64], result[64];
  double worst = 0;
  for (double exponent = -14; exponent < 12; exponent += 0.064) {
    for (int i = 0; i < 64; ++i) x[i] = static_cast<float>(std::pow(10.0, exponent + 0.001 * i));
    log10Of64(x, result);
    for (int i = 0; i < 64; ++i) {
      const double exact = std::log10(static_cast<double>(x[i]));
      worst = std::max(worst, std::abs(result[i] - exact) / std::max(1.0, std::abs(exact)));
    }
  }
  CHECK(worst < 1e-6);
}

TEST_CASE("log-mel: as defined, reflected at both ends, for stretches of any length") {
  for (const std::size_t length : {160u, 161u, 250u, 319u, 320u, 321u, 359u, 480u, 639u, 1000u}) {
    CAPTURE(length);
    const std::vector<float> x = noise(length, static_cast<unsigned>(length));
    LogMel logMel;
    const auto frames = framesOf(logMel, x);
    REQUIRE(frames.size() == length / 160);
    double worst = 0;
    for (std::size_t t = 0; t < frames.size(); ++t) {
      const std::vector<double> expected = plainFrame(x, static_cast<int>(t));
      for (std::size_t m = 0; m < kMels; ++m) worst = std::max(worst, std::abs(frames[t][m] - expected[m]));
    }
    CHECK(worst < 1e-4);
  }
}

TEST_CASE("log-mel: nothing of a stretch is left in the next") {
  const std::vector<float> x = noise(1000, 1), other = noise(777, 2);
  LogMel fresh, used;
  const auto expected = framesOf(fresh, x);
  framesOf(used, other);
  CHECK(framesOf(used, x) == expected);
  float frame[kMels];
  used.push(other.data(), frame);
  used.push(other.data() + 160, frame);
  used.reset();
  CHECK(framesOf(used, x) == expected);
}

TEST_CASE("log-mel: fewer than 160 samples give no frame") {
  LogMel logMel;
  CHECK(framesOf(logMel, noise(159, 3)).empty());
  CHECK(framesOf(logMel, {}).empty());
}

TEST_CASE("log-mel: digital silence is the floor") {
  LogMel logMel;
  for (const auto& frame : framesOf(logMel, std::vector<float>(800, 0.0f))) {
    for (const float value : frame) CHECK(value == doctest::Approx(-14.0));
  }
}

TEST_CASE("log-mel: gives the samples a frame stands for") {
  const std::vector<float> x = noise(480, 4);
  LogMel logMel;
  float frame[kMels];
  CHECK_FALSE(logMel.push(x.data(), frame));
  for (std::size_t hop = 1; hop < 3; ++hop) {
    REQUIRE(logMel.push(x.data() + 160 * hop, frame));
    CHECK(std::equal(logMel.hop(), logMel.hop() + 160, x.begin() + static_cast<long>(160 * (hop - 1))));
  }
  REQUIRE(logMel.flush(nullptr, 0, frame));
  CHECK(std::equal(logMel.hop(), logMel.hop() + 160, x.begin() + 320));
}
