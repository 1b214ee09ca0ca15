#include "rtp_stream.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "allocations.h"
#include "g711.h"
#include "opus_payload.h"
#include "rtp_helpers.h"

using namespace mos;
using namespace mos::test;

namespace {

void append(Samples& to, const Samples& more) {
  to.insert(to.end(), more.begin(), more.end());
}

std::vector<Bytes> speechPackets(const Encoding& how = {}) {
  return encode(readSpeech("woman-1"), how);
}

}  // namespace

TEST_CASE("packets in order give what libopus gives") {
  const auto packets = speechPackets();
  Call call;
  for (const Bytes& payload : packets) call.send(payload, 20);
  CHECK(call.sink.audio() == decodePlainly(packets));
  CHECK(call.sink.breaks() == 0);
  CHECK(call.sink.events.front().startMs == kStartMs);
  CHECK(call.stats().packetsReceived == packets.size());
  CHECK(call.stats().packetsExpected == packets.size());
  CHECK(call.stats().packetsLost == 0);
  CHECK(call.stats().decodedMs == 20.0 * static_cast<double>(packets.size()));
  CHECK(call.stats().jitterMs == doctest::Approx(0));
  CHECK(call.stats().lastPacketMs == call.nowMs - 20);
}

TEST_CASE("every frame size of every mode, and code 3 packets of many frames") {
  struct Kind {
    ForcedMode mode;
    std::vector<double> frames;
  };
  const std::vector<Kind> kinds{{ForcedMode::Silk, {10, 20, 40, 60, 80, 100, 120}},
                                {ForcedMode::Hybrid, {10, 20, 40, 60, 80, 100, 120}},
                                {ForcedMode::Celt, {2.5, 5, 10, 20, 40, 60, 80, 100, 120}}};
  for (const Kind& kind : kinds) {
    for (const double frameMs : kind.frames) {
      for (const int channels : {1, 2}) {
        CAPTURE(static_cast<int>(kind.mode));
        CAPTURE(frameMs);
        CAPTURE(channels);
        Encoding how;
        how.mode = kind.mode;
        how.frameMs = frameMs;
        how.channels = channels;
        how.bitrate = 40000 * channels;
        const auto packets = speechPackets(how);
        Call call;
        for (const Bytes& payload : packets) call.send(payload, frameMs);
        CHECK(call.sink.audio() == decodePlainly(packets));
        CHECK(call.sink.breaks() == 0);
        CHECK_FALSE(call.stats().undecodable);
        CHECK(call.stats().decodedMs == doctest::Approx(frameMs * static_cast<double>(packets.size())));
      }
    }
  }
}

TEST_CASE("a lost packet is concealed once it has been waited for") {
  const auto packets = speechPackets();
  Call call;
  PlainOpus opus;
  Samples expected;
  for (std::size_t i = 0; i < 60; ++i) {
    call.send(packets[i], 20, i == 30);
    if (i == 31) CHECK(call.sink.audio().size() == 30 * 320);  // held
    append(expected, i == 30 ? opus.conceal(320) : opus.decode(packets[i]));
  }
  CHECK(call.sink.audio() == expected);
  CHECK(call.stats().packetsLost == 1);
  CHECK(call.stats().packetsExpected == 60);
  CHECK(call.stats().lossBursts == 1);
  CHECK(call.stats().concealedMs == 20);
  CHECK(call.sink.ms(Origin::Concealed) == 20);
}

