#include "rtp_stream.h"

#include <doctest/doctest.h>

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
