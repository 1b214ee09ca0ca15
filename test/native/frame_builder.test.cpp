#include "frame_builder.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "rtp_helpers.h"

using namespace mos;
using namespace mos::test;

namespace {

constexpr std::size_t kRingFrames = 1000;

// Feeds `samples` in chunks of `chunk`, the first at `startMs`.
void feed(FrameBuilder& builder, const Samples& samples, std::size_t chunk, double startMs = kStartMs,
          Origin origin = Origin::Received) {
  for (std::size_t at = 0; at < samples.size(); at += chunk) {
    builder.onAudio({samples.data() + at, std::min(chunk, samples.size() - at), startMs + static_cast<double>(at) / 16.0, origin});
  }
}

Samples readAll(const FrameBuilder& builder, WindowInfo* info = nullptr) {
  Samples out(builder.ring().size() * builder.ring().valuesPerFrame());
  REQUIRE(!out.empty());
  const WindowInfo read = builder.ring().read(builder.ring().size(), false, -14.0f, out.data());
  if (info != nullptr) *info = read;
  return out;
}

Samples part(const Samples& samples, std::size_t from, std::size_t to) {
  return Samples(samples.begin() + static_cast<long>(from), samples.begin() + static_cast<long>(to));
}

}  // namespace

TEST_CASE("frame builder: the same frames however the audio is cut") {
  const Samples speech = readSpeech("woman-1");
  FrameBuilder whole(RingKind::LogMel, kRingFrames);
  feed(whole, speech, speech.size());
  const Samples expected = readAll(whole);
  for (const std::size_t chunk : {1u, 40u, 159u, 320u, 960u, 1000u}) {
    FrameBuilder builder(RingKind::LogMel, kRingFrames);
    feed(builder, speech, chunk);
    CHECK(readAll(builder) == expected);
  }
}

TEST_CASE("frame builder: frames are those of the whole file, with the peaks and times of their samples") {
  const Samples speech = part(readSpeech("man-1"), 0, 16000 * 6);
  FrameBuilder builder(RingKind::LogMel, kRingFrames);
  feed(builder, speech, 320);
  builder.onBreak();
  // The newest frames, as far back as talk is without a gap.
  Samples frames(builder.ring().size() * kMels);
  std::size_t count = 0;
  WindowInfo info{};
  for (std::size_t n = 1; n <= builder.ring().size(); ++n) {
    const WindowInfo window = builder.ring().read(n, false, -14.0f, frames.data());
    if (window.endMs - window.startMs > 10.0 * static_cast<double>(n) + 5.0) break;
    info = window;
    count = n;
  }
  REQUIRE(count > 100);
  builder.ring().read(count, false, -14.0f, frames.data());

  Samples all(speech.size() / kHopSize * kMels);
  LogMel logMel;
  float* frame = all.data();
  for (std::size_t at = 0; at < speech.size(); at += kHopSize) {
    if (logMel.push(speech.data() + at, frame)) frame += kMels;
  }
  logMel.flush(nullptr, 0, frame);

  const auto first = static_cast<std::size_t>(std::lround((info.startMs - kStartMs) / 10.0));
  REQUIRE(first + count <= all.size() / kMels);
  double worst = 0;
  for (std::size_t i = 0; i < count * kMels; ++i) worst = std::max(worst, static_cast<double>(std::abs(frames[i] - all[first * kMels + i])));
  CHECK(worst < 1.7e-4);
  float peak = 0;
  for (std::size_t i = first * kHopSize; i < (first + count) * kHopSize; ++i) peak = std::max(peak, std::abs(speech[i]));
  CHECK(info.peak == peak);
}

TEST_CASE("frame builder: a ring of samples holds the talk itself") {
  const Samples speech = part(readSpeech("man-2"), 0, 16000 * 3);
  FrameBuilder builder(RingKind::Pcm, kRingFrames);
  feed(builder, speech, 320);
  builder.onBreak();
  WindowInfo info;
  const Samples heard = readAll(builder, &info);
  const auto first = static_cast<std::size_t>(std::lround((info.startMs - kStartMs) * 16.0));
  REQUIRE(first + heard.size() <= speech.size());
  for (std::size_t i = 0; i < heard.size(); ++i) REQUIRE(std::abs(heard[i] - speech[first + i]) < 2e-5);
}

TEST_CASE("frame builder: 250 ms before talk are in the ring, silence is not") {
  const Samples speech = readSpeech("woman-2");
  FrameBuilder builder(RingKind::LogMel, kRingFrames);
  feed(builder, Samples(16000 * 3, 0.0f), 320);
  CHECK(builder.ring().size() == 0);
  CHECK(builder.backgroundDbov() == -127.0f);
  feed(builder, part(speech, 8000, 8000 + 8000), 320, kStartMs + 3000);
  REQUIRE(builder.talking());
  WindowInfo info;
  readAll(builder, &info);
  CHECK(info.startMs >= kStartMs + 2700);
  CHECK(info.startMs < kStartMs + 3000);
  CHECK(builder.ring().activeFrames() > 30);
  CHECK(builder.ring().activeFrames() < builder.ring().size() - 20);
}