TEST_CASE("the last lost packet comes back from in-band FEC, those before it are concealed") {
  Encoding how;
  how.fec = true;
  how.lossPercent = 20;
  how.mode = ForcedMode::Silk;
  const auto packets = speechPackets(how);
  std::size_t next = 100;
  while (!parseOpusPayload(packets[next].data(), packets[next].size())->hasLbrr) ++next;
  Call call;
  PlainOpus opus;
  Samples expected;
  for (std::size_t i = 0; i < next + 50; ++i) {
    const bool lost = i >= next - 3 && i < next;
    call.send(packets[i], 20, lost);
    if (lost) continue;
    if (i == next) {
      append(expected, opus.conceal(320));
      append(expected, opus.conceal(320));
      append(expected, opus.recover(packets[i], 320));
    }
    append(expected, opus.decode(packets[i]));
  }
  CHECK(call.sink.audio() == expected);
  CHECK(call.stats().fecRecoveredMs == 20);
  CHECK(call.stats().concealedMs == 40);
  CHECK(call.stats().packetsLost == 3);
  CHECK(call.stats().lossBursts == 1);
}

TEST_CASE("loss is made up to its true length: concealment, then silence, then FEC") {
  Encoding how;
  how.fec = true;
  how.lossPercent = 20;
  how.mode = ForcedMode::Silk;
  const auto packets = speechPackets(how);
  std::size_t next = 100;
  while (!parseOpusPayload(packets[next].data(), packets[next].size())->hasLbrr) ++next;
  Call call;
  for (std::size_t i = 0; i < next + 50; ++i) call.send(packets[i], 20, i >= next - 20 && i < next);
  CHECK(call.sink.audio().size() == (next + 50) * 320);
  CHECK(call.stats().concealedMs == 120);
  CHECK(call.stats().silenceMs == 260);
  CHECK(call.stats().fecRecoveredMs == 20);
  CHECK(call.sink.ms(Origin::Concealed) == 380);
  CHECK(call.sink.breaks() == 0);
  double at = kStartMs;
  for (const auto& event : call.sink.events) {
    CHECK(event.startMs == doctest::Approx(at).epsilon(1e-15));
    at += static_cast<double>(event.samples.size()) / 16;
  }
}

TEST_CASE("a gap beyond the limit is a break, counted as loss") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 200; ++i) call.send(packets[i], 20, i >= 50 && i < 101);
  CHECK(call.stats().packetsLost == 51);
  CHECK(call.stats().lossBursts == 1);
  CHECK(call.sink.breaks() == 1);
  CHECK(call.sink.ms(Origin::Concealed) == 0);
  CHECK(call.sink.audio().size() == (200 - 51) * 320);
}

TEST_CASE("packets that stop coming are not made up") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 100; ++i) call.send(packets[i], 20, i >= 50);
  call.stream.advance(call.nowMs + 60000);
  CHECK(call.sink.audio().size() == 50 * 320);
  CHECK(call.stats().packetsLost == 0);
  CHECK(call.stats().packetsExpected == 50);
}

TEST_CASE("reordered within the wait is as in order; the tick does not matter") {
  const auto packets = speechPackets();
  const Samples expected = decodePlainly(packets);
  for (const double tickMs : {0.0, 1.0, 7.0, 500.0}) {
    Call call;
    double next = kStartMs;
    for (std::size_t i = 0; i + 3 < packets.size() - packets.size() % 4; i += 4) {
      RtpFields fields = call.fields;
      for (const std::size_t k : {2u, 0u, 3u, 1u}) {
        call.fields.sequenceNumber = static_cast<std::uint16_t>(fields.sequenceNumber + k);
        call.fields.timestamp = fields.timestamp + static_cast<std::uint32_t>(960 * k);
        call.deliver(call.packet(packets[i + k]));
        call.nowMs += 15;
        for (; tickMs > 0 && next <= call.nowMs; next += tickMs) call.stream.advance(next);
      }
      call.fields = fields;
      for (int k = 0; k < 4; ++k) call.skip(0);
      call.fields.timestamp += 4 * 960;
    }
    const Samples heard = call.sink.audio();
    REQUIRE(heard.size() >= 1000 * 16);
    // The very first packet sent is the third: what stood before it is late.
    CHECK(std::equal(heard.end() - 320 * 100, heard.end(),
                     expected.begin() + static_cast<std::ptrdiff_t>((packets.size() - packets.size() % 4 - 100) * 320)));
    CHECK(call.stats().packetsLost == 0);
    CHECK(call.stats().packetsLate == 2);
  }
}

