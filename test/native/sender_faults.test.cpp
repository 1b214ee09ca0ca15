// Senders whose timestamps, pace or retransmissions are not as the RFCs have them.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include "rtp_helpers.h"

using namespace mos;
using namespace mos::test;

namespace {

std::vector<Bytes> opusSpeech() { return encode(readSpeech("woman-1"), {}); }

std::uint8_t compressMuLaw(float sample) {
  int value = static_cast<int>(std::lround(sample * 32635.0f / 1.0f));
  const int sign = value < 0 ? 0x80 : 0;
  value = std::min(std::abs(value), 32635) + 132;
  int exponent = 7;
  for (int mask = 0x4000; exponent > 0 && (value & mask) == 0; mask >>= 1) --exponent;
  return static_cast<std::uint8_t>(~(sign | exponent << 4 | ((value >> (exponent + 3)) & 15)));
}

std::vector<Bytes> pcmuSpeech() {
  const Samples speech = readSpeech("woman-1");
  std::vector<Bytes> packets;
  for (std::size_t at = 0; at + 320 <= speech.size(); at += 320) {
    Bytes packet;
    for (std::size_t i = 0; i < 320; i += 2) packet.push_back(compressMuLaw((speech[at + i] + speech[at + i + 1]) / 2));
    packets.push_back(packet);
  }
  return packets;
}

// Ticks to advance after packet i.
using Advance = std::function<std::int64_t(std::size_t)>;

void play(Call& call, const std::vector<Bytes>& packets, const Advance& advance, double everyMs = 20,
          const std::function<bool(std::size_t)>& lost = [](std::size_t) { return false; }) {
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (!lost(i)) call.deliver(call.packet(packets[i]));
    ++call.fields.sequenceNumber;
    call.fields.timestamp += static_cast<std::uint32_t>(advance(i));
    call.nowMs += everyMs;
  }
  call.stream.advance(call.nowMs + 1000);
}

// Start of the newest audio, on the clock of arrivals.
double newestMs(const Call& call) {
  for (auto event = call.sink.events.rbegin(); event != call.sink.events.rend(); ++event) {
    if (event->kind == Recorder::Event::Kind::Audio) return event->startMs;
  }
  return 0;
}

}  // namespace

TEST_CASE("timestamps of another clock: after a few packets the audio is whole") {
  struct Case {
    std::uint8_t payloadType;
    std::int64_t ticks;
    TimestampClock clock;
    double rateHz;
  };
  for (const Case& each : {Case{kOpusType, 160, TimestampClock::OtherRate, 8000},
                           Case{kOpusType, 320, TimestampClock::OtherRate, 16000},
                           Case{kOpusType, 480, TimestampClock::OtherRate, 24000},
                           Case{kOpusType, 1920, TimestampClock::OtherRate, 96000},
                           Case{kOpusType, 0, TimestampClock::Standing, 0},
                           Case{kPcmuType, 320, TimestampClock::OtherRate, 16000},
                           Case{kPcmuType, 960, TimestampClock::OtherRate, 48000},
                           Case{kPcmuType, 80, TimestampClock::OtherRate, 4000},
                           Case{kPcmuType, 0, TimestampClock::Standing, 0}}) {
    CAPTURE(each.payloadType);
    CAPTURE(each.ticks);
    const auto packets = each.payloadType == kOpusType ? opusSpeech() : pcmuSpeech();
    Call call;
    call.fields.payloadType = each.payloadType;
    play(call, packets, [&](std::size_t) { return each.ticks; });
    CHECK(call.stats().timestampClock == each.clock);
    CHECK(call.stats().timestampRateHz == doctest::Approx(each.rateHz));
    CHECK_FALSE(call.stats().undecodable);
    CHECK(call.sink.breaks() <= 6);
    CHECK(call.sink.audio().size() == packets.size() * 320);
    CHECK(call.stats().jitterMs < 1);
    CHECK(newestMs(call) == doctest::Approx(call.nowMs - 20).epsilon(1e-12));
  }
}

