#include "g711.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <vector>

#include "audio_decoder_g711.h"

using namespace mos;

namespace {

constexpr double kPi = 3.14159265358979323846;

// Gain in dB at `outHz` of the upsampled sine of `inHz`.
double gainDb(double inHz, double outHz) {
  HalfBandUpsampler upsampler;
  double re = 0;
  double im = 0;
  constexpr int kSettle = 100;
  constexpr int kCount = 8000;
  for (int i = 0; i < kSettle + kCount; ++i) {
    float out[2];
    upsampler.process(static_cast<float>(std::sin(2 * kPi * inHz * i / 8000)), out);
    for (int k = 0; i >= kSettle && k < 2; ++k) {
      const double phase = 2 * kPi * outHz * (2 * i + k) / 16000;
      re += out[k] * std::cos(phase);
      im += out[k] * std::sin(phase);
    }
  }
  return 20 * std::log10(std::hypot(re, im) / kCount + 1e-12);
}

}  // namespace

// Values of the standard's tables (ITU-T G.711 tables 1 and 2), 16-bit scale.
TEST_CASE("mu-law codes") {
  CHECK(expandMuLaw(0xff) * 32768 == 0);
  CHECK(expandMuLaw(0x7f) * 32768 == 0);
  CHECK(expandMuLaw(0xfe) * 32768 == 8);
  CHECK(expandMuLaw(0x80) * 32768 == 32124);
  CHECK(expandMuLaw(0x00) * 32768 == -32124);
  CHECK(expandMuLaw(0xe0) * 32768 == 372);
}

TEST_CASE("A-law codes") {
  CHECK(expandALaw(0xd5) * 32768 == 8);
  CHECK(expandALaw(0x55) * 32768 == -8);
  CHECK(expandALaw(0xaa) * 32768 == 32256);
  CHECK(expandALaw(0x2a) * 32768 == -32256);
}

TEST_CASE("codes are odd in sign and all different but for the zeros of mu-law") {
  std::set<float> mu;
  std::set<float> a;
  for (int code = 0; code < 256; ++code) {
    mu.insert(expandMuLaw(static_cast<std::uint8_t>(code)));
    a.insert(expandALaw(static_cast<std::uint8_t>(code)));
    CHECK(expandMuLaw(static_cast<std::uint8_t>(code)) == -expandMuLaw(static_cast<std::uint8_t>(code ^ 0x80)));
    CHECK(expandALaw(static_cast<std::uint8_t>(code)) == -expandALaw(static_cast<std::uint8_t>(code ^ 0x80)));
  }
  CHECK(mu.size() == 255);
  CHECK(a.size() == 256);
}

TEST_CASE("the upsampler is flat to 3.4 kHz and keeps images out") {
  for (const double hz : {100.0, 300.0, 1000.0, 2000.0, 3000.0, 3400.0}) {
    CAPTURE(hz);
    CHECK(std::abs(gainDb(hz, hz)) < 0.003);
    CHECK(gainDb(hz, 8000 - hz) < -72);
  }
}

TEST_CASE("the upsampler delays by what it says") {
  HalfBandUpsampler upsampler;
  std::vector<float> out(120);
  for (std::size_t i = 0; i < 60; ++i) upsampler.process(i == 0 ? 1.0f : 0.0f, out.data() + 2 * i);
  CHECK(out[HalfBandUpsampler::kDelaySamples] == 1.0f);
  for (std::size_t k = 1; k < 27; ++k) {
    CHECK(out[HalfBandUpsampler::kDelaySamples - k] == out[HalfBandUpsampler::kDelaySamples + k]);
  }
}

TEST_CASE("concealment repeats what was heard and fades to nothing in 60 ms") {
  G711AudioDecoder decoder(G711Law::Mu);
  std::vector<std::uint8_t> tone;
  for (int i = 0; i < 160; ++i) tone.push_back(i / 4 % 2 == 0 ? 0x90 : 0x10);  // 1 kHz square
  std::vector<float> out(320);
  REQUIRE(decoder.decode(tone.data(), tone.size(), out.data()));
  const auto power = [&] {
    decoder.conceal(320, out.data());
    double sum = 0;
    for (const float sample : out) sum += sample * sample;
    return sum;
  };
  const double first = power();
  const double second = power();
  const double third = power();
  CHECK(first > 10);
  CHECK(second < first);
  CHECK(third < second);
  power();
  CHECK(power() == 0);
}