TEST_CASE("live and offline are the same: deadlines count as of their own time") {
  const auto packets = speechPackets();
  const auto run = [&](double tickMs) {
    Call call;
    double next = kStartMs;
    for (std::size_t i = 0; i < 300; ++i) {
      const bool lost = i % 17 == 5 || i % 31 == 7 || i % 31 == 8;
      const double jitterMs = static_cast<double>(i * 7919 % 40);
      const double now = call.nowMs;
      call.nowMs = now + jitterMs;
      for (; tickMs > 0 && next < call.nowMs; next += tickMs) call.stream.advance(next);
      if (!lost) call.deliver(call.packet(packets[i]));
      call.nowMs = now;
      call.skip(20);
    }
    call.stream.advance(call.nowMs + 1000);
    return std::move(call.sink.events);
  };
  const auto offline = run(0);
  const auto live = run(1);
  REQUIRE(live.size() == offline.size());
  for (std::size_t i = 0; i < live.size(); ++i) {
    CHECK(live[i].kind == offline[i].kind);
    CHECK(live[i].samples == offline[i].samples);
    CHECK(live[i].startMs == offline[i].startMs);
    CHECK(live[i].origin == offline[i].origin);
  }
}

TEST_CASE("late and duplicate packets are counted and not heard") {
  const auto packets = speechPackets();
  Call call;
  Bytes late;
  for (std::size_t i = 0; i < 40; ++i) {
    const Bytes packet = call.packet(packets[i]);
    if (i == 10) late = packet;
    else call.deliver(packet);
    if (i == 20) call.deliver(packet);
    if (i == 30) call.deliver(late);
    if (i == 31) call.deliver(late);
    call.skip(20);
  }
  CHECK(call.stats().packetsReceived == 42);
  CHECK(call.stats().packetsExpected == 40);
  CHECK(call.stats().packetsLost == 1);
  CHECK(call.stats().packetsLate == 1);
  CHECK(call.stats().packetsDuplicate == 2);
  CHECK(call.sink.audio().size() == 40 * 320);
  CHECK(call.stats().jitterMs < 5);
}

TEST_CASE("sequence numbers and timestamps wrap, also in the middle of a loss") {
  const auto packets = speechPackets();
  const auto run = [&](std::uint16_t sequenceNumber, std::uint32_t timestamp) {
    Call call;
    call.fields.sequenceNumber = sequenceNumber;
    call.fields.timestamp = timestamp;
    for (std::size_t i = 0; i < 100; ++i) call.send(packets[i], 20, i >= 49 && i < 52);
    CHECK(call.stats().packetsLost == 3);
    CHECK(call.stats().restarts == 0);
    CHECK(call.sink.breaks() == 0);
    return call.sink.audio();
  };
  CHECK(run(65486, 0xffffffffu - 50 * 960) == run(1000, 5000));
}

TEST_CASE("a packet of another SSRC is counted and never heard") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 50; ++i) {
    RtpFields other = call.fields;
    other.ssrc = 0x4321;
    call.deliver(rtp(other, packets[i + 50]));
    call.send(packets[i], 20);
  }
  CHECK(call.sink.audio() == decodePlainly({packets.begin(), packets.begin() + 50}));
  CHECK(call.stats().packetsMalformed == 50);
  CHECK(call.stats().packetsReceived == 50);
}