TEST_CASE("a clock of another rate: losses are made up to their true length, pauses are breaks") {
  const auto packets = opusSpeech();
  Call call;
  std::vector<Bytes> talk(packets.begin(), packets.begin() + 200);
  play(call, talk, [](std::size_t) { return 160; }, 20, [](std::size_t i) { return i >= 100 && i < 103; });
  CHECK(call.stats().packetsLost == 3);
  CHECK(call.sink.ms(Origin::Concealed) == 60);
  CHECK(call.sink.audio().size() == 200 * 320);
  const int breaks = call.sink.breaks();
  call.nowMs += 3000;
  play(call, talk, [](std::size_t) { return 160; });
  CHECK(call.sink.breaks() == breaks + 1);
  CHECK(newestMs(call) == doctest::Approx(call.nowMs - 20).epsilon(1e-12));
}

TEST_CASE("timestamps read from a wall clock, off by 3, 5 or 10 ms each, lose nothing") {
  for (const bool opus : {true, false}) {
    for (const double offMs : {3.0, 5.0, 10.0}) {
      CAPTURE(opus);
      CAPTURE(offMs);
      const auto packets = opus ? opusSpeech() : pcmuSpeech();
      std::mt19937 random(7);
      std::uniform_real_distribution<double> off(-offMs, offMs);
      Call call;
      if (!opus) call.fields.payloadType = kPcmuType;
      const double khz = opus ? 48 : 8;
      double before = 0;
      play(
          call, packets,
          [&](std::size_t) {
            const double now = off(random);
            const auto ticks = static_cast<std::int64_t>(std::lround((20 + now - before) * khz));
            before = now;
            return ticks;
          },
          20, [](std::size_t i) { return i % 40 == 39; });
      CHECK(call.stats().timestampClock == TimestampClock::Unsteady);
      CHECK_FALSE(call.stats().undecodable);
      CHECK(call.sink.breaks() <= 1);
      CHECK(static_cast<double>(call.sink.audio().size()) ==
            doctest::Approx(static_cast<double>(packets.size() - (packets.size() % 40 == 0 ? 1 : 0)) * 320).epsilon(0.002));
    }
  }
}

TEST_CASE("a good clock is never called bad: loss, jitter, bursts, discontinuous transmission, pauses") {
  Encoding how;
  how.dtx = true;
  how.mode = ForcedMode::Silk;
  Samples speech = readSpeech("woman-1");
  for (std::size_t at = 0; at + 16000 < speech.size(); at += 32000) std::fill_n(speech.begin() + static_cast<std::ptrdiff_t>(at), 12000, 0.0f);
  const auto packets = encode(speech, how);
  for (const double jitterMs : {0.0, 30.0, 90.0}) {
    CAPTURE(jitterMs);
    std::mt19937 random(3);
    std::uniform_real_distribution<double> unit(0, 1);
    Call call;
    double latestMs = 0;
    for (const Bytes& payload : packets) {
      if (payload.size() <= 2 && unit(random) > 0.05) {
        call.pause(20);
        continue;
      }
      const double sentMs = call.nowMs;
      latestMs = call.nowMs = std::max(latestMs, sentMs + jitterMs * unit(random));
      if (unit(random) > 0.05) call.deliver(call.packet(payload));
      CHECK(call.stats().timestampClock == TimestampClock::Steady);
      call.nowMs = sentMs;
      call.skip(20);
      if (unit(random) < 0.02) call.pause(20 * std::floor(40 * unit(random)));
    }
  }
}

TEST_CASE("all packets at one moment: a good clock is good") {
  const auto packets = opusSpeech();
  Call call;
  play(call, packets, [](std::size_t) { return 960; }, 0);
  CHECK(call.stats().timestampClock == TimestampClock::Steady);
  CHECK(call.sink.audio() == decodePlainly(packets));
}

TEST_CASE("encrypted payloads with claims of their own do not make the clock a bad one") {
  std::mt19937 random(11);
  Call call;
  for (int i = 0; i < 300; ++i) {
    Bytes payload(80);
    for (auto& byte : payload) byte = static_cast<std::uint8_t>(random());
    payload[0] = 0x18;  // SILK, 60 ms, one frame
    call.send(payload, 20);
  }
  CHECK(call.stats().undecodable);
  CHECK(call.stats().timestampClock == TimestampClock::Steady);
}

