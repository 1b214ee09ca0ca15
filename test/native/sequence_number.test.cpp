#include "sequence_number.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <limits>

using namespace mos;
using Verdict = SequenceTracker::Verdict;

TEST_CASE("distance takes the shorter way round") {
  CHECK(wrapDistance<std::uint16_t>(65535, 0) == 1);
  CHECK(wrapDistance<std::uint16_t>(0, 65535) == -1);
  CHECK(wrapDistance<std::uint16_t>(7, 7) == 0);
  CHECK(wrapDistance<std::uint32_t>(0xfffffff0u, 0x10u) == 32);
  CHECK(wrapDistance<std::uint32_t>(0x10u, 0xfffffff0u) == -32);
}

TEST_CASE("unwrapping goes on past the wrap, forwards and back") {
  Unwrapper<std::uint32_t> timestamps;
  CHECK(timestamps.unwrap(0xffffff00u) == 0xffffff00LL);
  CHECK(timestamps.unwrap(0x100u) == 0x100000100LL);
  CHECK(timestamps.unwrap(0xffffff00u) == 0xffffff00LL);
  timestamps.reset();
  CHECK(timestamps.unwrap(5) == 5);
}

TEST_CASE("the longest steps, for ever, stay within what sums and differences can hold") {
  constexpr std::int64_t furthest = Unwrapper<std::uint32_t>::kFurthest;
  Unwrapper<std::uint32_t> timestamps;
  std::uint32_t value = 0;
  bool within = true;
  for (const std::uint32_t step : {0x7fffffffu, 0x80000000u, 0x80000001u}) {
    for (int i = 0; i < 5'000'000; ++i) {
      value += step;
      const std::int64_t extended = timestamps.unwrap(value);
      within = within && static_cast<std::uint32_t>(extended) == value && extended <= furthest && extended >= -furthest;
    }
  }
  CHECK(within);
}

TEST_CASE("units of one clock to those of another") {
  CHECK(rescale(8000, 8000, 48000) == 48000);
  CHECK(rescale(-961, 48000, 16000) == -320);
  CHECK(rescale(7, 8000, 16000) == 14);
  constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  for (const std::uint32_t fromHz : {1000u, 8000u, 48000u, 192000u}) {
    CHECK(rescale(largest, fromHz, 192000) > (std::int64_t{1} << 61));
    CHECK(rescale(-largest, fromHz, 192000) < -(std::int64_t{1} << 61));
  }
}

TEST_CASE("numbers stay ordered over the wrap") {
  SequenceTracker tracker;
  CHECK(tracker.check(65534) == Verdict::First);
  CHECK(tracker.check(65535) == Verdict::Belongs);
  CHECK(tracker.check(0) == Verdict::Belongs);
  CHECK(tracker.extended() == 65536);
  CHECK(tracker.check(65535) == Verdict::Belongs);
  CHECK(tracker.extended() == 65535);
  CHECK(tracker.check(2) == Verdict::Belongs);
  CHECK(tracker.extended() == 65538);
}

TEST_CASE("limits of what still belongs") {
  SequenceTracker tracker;
  CHECK(tracker.check(1000) == Verdict::First);
  CHECK(tracker.check(1000 + SequenceTracker::kMaxDropout - 1) == Verdict::Belongs);
  CHECK(tracker.check(1000 + SequenceTracker::kMaxDropout - 1 - SequenceTracker::kMaxMisorder) == Verdict::Belongs);
  CHECK(tracker.check(1000 + SequenceTracker::kMaxDropout - 2 - SequenceTracker::kMaxMisorder) == Verdict::Stray);
  CHECK(tracker.check(1000 + 2 * SequenceTracker::kMaxDropout) == Verdict::Stray);
}

TEST_CASE("a jump is a restart only when the next packet follows it") {
  SequenceTracker tracker;
  CHECK(tracker.check(10) == Verdict::First);
  CHECK(tracker.check(30000) == Verdict::Stray);
  CHECK(tracker.check(11) == Verdict::Belongs);
  CHECK(tracker.check(30001) == Verdict::Stray);  // one that belonged came in between
  CHECK(tracker.check(30002) == Verdict::Restarted);
  CHECK(tracker.extended() == 30002);
  CHECK(tracker.check(30003) == Verdict::Belongs);
}

TEST_CASE("a restart may go over the wrap") {
  SequenceTracker tracker;
  CHECK(tracker.check(20000) == Verdict::First);
  CHECK(tracker.check(65535) == Verdict::Stray);
  CHECK(tracker.check(0) == Verdict::Restarted);
  CHECK(tracker.check(65535) == Verdict::Belongs);
  CHECK(tracker.extended() == -1);
}
