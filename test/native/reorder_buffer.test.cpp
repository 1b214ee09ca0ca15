#include "reorder_buffer.h"

#include <doctest/doctest.h>

#include "rtp_helpers.h"

using namespace mos;
using mos::test::Bytes;
using Place = ReorderBuffer::Place;

namespace {

struct Fixture {
  Fixture() { buffer.begin(100); }

  // What came out for this packet, at once or by being due.
  void arrive(std::int64_t sequence, double nowMs, std::size_t size = 1) {
    payload.assign(size, static_cast<std::uint8_t>(sequence));
    MediaPacket packet;
    packet.sequence = sequence;
    packet.arrivalMs = nowMs;
    packet.payload = payload.data();
    packet.payloadSize = payload.size();
    switch (place = buffer.place(sequence)) {
      case Place::Next:
        played.push_back(sequence);
        buffer.passed(sequence);
        break;
      case Place::Ahead: buffer.hold(packet); break;
      case Place::Late:
      case Place::Duplicate: break;
    }
    advance(nowMs);
  }
  void advance(double nowMs) {
    while (const MediaPacket* due = buffer.due(nowMs)) {
      intact = intact && Bytes(due->payload, due->payload + due->payloadSize) ==
                             Bytes(due->payloadSize, static_cast<std::uint8_t>(due->sequence));
      played.push_back(due->sequence);
      buffer.pop();
    }
  }

  ReorderBuffer buffer{60};
  Bytes payload;
  Place place = Place::Next;
  std::vector<std::int64_t> played;
  bool intact = true;
};

using Sequence = std::vector<std::int64_t>;

}  // namespace

TEST_CASE_FIXTURE(Fixture, "in order passes at once") {
  for (std::int64_t i = 100; i < 400; ++i) arrive(i, 0);
  CHECK(played.size() == 300);
  CHECK(buffer.size() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a missing packet is waited for and put in its place") {
  arrive(100, 0);
  arrive(103, 20, 5);
  arrive(102, 30, 3);
  CHECK(played == Sequence{100});
  arrive(101, 79, 4);
  CHECK(played == Sequence{100, 101, 102, 103});
  CHECK(intact);
}

TEST_CASE_FIXTURE(Fixture, "no packet is held longer than the wait") {
  arrive(102, 10);
  arrive(104, 50);
  advance(69.9);
  CHECK(played.empty());
  advance(70);
  CHECK(played == Sequence{102});
  advance(109.9);
  CHECK(played == Sequence{102});
  advance(110);
  CHECK(played == Sequence{102, 104});
}

TEST_CASE_FIXTURE(Fixture, "many deadlines at once give what they give one by one") {
  Fixture other;
  for (Fixture* each : {static_cast<Fixture*>(this), &other}) {
    each->arrive(109, 1, 7);
    each->arrive(103, 5, 3);
    each->arrive(107, 9);
    each->arrive(106, 11);
    each->arrive(101, 20, 9);
  }
  for (double now = 20; now < 200; now += 0.5) advance(now);
  other.advance(200);
  CHECK(played == Sequence{101, 103, 106, 107, 109});
  CHECK(played == other.played);
  CHECK(intact);
}

TEST_CASE_FIXTURE(Fixture, "late and duplicate packets are told apart") {
  arrive(100, 0);
  arrive(100, 0);
  CHECK(place == Place::Duplicate);  // was played
  arrive(102, 1);
  arrive(102, 2);
  CHECK(place == Place::Duplicate);  // is held
  advance(100);
  arrive(101, 101);
  CHECK(place == Place::Late);
  arrive(101, 102);
  CHECK(place == Place::Duplicate);  // came, though late
  arrive(99, 103);
  CHECK(place == Place::Late);
  arrive(-1000, 104);
  CHECK(place == Place::Late);
  CHECK(played == Sequence{100, 102});
}

TEST_CASE_FIXTURE(Fixture, "places and bytes are limited") {
  for (std::size_t i = 0; i < ReorderBuffer::kMaxPackets; ++i) {
    CHECK(buffer.fits(1));
    arrive(101 + 2 * static_cast<std::int64_t>(i), 0);
  }
  CHECK_FALSE(buffer.fits(0));
  buffer.begin(100);
  CHECK(buffer.fits(ReorderBuffer::kMaxBytes));
  CHECK_FALSE(buffer.fits(ReorderBuffer::kMaxBytes + 1));
  arrive(101, 0, ReorderBuffer::kMaxBytes);
  CHECK(buffer.fits(0));
  CHECK_FALSE(buffer.fits(1));
  advance(60);
  CHECK(intact);
  CHECK(buffer.fits(ReorderBuffer::kMaxBytes));
}

TEST_CASE_FIXTURE(Fixture, "beginning anew drops what is held") {
  arrive(105, 0);
  buffer.begin(5);
  CHECK(buffer.size() == 0);
  CHECK(buffer.lowest() == nullptr);
  arrive(5, 0);
  CHECK(played == Sequence{5});
}
