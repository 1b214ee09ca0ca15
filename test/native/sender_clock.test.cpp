#include "sender_clock.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace mos;

TEST_CASE("the earliest arrival ties the clocks") {
  SenderClock clock;
  CHECK(clock.map(1000, 5030) == 5030);
  CHECK(clock.map(1020, 5020) == 5020);                            // 30 ms sooner: the tie moves
  CHECK(clock.map(1040, 5090) == doctest::Approx(5040).epsilon(1e-5));  // 50 ms late: it does not
}

TEST_CASE("a tie is forgotten faster than clocks drift") {
  SenderClock clock;
  double mapped = 0;
  // The sender's clock is 300 ppm slow: packets seem to come ever later.
  for (double rtpMs = 0; rtpMs < 3600e3; rtpMs += 20) mapped = clock.map(rtpMs, rtpMs * 1.0003) - rtpMs * 1.0003;
  CHECK(mapped == doctest::Approx(0).epsilon(0.01));
}

TEST_CASE("a sender whose clock stood still or jumped back is tied anew") {
  SenderClock clock;
  clock.map(0, 1000);
  CHECK(clock.map(20, 11000) == 11000);
  CHECK(clock.map(-500000, 11020) == 11020);
}

TEST_CASE("jitter is the smoothed difference of transit times") {
  InterarrivalJitter jitter;
  double expected = 0;
  double lastTransit = 0;
  for (int i = 0; i < 200; ++i) {
    const double delay = i % 3 * 7.0;
    if (i > 0) expected += (std::abs(delay - lastTransit) - expected) / 16;
    lastTransit = delay;
    jitter.update(i, 20.0 * i, 20.0 * i + delay);
  }
  CHECK(jitter.ms() == doctest::Approx(expected));
  CHECK(jitter.ms() > 5);
}

TEST_CASE("pauses are no jitter") {
  InterarrivalJitter jitter;
  jitter.update(0, 0, 0);
  jitter.update(1, 400, 300);   // discontinuous transmission
  jitter.update(2, 420, 5320);  // the sender stood still
  jitter.update(3, 440, 5340);
  CHECK(jitter.ms() == 0);
  jitter.reset();
  jitter.update(4, 0, 9000);
  CHECK(jitter.ms() == 0);
}