TEST_CASE("the sender begins anew with the same SSRC: two packets confirm it, the decoder is fresh") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 50; ++i) call.send(packets[i], 20);
  const std::size_t before = call.sink.audio().size();
  call.fields.sequenceNumber = 40000;
  call.fields.timestamp = 7;
  for (std::size_t i = 0; i < 50; ++i) call.send(packets[i], 20);
  CHECK(call.sink.restarts() == 1);
  CHECK(call.stats().restarts == 1);
  CHECK(call.stats().packetsLost == 0);
  CHECK(call.stats().packetsMalformed == 1);  // the first one, before it was confirmed
  const Samples heard = call.sink.audio();
  const Samples expected = decodePlainly({packets.begin() + 1, packets.begin() + 50});
  CHECK(Samples(heard.begin() + static_cast<std::ptrdiff_t>(before), heard.end()) == expected);
}

TEST_CASE("one stray number changes nothing") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 60; ++i) {
    if (i == 30) {
      RtpFields stray = call.fields;
      stray.sequenceNumber = static_cast<std::uint16_t>(stray.sequenceNumber + 20000);
      call.deliver(rtp(stray, packets[0]));
    }
    call.send(packets[i], 20);
  }
  CHECK(call.sink.audio() == decodePlainly({packets.begin(), packets.begin() + 60}));
  CHECK(call.stats().restarts == 0);
  CHECK(call.stats().packetsMalformed == 1);
}

TEST_CASE("discontinuous transmission: no loss, a break, and libopus's state goes on") {
  Encoding how;
  how.dtx = true;
  how.mode = ForcedMode::Silk;
  Samples speech = readSpeech("woman-1");
  speech.resize(16000 * 4);
  std::fill(speech.begin() + 16000, speech.begin() + 3 * 16000, 0.0f);
  std::vector<Bytes> sent;
  Call call;
  double quietMs = 0;
  double unsentMs = 0;
  int dtxSinceSent = 0;
  for (const Bytes& payload : encode(speech, how)) {
    // As WebRTC senders do: of the frames that carry nothing the first goes out, and one in 400 ms.
    const bool nothing = payload.size() <= 2;
    dtxSinceSent = nothing ? dtxSinceSent + 1 : 0;
    if (nothing && dtxSinceSent % 20 != 1) {
      call.pause(20);
      unsentMs += 20;
      continue;
    }
    quietMs += nothing ? 20 : 0;
    call.send(payload, 20);
    sent.push_back(payload);
  }
  REQUIRE(unsentMs > 1000);
  REQUIRE(quietMs > 0);
  PlainOpus opus;
  Samples expected;
  for (const Bytes& payload : sent) {
    const Samples audio = opus.decode(payload);
    if (payload.size() > 2) append(expected, audio);
  }
  CHECK(call.sink.audio() == expected);
  CHECK(call.sink.breaks() >= 1);
  CHECK(call.stats().packetsLost == 0);
  CHECK(call.stats().concealedMs == 0);
  CHECK(call.stats().dtxMs == doctest::Approx(quietMs + unsentMs));
  CHECK(call.stats().jitterMs == doctest::Approx(0));
  CHECK_FALSE(call.stats().undecodable);
}

TEST_CASE("empty payloads and a pause without any packet are breaks, not losses") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 100; ++i) {
    if (i == 50) call.send({}, 20);
    if (i == 75) call.pause(5000);
    call.send(packets[i], 20);
  }
  CHECK(call.sink.audio() == decodePlainly({packets.begin(), packets.begin() + 100}));
  CHECK(call.sink.breaks() == 2);
  CHECK(call.stats().packetsLost == 0);
  CHECK(call.stats().dtxMs == doctest::Approx(5020));
}

TEST_CASE("a sender may go on with empty payloads") {
  const auto packets = speechPackets();
  Call call;
  for (int i = 0; i < 100; ++i) call.send({}, 20);
  for (std::size_t i = 0; i < 20; ++i) call.send(packets[i], 20);
  CHECK_FALSE(call.stats().undecodable);
  CHECK(call.stats().packetsMalformed == 0);
  CHECK(call.sink.audio() == decodePlainly({packets.begin(), packets.begin() + 20}));
}