TEST_CASE("a slow sender: what is decoded keeps up with the clock of the host") {
  for (const double slow : {1.01, 1.05, 0.95}) {
    CAPTURE(slow);
    const auto packets = opusSpeech();
    Call call;
    double furthest = 0;
    for (int round = 0; round < 4; ++round) {
      for (const Bytes& payload : packets) {
        call.deliver(call.packet(payload));
        furthest = std::max(furthest, call.nowMs - newestMs(call));
        ++call.fields.sequenceNumber;
        call.fields.timestamp += 960;
        call.nowMs += 20 * slow;
      }
    }
    CHECK(furthest < 300);
    CHECK(call.sink.breaks() == 0);
    CHECK(call.stats().timestampClock == TimestampClock::Steady);
  }
}

TEST_CASE("timestamps that stand still or fall back over pauses: what follows keeps up") {
  const auto packets = opusSpeech();
  for (const std::int64_t overPause : {std::int64_t{0}, std::int64_t{-48000}, std::int64_t{-480000000}}) {
    for (const double pauseMs : {400.0, 900.0, 1500.0, 5000.0}) {
      CAPTURE(overPause);
      CAPTURE(pauseMs);
      Call call;
      for (int spurt = 0; spurt < 8; ++spurt) {
        for (std::size_t i = 0; i < 250; ++i) call.send(packets[i], 20);
        CHECK(call.nowMs - newestMs(call) < 200);
        call.nowMs += pauseMs;
        call.fields.timestamp += static_cast<std::uint32_t>(overPause);
      }
      CHECK(call.sink.audio().size() == 8 * 250 * 320);
      CHECK_FALSE(call.stats().undecodable);
    }
  }
}

TEST_CASE("retransmissions are waited for as long as they take, and count as repaired") {
  for (const double repairMs : {130.0, 250.0, 400.0}) {
    CAPTURE(repairMs);
    const auto packets = opusSpeech();
    std::multimap<double, Bytes> arrivals;
    Call call;
    std::mt19937 random(5);
    std::uint64_t repaired = 0;
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const bool late = i > 0 && i + 40 < packets.size() && random() % 20 == 0;
      repaired += late ? 1 : 0;
      arrivals.insert({call.nowMs + (late ? 20 + repairMs : 0), call.packet(packets[i])});
      call.skip(20);
    }
    for (const auto& [atMs, datagram] : arrivals) {
      call.nowMs = atMs;
      call.deliver(datagram);
    }
    call.stream.advance(call.nowMs + 1000);
    CHECK(call.stats().packetsRepaired == repaired);
    CHECK(call.stats().packetsLost == call.stats().packetsRepairedLate);
    CHECK(call.stats().packetsRepairedLate <= 8);  // before the first of them came
    CHECK(call.sink.audio().size() == packets.size() * 320);
  }
}

TEST_CASE("what is lost for good is not waited for longer than a receiver would, and the wait ends") {
  const auto packets = opusSpeech();
  Call call;
  Bytes late;
  for (int i = 0; i < 40; ++i) {
    const Bytes packet = call.packet(packets[static_cast<std::size_t>(i)]);
    if (i == 10) late = packet;
    else call.deliver(packet);
    if (i == 35) call.deliver(late);  // 480 ms after the packet behind it
    call.skip(20);
  }
  CHECK(call.stats().packetsRepaired == 1);
  const auto heldAfterLoss = [&] {
    call.send(packets[50], 20, true);
    const std::size_t before = call.sink.audio().size();
    int held = 0;
    while (call.sink.audio().size() == before) call.send(packets[51], 20), ++held;
    return 20.0 * held;
  };
  CHECK(heldAfterLoss() == doctest::Approx(500).epsilon(0.05));
  for (int i = 0; i < 1100; ++i) call.send(packets[60], 20);
  CHECK(heldAfterLoss() == doctest::Approx(60).epsilon(0.35));
}

TEST_CASE("a packet that comes after more than a second is lost for good") {
  const auto packets = opusSpeech();
  Call call;
  Bytes late;
  for (std::size_t i = 0; i < 100; ++i) {
    const Bytes packet = call.packet(packets[i]);
    if (i == 10) late = packet;
    else call.deliver(packet);
    if (i == 80) call.deliver(late);
    call.skip(20);
  }
  CHECK(call.stats().packetsLate == 1);
  CHECK(call.stats().packetsRepaired == 0);
}
