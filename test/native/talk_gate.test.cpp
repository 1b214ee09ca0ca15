#include "talk_gate.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "frame_builder.h"
#include "log_mel.h"
#include "rtp_helpers.h"

using namespace mos;
using namespace mos::test;

namespace {

constexpr std::size_t kSecond = 16000;

Samples silence(double seconds) { return Samples(static_cast<std::size_t>(seconds * kSecond), 0.0f); }

Samples noise(double seconds, float deviation) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.0f, deviation);
  Samples samples(static_cast<std::size_t>(seconds * kSecond));
  for (float& sample : samples) sample = normal(random);
  return samples;
}

// A buzz of 120 Hz with a speech-like slope.
Samples voice(double seconds) {
  Samples samples(static_cast<std::size_t>(seconds * kSecond));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    double sum = 0;
    for (int k = 1; k < 20; ++k) sum += std::sin(2.0 * M_PI * 120 * k * static_cast<double>(i) / kSecond) / k;
    samples[i] = static_cast<float>(0.1 * sum);
  }
  return samples;
}

Samples operator+(Samples a, const Samples& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

double power(const Samples& samples) {
  double sum = 0;
  for (const float sample : samples) sum += static_cast<double>(sample) * sample;
  return sum / static_cast<double>(samples.size());
}

// Whether the gate was open after each frame.
std::vector<bool> openFrames(TalkGate& gate, const Samples& samples) {
  std::vector<bool> open;
  LogMel logMel;
  float frame[kMels];
  for (std::size_t at = 0; at + kHopSize <= samples.size(); at += kHopSize) {
    if (!logMel.push(samples.data() + at, frame)) continue;
    double sum = 0;
    for (int i = 0; i < kHopSize; ++i) sum += logMel.hop()[i] * logMel.hop()[i];
    gate.update(frame, levelDbov(sum / kHopSize));
    open.push_back(gate.open());
  }
  return open;
}

std::vector<bool> openFrames(const Samples& samples) {
  TalkGate gate;
  return openFrames(gate, samples);
}

long openings(const std::vector<bool>& open) {
  long count = open.empty() || !open[0] ? 0 : 1;
  for (std::size_t i = 1; i < open.size(); ++i) count += open[i] && !open[i - 1];
  return count;
}

}  // namespace

TEST_CASE("talk gate: silence never opens it, nor what is below -60 dBov") {
  CHECK(openings(openFrames(silence(5))) == 0);
  CHECK(openings(openFrames(silence(1) + noise(2, 5e-4f) + silence(1))) == 0);
}

TEST_CASE("talk gate: steady noise closes it within 2 s, whatever came before") {
  for (const float deviation : {0.003f, 0.03f, 0.3f}) {
    CAPTURE(deviation);
    for (const Samples& before : {Samples(), silence(3), voice(1) + silence(0.2)}) {
      const auto open = openFrames(before + noise(6, deviation));
      const std::size_t closedFrom = before.size() / kHopSize + 200;
      REQUIRE(closedFrom < open.size());
      CHECK(std::count(open.begin() + static_cast<long>(closedFrom), open.end(), true) == 0);
    }
  }
}

TEST_CASE("talk gate: opens within 30 ms of a voice, closes 300 ms after it") {
  const auto open = openFrames(silence(1) + voice(0.5) + silence(1));
  REQUIRE(openings(open) == 1);
  const auto first = std::find(open.begin(), open.end(), true) - open.begin();
  CHECK(first >= 98);
  CHECK(first <= 103);
  const auto closed = std::find(open.begin() + first, open.end(), false) - open.begin();
  CHECK(closed >= 150 + 30 - 2);
  CHECK(closed <= 150 + 30 + 10);  // what is smoothed rings on for some frames
}

TEST_CASE("talk gate: a pause under 300 ms does not split talk, one of 600 ms does") {
  CHECK(openings(openFrames(silence(1) + voice(0.4) + silence(0.28) + voice(0.4) + silence(1))) == 1);
  CHECK(openings(openFrames(silence(1) + voice(0.4) + silence(0.6) + voice(0.4) + silence(1))) == 2);
}

TEST_CASE("talk gate: speech in noise 5 dB below it keeps it open nine tenths of the time") {
  for (const char* name : {"woman-1", "man-1", "man-2"}) {
    CAPTURE(name);
    Samples speech = readSpeech(name);
    const Samples added = noise(static_cast<double>(speech.size()) / kSecond, static_cast<float>(std::sqrt(power(speech) / 3.16)));
    std::vector<bool> spoken;
    for (std::size_t at = 0; at + kHopSize <= speech.size(); at += kHopSize) {
      spoken.push_back(power(Samples(speech.begin() + static_cast<long>(at), speech.begin() + static_cast<long>(at + kHopSize))) > 0.1 * power(speech));
    }
    for (std::size_t i = 0; i < speech.size(); ++i) speech[i] += added[i];
    const auto open = openFrames(speech);
    long heard = 0, all = 0;
    for (std::size_t t = 0; t < open.size(); ++t) {
      all += spoken[t];
      heard += spoken[t] && open[t];
    }
    CHECK(all > 300);
    CHECK(heard > 0.9 * static_cast<double>(all));
  }
}

TEST_CASE("talk gate: lost frames neither open, close nor teach it") {
  TalkGate gate;
  openFrames(gate, silence(1));
  for (int i = 0; i < 100; ++i) gate.updateLost();
  CHECK_FALSE(gate.open());
  openFrames(gate, voice(0.5));
  REQUIRE(gate.open());
  for (int i = 0; i < 100; ++i) gate.updateLost();
  CHECK(gate.open());
}

TEST_CASE("talk gate: says in retrospect which frames were active") {
  TalkGate gate;
  LogMel logMel;
  float frame[kMels];
  const Samples samples = silence(1) + voice(0.2) + silence(0.2) + voice(0.2);
  std::vector<std::size_t> active;
  for (std::size_t at = 0; at + kHopSize <= samples.size(); at += kHopSize) {
    if (!logMel.push(samples.data() + at, frame)) continue;
    double sum = 0;
    for (int i = 0; i < kHopSize; ++i) sum += logMel.hop()[i] * logMel.hop()[i];
    active.push_back(gate.update(frame, levelDbov(sum / kHopSize)));
  }
  const auto first = std::find_if(active.begin(), active.end(), [](std::size_t n) { return n > 0; });
  REQUIRE(first != active.end());
  CHECK(*first == 3);
  const std::size_t longest = *std::max_element(active.begin(), active.end());
  CHECK(longest >= 15);  // the pause, once talk goes on
  CHECK(longest <= 25);
}

TEST_CASE("talk gate: a break ends talk, a reset all memory") {
  TalkGate gate;
  openFrames(gate, silence(1) + voice(0.5));
  REQUIRE(gate.open());
  gate.close();
  CHECK_FALSE(gate.open());
  gate.reset();
  TalkGate fresh;
  const Samples later = noise(1, 0.01f) + voice(0.3);
  CHECK(openFrames(gate, later) == openFrames(fresh, later));
}