TEST_CASE("a loss within a pause: only what the lost packets could hold is made up") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 50; ++i) call.send(packets[i], 20);
  call.send(packets[50], 20, true);
  call.pause(300);
  for (std::size_t i = 51; i < 100; ++i) call.send(packets[i], 20);
  CHECK(call.stats().packetsLost == 1);
  CHECK(call.stats().concealedMs == 20);
  CHECK(call.stats().dtxMs == doctest::Approx(300));
  CHECK(call.sink.breaks() == 1);
}

TEST_CASE("a wild timestamp makes no silence") {
  const auto packets = speechPackets();
  for (const std::uint32_t jump : {0x7fffff00u, 0x80000100u, 4800000u}) {
    Call call;
    for (std::size_t i = 0; i < 30; ++i) {
      if (i == 10) call.fields.timestamp += jump;
      if (i == 20) call.skip(0);  // and a loss beside it
      if (i == 20) call.fields.timestamp -= jump;
      call.send(packets[i], 20);
    }
    call.stream.advance(call.nowMs + 1000);
    CHECK(call.sink.audio().size() == 30 * 320);
    CHECK(call.sink.breaks() == 2);
  }
}

TEST_CASE("losses that claim more time than goes by are not made up") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 300; ++i) {
    call.deliver(call.packet(packets[i]));
    call.fields.sequenceNumber = static_cast<std::uint16_t>(call.fields.sequenceNumber + 45);
    call.fields.timestamp += 48 * 900;
    call.nowMs += 20;
  }
  call.stream.advance(call.nowMs + 60);
  CHECK(call.sink.ms(Origin::Concealed) > 4000);
  CHECK(call.sink.ms(Origin::Concealed) <= 5000 + 300 * 20);
  CHECK(call.sink.ms(Origin::Received) == 300 * 20);
  CHECK(call.stats().packetsLost == 299 * 44);
}

TEST_CASE("audio is within -1 and 1 whatever the payload makes of it") {
  Encoding how;
  how.mode = ForcedMode::Celt;
  Call call;
  float largest = 0;
  std::uint32_t random = 1;
  PlainOpus opus;
  for (Bytes payload : speechPackets(how)) {
    for (std::size_t i = 1; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>((random = random * 1664525 + 1013904223) >> 24);
    call.send(payload, 20);
    for (const float sample : opus.decode(payload)) largest = std::max(largest, std::abs(sample));
  }
  CHECK(largest > 10);
  for (const float sample : call.sink.audio()) {
    if (!(std::abs(sample) <= 1)) FAIL(sample);
  }
}

TEST_CASE("an unsteady clock of less than 2.5 ms is no break") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 60; ++i) {
    call.fields.timestamp += i % 3 == 0 ? 48 : i % 3 == 1 ? 0 : -48u;
    call.send(packets[i], 20);
  }
  CHECK(call.sink.breaks() == 0);
  CHECK(call.sink.audio() == decodePlainly({packets.begin(), packets.begin() + 60}));
}

TEST_CASE("what this host lost is not the participant's loss") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 100; ++i) {
    if (i == 40) call.hostDrops += 5;  // of this socket, of whichever stream
    call.send(packets[i], 20, (i >= 40 && i < 43) || i == 70);
  }
  CHECK(call.stats().packetsOverload == 3);
  CHECK(call.stats().packetsLost == 1);
  CHECK(call.stats().packetsExpected == 97);
  CHECK(call.stats().lossBursts == 1);
  CHECK(call.sink.ms(Origin::Overload) == 60);
  CHECK(call.sink.ms(Origin::Concealed) == 20);
  CHECK(call.stats().concealedMs == 20);
}

TEST_CASE("bursts are runs of losses") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 60; ++i) call.send(packets[i], 20, i == 10 || i == 12 || (i >= 20 && i < 25));
  call.stream.advance(call.nowMs + 1000);
  CHECK(call.stats().packetsLost == 7);
  CHECK(call.stats().lossBursts == 3);
}