TEST_CASE("frame builder: what is lost within talk stays in, flagged") {
  const Samples speech = readSpeech("woman-3");
  FrameBuilder builder(RingKind::LogMel, kRingFrames);
  feed(builder, part(speech, 0, 32000), 320);
  REQUIRE(builder.talking());
  const std::size_t before = builder.ring().size();
  feed(builder, Samples(3200, 0.0f), 320, kStartMs + 2000, Origin::Concealed);
  feed(builder, Samples(1600, 0.0f), 320, kStartMs + 2200, Origin::Overload);
  feed(builder, part(speech, 36800, 48000), 320, kStartMs + 2300, Origin::FecRecovered);
  CHECK(builder.ring().size() == before + 100);
  CHECK(builder.ring().lostFrames() == 20);
  CHECK(builder.ring().overloadFrames() == 10);
}

TEST_CASE("frame builder: a frame is lost when half of it is, and ours when any of it is") {
  const Samples speech = readSpeech("woman-3");
  FrameBuilder builder(RingKind::LogMel, kRingFrames);
  feed(builder, part(speech, 0, 32000), 320);
  const auto frame = [&](std::size_t missing, Origin origin) {
    feed(builder, part(speech, 32000, 32000 + missing), missing, kStartMs + 2000, origin);
    feed(builder, part(speech, 32000, 32160 - missing), 160, kStartMs + 2000);
  };
  frame(79, Origin::Concealed);
  frame(80, Origin::Concealed);
  frame(1, Origin::Overload);
  feed(builder, part(speech, 32000, 32160), 160, kStartMs + 2030);
  CHECK(builder.ring().lostFrames() == 1);
  CHECK(builder.ring().overloadFrames() == 1);
}

TEST_CASE("frame builder: a break ends the stretch: what follows is not joined to it") {
  const Samples speech = readSpeech("man-3");
  FrameBuilder builder(RingKind::LogMel, kRingFrames);
  feed(builder, part(speech, 0, 32050), 320);
  REQUIRE(builder.talking());
  const std::size_t before = builder.ring().size();
  builder.onBreak();
  CHECK_FALSE(builder.talking());
  CHECK(builder.ring().size() == before + 1);  // the frame that waited for its next hop

  feed(builder, part(speech, 40000, 56000), 320, kStartMs + 10000);
  WindowInfo info;
  Samples out(builder.ring().size() * kMels);
  std::size_t later = 0;
  while (later < builder.ring().size()) {
    info = builder.ring().read(later + 1, false, -14.0f, out.data());
    if (info.startMs < kStartMs + 9000) break;
    ++later;
  }
  REQUIRE(later > 10);
  builder.ring().read(later, false, -14.0f, out.data());
  FrameBuilder fresh(RingKind::LogMel, kRingFrames);
  feed(fresh, part(speech, 40000, 56000), 320, kStartMs + 10000);
  const Samples expected = readAll(fresh);
  const std::size_t shared = std::min(later, fresh.ring().size()) * kMels;  // the gates may have opened at different frames
  CHECK(std::equal(expected.end() - static_cast<long>(shared), expected.end(), out.begin() + static_cast<long>(later * kMels - shared)));
}

TEST_CASE("frame builder: after a restart nothing is left of what was heard before") {
  const Samples speech = readSpeech("man-3"), other = readSpeech("woman-1");
  FrameBuilder builder(RingKind::LogMel, kRingFrames), fresh(RingKind::LogMel, kRingFrames);
  feed(builder, part(speech, 0, 32050), 320);
  builder.onRestart();
  CHECK(builder.ring().size() == 0);
  CHECK_FALSE(builder.talking());
  feed(builder, part(other, 0, 32000), 320);
  feed(fresh, part(other, 0, 32000), 320);
  CHECK(readAll(builder) == readAll(fresh));
  CHECK(builder.backgroundDbov() == fresh.backgroundDbov());
}

TEST_CASE("frame builder: measures peak, clipping and levels") {
  FrameBuilder builder(RingKind::LogMel, kRingFrames);
  Samples hum(16000 * 4);
  for (std::size_t i = 0; i < hum.size(); ++i) hum[i] = 0.01f * std::sin(0.3f * static_cast<float>(i));
  feed(builder, hum, 320);
  CHECK(builder.backgroundDbov() == doctest::Approx(-43.0).epsilon(0.01));  // 20 log10(0.01 / sqrt(2))
  CHECK(builder.stats().clippedSamples == 0);
  CHECK(builder.stats().peak == doctest::Approx(0.01).epsilon(0.01));
  Samples loud(1600, 0.5f);
  loud[3] = 1.0f;
  loud[700] = -1.2f;
  feed(builder, loud, 320);
  CHECK(builder.stats().clippedSamples == 2);
  CHECK(builder.stats().peak == 1.2f);
  CHECK(levelDbov(1.0) == 0.0f);
  CHECK(levelDbov(0.0) == -127.0f);
  CHECK(levelDbov(100.0) == 0.0f);
}
