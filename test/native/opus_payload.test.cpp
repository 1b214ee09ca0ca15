#include "opus_payload.h"

#include <doctest/doctest.h>

#include "rtp_helpers.h"

using namespace mos;
using namespace mos::test;

TEST_CASE("the first byte says what libopus reads in it") {
  for (int value = 0; value < 256; ++value) {
    CAPTURE(value);
    const auto byte = static_cast<std::uint8_t>(value);
    const OpusToc toc = opusToc(byte);
    const int bandwidth = opus_packet_get_bandwidth(&byte);
    CHECK(toc.frameUs == opus_packet_get_samples_per_frame(&byte, 48000) * 125 / 6);
    CHECK(toc.stereo == (opus_packet_get_nb_channels(&byte) == 2));
    const int hz = bandwidth == OPUS_BANDWIDTH_NARROWBAND      ? 4000
                   : bandwidth == OPUS_BANDWIDTH_MEDIUMBAND    ? 6000
                   : bandwidth == OPUS_BANDWIDTH_WIDEBAND      ? 8000
                   : bandwidth == OPUS_BANDWIDTH_SUPERWIDEBAND ? 12000
                                                               : 20000;
    CHECK(toc.bandwidthHz == hz);
    const OpusMode mode = value >= 128 ? OpusMode::Celt : value >= 96 ? OpusMode::Hybrid : OpusMode::Silk;
    CHECK(toc.mode == mode);
  }
}

TEST_CASE("frames of every packing, and one leading byte for each 20 ms") {
  const Bytes one{0x78, 0xaa, 1};  // hybrid 20 ms
  CHECK(parseOpusPayload(one.data(), one.size())->frameCount == 1);
  CHECK(parseOpusPayload(one.data(), one.size())->leadingCount == 1);
  CHECK(parseOpusPayload(one.data(), one.size())->leading[0] == 0xaa);

  const Bytes many{0xe3, 0x08, 1, 2, 3, 4, 5, 6, 7, 8};  // CELT 2.5 ms, eight frames of one byte
  const auto short8 = parseOpusPayload(many.data(), many.size());
  CHECK(short8->frameCount == 8);
  CHECK(short8->toc.frameUs == 2500);
  CHECK(short8->leadingCount == 1);

  const Bytes longest{0xfb, 0x06, 1, 2, 3, 4, 5, 6};  // CELT 20 ms, six frames
  const auto six = parseOpusPayload(longest.data(), longest.size());
  CHECK(six->leadingCount == 6);
  CHECK(six->leading[5] == 6);
  CHECK(six->largestFrameSize == 1);
}

TEST_CASE("what breaks a rule is no payload") {
  const std::vector<Bytes> broken{
      {},
      {0x79, 1, 2, 3},          // two equal frames of 1.5 bytes
      {0x7a},                   // two frames, size missing
      {0x7a, 200, 1},           // first frame longer than the packet
      {0x7b},                   // no frame count
      {0x7b, 0x00},             // no frames
      {0x1b, 0x03, 1, 2, 3},    // 180 ms
      {0x7b, 0x41, 200, 1, 2},  // padding longer than the packet
  };
  for (const Bytes& payload : broken) CHECK_FALSE(parseOpusPayload(payload.data(), payload.size()));
  const Bytes tooLong(1278, 0x78);
  CHECK_FALSE(parseOpusPayload(tooLong.data(), tooLong.size()));
}

TEST_CASE("LBRR is announced where libopus restores the packet before") {
  Encoding how;
  how.mode = ForcedMode::Silk;
  const auto speech = readSpeech("woman-1");
  for (const double frameMs : {10.0, 20.0, 40.0, 60.0}) {
    for (const int channels : {1, 2}) {
      how.frameMs = frameMs;
      how.channels = channels;
      how.bitrate = 32000 * channels;
      int with = 0;
      for (const bool fec : {false, true}) {
        how.fec = fec;
        how.lossPercent = fec ? 25 : 0;
        for (const Bytes& payload : encode(speech, how)) {
          with += parseOpusPayload(payload.data(), payload.size())->hasLbrr ? 1 : 0;
        }
        CAPTURE(frameMs);
        CAPTURE(channels);
        CHECK((with > 0) == fec);
      }
    }
  }
}