TEST_CASE("a payload that is broken counts as malformed and is restored like a lost one") {
  const auto packets = speechPackets();
  Call call;
  PlainOpus opus;
  Samples expected;
  for (std::size_t i = 0; i < 40; ++i) {
    call.send(i == 20 ? Bytes{0x7b, 0x00, 1, 2} : packets[i], 20);
    append(expected, i == 20 ? opus.conceal(320) : opus.decode(packets[i]));
  }
  CHECK(call.sink.audio() == expected);
  CHECK(call.stats().packetsMalformed == 1);
  CHECK(call.stats().packetsLost == 0);
  CHECK_FALSE(call.stats().undecodable);
}

TEST_CASE("G.711 is expanded, upsampled, and late by the filter's delay") {
  for (const std::uint8_t type : {kPcmuType, kPcmaType}) {
    Call call;
    call.clockKhz = 8;
    call.fields.payloadType = type;
    Bytes payload(160);
    HalfBandUpsampler upsampler;
    Samples expected;
    for (int i = 0; i < 50; ++i) {
      for (std::size_t k = 0; k < payload.size(); ++k) {
        payload[k] = static_cast<std::uint8_t>(i * 31 + static_cast<int>(k) * 7);
        float out[2];
        upsampler.process(type == kPcmuType ? expandMuLaw(payload[k]) : expandALaw(payload[k]), out);
        for (const float sample : out) expected.push_back(std::clamp(sample, -1.0f, 1.0f));
      }
      call.send(payload, 20);
    }
    CHECK(call.sink.audio() == expected);
    CHECK(call.sink.events.front().startMs == doctest::Approx(kStartMs - 27.0 / 16).epsilon(1e-15));
    CHECK(call.stats().bandwidthHz == 4000);

    call.send(payload, 20, true);
    for (int i = 0; i < 5; ++i) call.send(payload, 20);
    call.stream.advance(call.nowMs + 100);
    CHECK(call.stats().packetsLost == 1);
    CHECK(call.sink.ms(Origin::Concealed) == 20);
    CHECK(call.sink.breaks() == 0);
  }
}

TEST_CASE("the payload type changes between Opus and G.711 and back") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 20; ++i) call.send(packets[i], 20);
  call.clockKhz = 8;
  call.fields.payloadType = kPcmuType;
  for (int i = 0; i < 20; ++i) call.send(Bytes(160, 0x90), 20);
  call.fields.payloadType = kPcmaType;
  for (int i = 0; i < 20; ++i) call.send(Bytes(160, 0x90), 20);
  call.clockKhz = 48;
  call.fields.payloadType = kOpusType;
  for (std::size_t i = 0; i < 20; ++i) call.send(packets[i], 20);
  const Samples plain = decodePlainly({packets.begin(), packets.begin() + 20});
  const Samples heard = call.sink.audio();
  REQUIRE(heard.size() == 4 * 20 * 320);
  CHECK(Samples(heard.begin(), heard.begin() + 20 * 320) == plain);
  CHECK(Samples(heard.end() - 20 * 320, heard.end()) == plain);  // with a fresh decoder
  CHECK(call.sink.breaks() == 3);
  CHECK(call.stats().packetsLost == 0);
  CHECK(call.stats().jitterMs == doctest::Approx(0));
}

