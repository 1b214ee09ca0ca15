#include "frame_ring.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

using namespace mos;

namespace {

constexpr double kStartMs = 1.7e12;

std::vector<float> filled(const FrameRing& ring, float value) { return std::vector<float>(ring.valuesPerFrame(), value); }

// Frame number i: all values i / 10 - 8, peak i / 1000, 10 ms each.
void pushNumbered(FrameRing& ring, int number, std::uint8_t flags = 0) {
  const auto i = static_cast<float>(number);
  ring.push(filled(ring, i * 0.1f - 8.0f).data(), {kStartMs + number * 10.0, i * 0.001f, flags});
}

}  // namespace

TEST_CASE("frame ring: log-mel values come back within 1.6e-4") {
  FrameRing ring(RingKind::LogMel, 4);
  double worst = 0;
  for (double base = -14; base < 6; base += 0.0317) {
    std::vector<float> values(64), back(64);
    for (std::size_t i = 0; i < 64; ++i) values[i] = static_cast<float>(std::min(6.0, base + 0.00037 * static_cast<double>(i)));
    ring.push(values.data(), {kStartMs, 1.0f, 0});
    ring.read(1, false, -14.0f, back.data());
    for (std::size_t i = 0; i < 64; ++i) worst = std::max(worst, static_cast<double>(std::abs(values[i] - back[i])));
  }
  CHECK(worst < 1.6e-4);
}

TEST_CASE("frame ring: values beyond the range are held at its ends, what is no number at the lowest") {
  FrameRing ring(RingKind::LogMel, 4);
  std::vector<float> values(64, -20.0f), back(64);
  values[1] = 7.0f;
  values[2] = std::numeric_limits<float>::infinity();
  values[3] = std::numeric_limits<float>::quiet_NaN();
  ring.push(values.data(), {kStartMs, 1.0f, 0});
  ring.read(1, false, -100.0f, back.data());
  CHECK(back[0] == doctest::Approx(-14.0));
  CHECK(back[1] == doctest::Approx(6.0));
  CHECK(back[2] == doctest::Approx(6.0));
  CHECK(back[3] == doctest::Approx(-14.0));
}

TEST_CASE("frame ring: samples come back within half a 16-bit step") {
  FrameRing ring(RingKind::Pcm, 2);
  REQUIRE(ring.valuesPerFrame() == 160);
  std::vector<float> values(160), back(160);
  for (std::size_t i = 0; i < 160; ++i) values[i] = std::sin(static_cast<float>(i)) * 0.9f;
  ring.push(values.data(), {kStartMs, 0.9f, 0});
  ring.read(1, false, -8.0f, back.data());
  for (std::size_t i = 0; i < 160; ++i) CHECK(std::abs(values[i] - back[i]) <= 0.5 / 32768 + 1e-7);
  ring.read(1, true, -8.0f, back.data());
  CHECK(*std::max_element(back.begin(), back.end()) == doctest::Approx(1.0).epsilon(0.001));
}

TEST_CASE("frame ring: keeps the newest, reads across its end") {
  FrameRing ring(RingKind::LogMel, 5);
  for (int number = 0; number < 13; ++number) {
    pushNumbered(ring, number);
    CHECK(ring.size() == std::min<std::size_t>(5, static_cast<std::size_t>(number) + 1));
    for (std::size_t frames = 1; frames <= ring.size(); ++frames) {
      std::vector<float> out(frames * 64);
      const WindowInfo info = ring.read(frames, false, -14.0f, out.data());
      const int first = number - static_cast<int>(frames) + 1;
      CHECK(info.startMs == kStartMs + first * 10.0);
      CHECK(info.endMs == kStartMs + (number + 1) * 10.0);
      CHECK(info.peak == doctest::Approx(number * 0.001));
      for (std::size_t t = 0; t < frames; ++t) {
        const double expected = 0.1 * (first + static_cast<int>(t)) - 8.0;
        CHECK(std::abs(out[t * 64] - expected) < 2e-4);
        CHECK(std::abs(out[t * 64 + 63] - expected) < 2e-4);
      }
    }
  }
}

TEST_CASE("frame ring: a window is divided by its own peak, then raised to the floor") {
  FrameRing ring(RingKind::LogMel, 8);
  std::vector<float> values(64, -3.0f), out(128);
  ring.push(values.data(), {kStartMs, 0.9f, 0});  // not in the window
  values[5] = -13.0f;
  ring.push(values.data(), {kStartMs + 10, 0.1f, 0});
  ring.push(values.data(), {kStartMs + 20, 0.05f, 0});
  const WindowInfo info = ring.read(2, true, -8.0f, out.data());
  CHECK(info.peak == 0.1f);
  CHECK(out[0] == doctest::Approx(-1.0).epsilon(1e-3));  // -3 - 2 log10(0.1)
  CHECK(out[64] == doctest::Approx(-1.0).epsilon(1e-3));
  CHECK(out[5] == -8.0f);
}

TEST_CASE("frame ring: a window without any sound is not divided by nothing") {
  FrameRing ring(RingKind::LogMel, 2);
  std::vector<float> values(64, -14.0f), out(64);
  ring.push(values.data(), {kStartMs, 0.0f, 0});
  ring.read(1, true, -8.0f, out.data());
  for (const float value : out) CHECK(value == -8.0f);
}

TEST_CASE("frame ring: counts what is flagged, in the ring and in a window") {
  FrameRing ring(RingKind::LogMel, 6);
  for (int number = 0; number < 4; ++number) pushNumbered(ring, number);
  pushNumbered(ring, 4, kFrameLost);
  pushNumbered(ring, 5, kFrameOverload);
  ring.flagNewest(3, kFrameActive);
  ring.flagNewest(2, kFrameActive);  // again
  CHECK(ring.activeFrames() == 3);
  CHECK(ring.lostFrames() == 1);
  CHECK(ring.overloadFrames() == 1);
  std::vector<float> out(2 * 64);
  const WindowInfo info = ring.read(2, false, -8.0f, out.data());
  CHECK(info.activeFrames == 2);
  CHECK(info.lostFrames == 1);
  CHECK(info.overloadFrames == 1);

  ring.flagNewest(100, kFrameActive);
  CHECK(ring.activeFrames() == 6);
  for (int number = 6; number < 12; ++number) pushNumbered(ring, number);
  CHECK(ring.activeFrames() == 0);
  CHECK(ring.lostFrames() == 0);
  CHECK(ring.overloadFrames() == 0);
}

TEST_CASE("frame ring: forgets what is too old") {
  FrameRing ring(RingKind::LogMel, 10);
  for (int number = 0; number < 10; ++number) pushNumbered(ring, number, kFrameActive);
  ring.forgetBefore(kStartMs + 40.0);
  CHECK(ring.size() == 6);
  CHECK(ring.activeFrames() == 6);
  ring.forgetBefore(kStartMs + 30.0);
  CHECK(ring.size() == 6);
  ring.forgetBefore(kStartMs + 1e9);
  CHECK(ring.size() == 0);
  CHECK(ring.newestMs() == kStartMs + 90.0);
  ring.clear();
  CHECK(ring.newestMs() == 0.0);
}

TEST_CASE("frame ring: knows times to 0.1 ms, an hour back, also across the wrap of its stamps") {
  for (const double start : {kStartMs, std::ldexp(1.0, 29) * 0.1 * 3000 - 1000.0, 0.0}) {
    FrameRing ring(RingKind::LogMel, 3);
    const std::vector<float> values(64, 0.0f);
    ring.push(values.data(), {start + 0.04, 0.0f, 7});
    ring.push(values.data(), {start + 3600e3, 0.0f, 0});
    std::vector<float> out(2 * 64);
    CHECK(std::abs(ring.read(2, false, -8.0f, out.data()).startMs - start) <= 0.11);
  }
}

TEST_CASE("frame ring: takes over all frames of another, as they were") {
  FrameRing ring(RingKind::LogMel, 5), from(RingKind::LogMel, 4);
  for (int number = 0; number < 3; ++number) pushNumbered(ring, number, kFrameActive);
  for (int number = 3; number < 9; ++number) pushNumbered(from, number, number == 7 ? kFrameLost : 0);
  ring.take(from);
  CHECK(from.size() == 0);
  CHECK(from.lostFrames() == 0);
  REQUIRE(ring.size() == 5);
  CHECK(ring.activeFrames() == 1);
  CHECK(ring.lostFrames() == 1);
  CHECK(ring.newestMs() == kStartMs + 80.0);
  std::vector<float> out(5 * 64);
  const WindowInfo info = ring.read(5, false, -14.0f, out.data());
  CHECK(std::abs(info.startMs - (kStartMs + 20.0)) < 0.11);
  for (int t = 1; t < 5; ++t) CHECK(std::abs(out[static_cast<std::size_t>(t) * 64] - (0.1 * (t + 4) - 8.0)) < 2e-4);
}

TEST_CASE("frame ring: hands over its oldest frames with what is known of each step") {
  FrameRing ring(RingKind::LogMel, 8);
  for (int number = 0; number < 10; ++number) {
    pushNumbered(ring, number, number == 3 ? kFrameLost : number == 5 ? kFrameOverload : 0);
  }
  CHECK(ring.overrunFrames() == 2);
  std::vector<float> out(4 * 64);
  std::vector<StepInfo> steps(2);
  CHECK(std::abs(ring.moveOldest(4, 2, true, 0.0f, -14.0f, out.data(), steps.data()) - (kStartMs + 60.0)) < 0.11);
  CHECK(ring.size() == 4);
  CHECK(ring.lostFrames() == 0);
  CHECK(ring.overloadFrames() == 0);
  CHECK(std::abs(steps[0].startMs - (kStartMs + 20.0)) < 0.11);
  CHECK(std::abs(steps[1].startMs - (kStartMs + 40.0)) < 0.11);
  CHECK(steps[0].peak == doctest::Approx(0.003));
  CHECK(steps[1].peak == doctest::Approx(0.005));
  CHECK(steps[0].lostFrames == 1);
  CHECK(steps[1].lostFrames == 0);
  CHECK(steps[0].overloadFrames == 0);
  CHECK(steps[1].overloadFrames == 1);
  // Divided by the largest of them, 0.005; then by what was louder before; then by nothing.
  CHECK(std::abs(out[0] - (0.2 - 8.0 - 2 * std::log10(0.005))) < 2e-4);
  ring.moveOldest(2, 1, true, 0.5f, -14.0f, out.data(), steps.data());
  CHECK(std::abs(out[0] - (0.6 - 8.0 - 2 * std::log10(0.5))) < 2e-4);
  ring.moveOldest(2, 2, false, 0.5f, -14.0f, out.data(), steps.data());
  CHECK(std::abs(out[64] - (0.9 - 8.0)) < 2e-4);
  CHECK(ring.size() == 0);
}

TEST_CASE("frame ring: 768 frames of log-mel take 102 KiB") {
  const FrameRing ring(RingKind::LogMel, 768);
  CHECK(ring.bytes() < 103 * 1024);
}