TEST_CASE("comfort noise and telephone events are quiet time") {
  for (const std::uint8_t type : {kComfortNoiseType, kTelephoneEventType}) {
    const auto packets = speechPackets();
    Call call;
    for (std::size_t i = 0; i < 60; ++i) {
      if (i == 30) {
        call.fields.payloadType = type;
        // Events repeat the timestamp of their beginning (RFC 4733 §2.5.1.1).
        for (int k = 0; k < 5; ++k) call.deliver(call.packet({1, 10, 0, 100})), ++call.fields.sequenceNumber;
        call.pause(100);
        call.fields.payloadType = kOpusType;
      }
      call.send(packets[i], 20);
    }
    CHECK(call.sink.audio() == decodePlainly({packets.begin(), packets.begin() + 60}));
    CHECK(call.sink.breaks() == 1);
    CHECK(call.stats().packetsLost == 0);
    CHECK(call.stats().packetsReceived == 65);
    CHECK(call.stats().unknownPayloadType == -1);
    CHECK(call.stats().dtxMs == doctest::Approx(100));
    CHECK(call.stats().jitterMs < 10);
  }
}

TEST_CASE("an unknown payload type is told, and forgotten when a known one comes") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 10; ++i) call.send(packets[i], 20);
  call.fields.payloadType = 63;
  for (int i = 0; i < 10; ++i) call.send({1, 2, 3}, 20);
  CHECK(call.stats().unknownPayloadType == 63);
  CHECK(call.stats().packetsUnknownPayloadType == 10);
  CHECK(call.sink.breaks() == 1);
  call.fields.payloadType = kOpusType;
  for (std::size_t i = 10; i < 20; ++i) call.send(packets[i], 20);
  CHECK(call.stats().unknownPayloadType == -1);
  CHECK(call.stats().packetsLost == 0);
  CHECK(call.sink.audio().size() == 20 * 320);
}

TEST_CASE("RTCP and what is no RTP are counted and skipped") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 20; ++i) {
    call.deliver({0x80, 200, 0, 6, 0, 0, 0x12, 0x34, 0, 0, 0, 0});
    call.deliver({});
    call.deliver({0x16, 0xfe, 0xff});
    call.send(packets[i], 20);
  }
  CHECK(call.sink.audio() == decodePlainly({packets.begin(), packets.begin() + 20}));
  CHECK(call.stats().rtcpPackets == 20);
  CHECK(call.stats().packetsMalformed == 40);
}

TEST_CASE("padding, CSRCs and header extensions around the payload; the stated audio level is read") {
  const auto packets = speechPackets();
  Call call;
  CHECK(call.stats().statedLevelDbov == 1);
  for (std::size_t i = 0; i < 20; ++i) {
    RtpFields fields = call.fields;
    fields.csrcs = {1, 2, 3};
    fields.padding = 9;
    fields.extensionProfile = i % 2 == 0 ? 0xbede : 0x1000;
    fields.extension = i % 2 == 0 ? Bytes{0x22, 7, 7, 7, 0x10, 0x80 | 33, 0, 0} : Bytes{1, 1, 44, 0};
    call.deliver(rtp(fields, packets[i]));
    call.skip(20);
    CHECK(call.stats().statedLevelDbov == (i % 2 == 0 ? -33 : -44));
  }
  CHECK(call.sink.audio() == decodePlainly({packets.begin(), packets.begin() + 20}));
}

TEST_CASE("bandwidth is that of the newest packet") {
  Encoding how;
  how.mode = ForcedMode::Celt;
  how.bitrate = 64000;
  Call call;
  call.send(speechPackets(how)[5], 20);
  CHECK(call.stats().bandwidthHz == 20000);
  how.mode = ForcedMode::Silk;
  call.send(speechPackets(how)[5], 20);
  CHECK(call.stats().bandwidthHz == 8000);
}

TEST_CASE("reset drops what is held and remembered, keeps statistics, and is no restart") {
  const auto packets = speechPackets();
  Call call;
  for (std::size_t i = 0; i < 50; ++i) call.send(packets[i], 20, i == 48);
  call.stream.reset();
  call.stream.advance(call.nowMs + 1000);
  const std::size_t before = call.sink.audio().size();
  CHECK(before == 48 * 320);
  call.fields.sequenceNumber = 9;
  call.fields.timestamp = 9;
  for (std::size_t i = 0; i < 50; ++i) call.send(packets[i], 20);
  const Samples heard = call.sink.audio();
  CHECK(Samples(heard.begin() + static_cast<std::ptrdiff_t>(before), heard.end()) ==
        decodePlainly({packets.begin(), packets.begin() + 50}));
  CHECK(call.sink.restarts() == 0);
  CHECK(call.sink.breaks() == 1);
  CHECK(call.stats().packetsReceived == 99);
  CHECK(call.stats().packetsLost == 0);
}

TEST_CASE("memory is fixed at construction, and a decoder is made only for a codec of the stream") {
  RtpStreamOptions options = streamOptions();
  Recorder sink;
  const RtpStream all(options, sink);
  CHECK(all.bytes() <= 24 * 1024);
  options.payloadTypes = {{kPcmuType, Codec::Pcmu, 8000}};
  const RtpStream telephone(options, sink);
  CHECK(telephone.decoderBytes() < 2048);
  CHECK(all.decoderBytes() > telephone.decoderBytes() + static_cast<std::size_t>(opus_decoder_get_size(1)));
}

TEST_CASE("no packet allocates: in order, lost, reordered, duplicate, foreign") {
  class Deaf : public AudioSink {
    void onAudio(const AudioChunk&) override {}
    void onBreak() override {}
    void onRestart() override {}
  } sink;
  const auto packets = speechPackets();
  RtpStreamOptions options = streamOptions();
  RtpStream stream(options, sink);
  std::vector<Bytes> datagrams;
  RtpFields fields;
  for (std::size_t i = 0; i < 400; ++i) {
    fields.payloadType = i % 50 == 49 ? kPcmuType : i % 53 == 52 ? 99 : kOpusType;
    fields.ssrc = i % 41 == 40 ? 1 : 0x1234;
    datagrams.push_back(rtp(fields, packets[i]));
    fields.timestamp += 960;
    fields.sequenceNumber = static_cast<std::uint16_t>(fields.sequenceNumber + (i % 37 == 36 ? 3 : i == 300 ? 20000 : 1));
  }
  const std::uint64_t before = allocations();
  double nowMs = kStartMs;
  for (std::size_t i = 0; i + 1 < datagrams.size(); i += 2) {
    const bool swapped = i < 200;
    for (const std::size_t k : {swapped ? i + 1 : i, swapped ? i : i + 1, i}) stream.onPacket(datagrams[k].data(), datagrams[k].size(), nowMs, i / 100);
    nowMs += 40;
    stream.advance(nowMs);
  }
  CHECK(allocations() == before);
  CHECK(stream.stats().packetsLost > 0);
  CHECK(stream.stats().packetsDuplicate > 0);
  CHECK(stream.stats().restarts == 1);
}

TEST_CASE("timestamps that jump as far as they can, for longer than 64 bits of samples last") {
  Call call;
  const Bytes good = speechPackets()[20];
  call.send(good, 20);
  Bytes datagram = call.packet({0x0b, 0xff, 0xff});  // malformed: only the check of payloads takes note
  constexpr int kPackets = 92'000;
  for (int i = 0; i < kPackets; ++i) {
    for (std::size_t byte = 0; byte < 2; ++byte) {
      datagram[2 + byte] = static_cast<std::uint8_t>(call.fields.sequenceNumber >> (8 - 8 * byte));
    }
    for (std::size_t byte = 0; byte < 4; ++byte) {
      datagram[4 + byte] = static_cast<std::uint8_t>(call.fields.timestamp >> (24 - 8 * byte));
    }
    call.deliver(datagram);
    ++call.fields.sequenceNumber;
    call.fields.timestamp += 0x7fffffffu;
    call.nowMs += 20;
  }
  call.send(good, 20);
  CHECK(call.stats().packetsReceived == kPackets + 2);
  CHECK(std::isfinite(call.stats().jitterMs));
}
