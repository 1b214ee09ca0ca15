// What senders put into packets beside the payloads that were agreed on: events, keepalives, redundancy, ciphertext.
#include <doctest/doctest.h>

#include <random>

#include "red.h"
#include "rtp_helpers.h"

using namespace mos;
using namespace mos::test;

namespace {

constexpr std::uint8_t kRedType = 63;

std::vector<Bytes> opusSpeech() { return encode(readSpeech("woman-1"), {}); }

std::uint8_t compressMuLaw(float sample) {
  int value = static_cast<int>(std::lround(sample * 32635.0f));
  const int sign = value < 0 ? 0x80 : 0;
  value = std::min(std::abs(value), 32635) + 132;
  int exponent = 7;
  for (int mask = 0x4000; exponent > 0 && (value & mask) == 0; mask >>= 1) --exponent;
  return static_cast<std::uint8_t>(~(sign | exponent << 4 | ((value >> (exponent + 3)) & 15)));
}

struct Block {
  std::uint8_t payloadType;
  std::uint32_t offset;
  Bytes data;
};

Bytes red(const std::vector<Block>& redundant, const Block& primary) {
  Bytes out;
  for (const Block& block : redundant) {
    out.push_back(static_cast<std::uint8_t>(0x80 | block.payloadType));
    put(out, block.offset << 10 | static_cast<std::uint32_t>(block.data.size()), 3);
  }
  out.push_back(primary.payloadType);
  for (const Block& block : redundant) out.insert(out.end(), block.data.begin(), block.data.end());
  out.insert(out.end(), primary.data.begin(), primary.data.end());
  return out;
}

RtpStreamOptions withRed() {
  RtpStreamOptions options = streamOptions();
  options.payloadTypes.push_back({kRedType, Codec::Red, 48000});
  return options;
}

// Packet i carries `distance` packets before it once more.
Bytes redPacket(const std::vector<Bytes>& packets, std::size_t i, std::size_t distance) {
  std::vector<Block> redundant;
  for (std::size_t back = std::min(distance, i); back > 0; --back) {
    redundant.push_back({kOpusType, static_cast<std::uint32_t>(960 * back), packets[i - back]});
  }
  return red(redundant, {kOpusType, 0, packets[i]});
}

}  // namespace

TEST_CASE("RED: without loss the primary payloads are as if sent alone") {
  const auto packets = opusSpeech();
  Call call(withRed());
  call.fields.payloadType = kRedType;
  for (std::size_t i = 0; i < packets.size(); ++i) call.send(redPacket(packets, i, 2), 20);
  CHECK(call.sink.audio() == decodePlainly(packets));
  CHECK(call.stats().packetsDuplicate == 0);
  CHECK(call.stats().packetsLate == 0);
  CHECK(call.stats().packetsUnknownPayloadType == 0);
}

TEST_CASE("RED: what is lost comes from redundant payloads, and counts as lost") {
  auto packets = opusSpeech();
  packets.resize(600);  // the last that are lost are followed by others
  Call call(withRed());
  call.fields.payloadType = kRedType;
  for (std::size_t i = 0; i < packets.size(); ++i) call.send(redPacket(packets, i, 2), 20, i % 20 == 10 || i % 20 == 11);
  call.stream.advance(call.nowMs + 1000);
  CHECK(call.sink.audio() == decodePlainly(packets));
  CHECK(call.sink.ms(Origin::Concealed) == 0);
  CHECK(call.stats().lossBursts == 30);
  CHECK(call.stats().packetsLost == 60);
  CHECK(call.stats().fecRecoveredMs == 60 * 20);
}

TEST_CASE("RED: a reordered packet is no loss: its copy makes way") {
  const auto packets = opusSpeech();
  Call call(withRed());
  call.fields.payloadType = kRedType;
  for (std::size_t i = 0; i + 1 < 200; i += 2) {
    RtpFields first = call.fields;
    call.skip(20);
    if (i == 0) {
      call.deliver(rtp(first, redPacket(packets, i, 1)));
      call.deliver(call.packet(redPacket(packets, i + 1, 1)));
    } else {
      call.deliver(call.packet(redPacket(packets, i + 1, 1)));
      call.deliver(rtp(first, redPacket(packets, i, 1)));
    }
    call.skip(20);
  }
  CHECK(call.sink.audio() == decodePlainly({packets.begin(), packets.begin() + 200}));
  CHECK(call.stats().packetsLost == 0);
  CHECK(call.stats().fecRecoveredMs == 0);
  CHECK(call.stats().packetsDuplicate == 0);
}

TEST_CASE("RED: broken headers are malformed, whatever stands in them") {
  std::mt19937 random(9);
  Call call(withRed());
  call.fields.payloadType = kRedType;
  for (int i = 0; i < 5000; ++i) {
    Bytes payload(random() % 60);
    for (auto& byte : payload) byte = static_cast<std::uint8_t>(random());
    call.send(payload, 20);
  }
  CHECK(call.stats().packetsMalformed > 1000);
  PayloadParts parts;
  const Bytes cut{0x80 | 111, 0, 0};
  CHECK_FALSE(parts.splitRed(cut.data(), cut.size()));
  CHECK_FALSE(parts.splitRed(cut.data(), 0));
  CHECK(parts.redundant() == 0);
}

TEST_CASE("telephone events of a payload type that was not agreed on, or stands for Opus, are quiet time") {
  for (const bool everythingIsOpus : {true, false}) {
    RtpStreamOptions options = streamOptions();
    if (everythingIsOpus) {
      options.payloadTypes.clear();
      for (std::uint8_t type = 96; type < 128; ++type) options.payloadTypes.push_back({type, Codec::Opus, 48000});
    }
    const auto packets = opusSpeech();
    Call call(options);
    for (std::size_t i = 0; i < 300; ++i) {
      if (i > 0 && i % 50 == 0) {
        call.fields.payloadType = 101;
        for (int k = 0; k < 20; ++k) {
          call.deliver(call.packet({5, static_cast<std::uint8_t>(k > 16 ? 0x8a : 10), 0, static_cast<std::uint8_t>(10 * k)}));
          ++call.fields.sequenceNumber;
          CHECK_FALSE(call.stats().undecodable);
        }
        call.pause(100);
        call.fields.payloadType = kOpusType;
      }
      call.send(packets[i], 20);
    }
    CHECK(call.sink.audio() == decodePlainly({packets.begin(), packets.begin() + 300}));
    CHECK(call.stats().packetsUnknownPayloadType == 0);
    CHECK(call.stats().packetsMalformed == 0);
  }
}

TEST_CASE("a keepalive of an unknown payload type is no codec of the stream; media of one is") {
  Call call;
  for (int i = 0; i < 50; ++i) call.send(opusSpeech()[static_cast<std::size_t>(i)], 20);
  for (int i = 0; i < 20; ++i) {
    call.fields.payloadType = 126;
    call.send({}, 1000);
    CHECK(call.stats().unknownPayloadType == -1);
    call.send(Bytes(20, 0), 4000);
    CHECK(call.stats().unknownPayloadType == -1);
  }
  call.fields.payloadType = 9;
  for (int i = 0; i < 10; ++i) call.send(Bytes(160, 7), 20);
  CHECK(call.stats().unknownPayloadType == 9);
}

TEST_CASE("G.711 that is still encrypted is undecodable within two seconds, and decodable once it is not") {
  for (const std::uint8_t type : {kPcmuType, kPcmaType}) {
    for (const unsigned seed : {1u, 2u, 3u, 4u, 5u}) {
      std::mt19937 random(seed);
      Call call;
      call.clockKhz = 8;
      call.fields.payloadType = type;
      Bytes payload(160);
      for (int i = 0; i < 500; ++i) {
        for (auto& code : payload) code = static_cast<std::uint8_t>(random());
        call.send(payload, 20);
        if (i >= 100) CHECK(call.stats().undecodable);
      }
      CHECK(call.sink.audio().size() <= 100 * 320);
      const Samples speech = readSpeech("man-1");
      for (std::size_t at = 0; at + 320 <= 5 * 16000; at += 320) {
        for (std::size_t i = 0; i < 160; ++i) payload[i] = compressMuLaw(speech[at + 2 * i]);
        call.send(payload, 20);
      }
      CHECK_FALSE(call.stats().undecodable);
    }
  }
}

TEST_CASE("real sound in G.711 is never taken for ciphertext: speech of any level, noise, clipping, silence") {
  std::mt19937 random(17);
  std::normal_distribution<float> gauss;
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (const std::string& clip : {std::string("woman-1"), std::string("man-1")}) {
    const Samples speech = readSpeech(clip);
    for (const float gain : {0.01f, 0.1f, 1.0f, 4.0f, 30.0f, 1000.0f}) {
      for (const float noise : {0.0f, 0.003f, 0.03f, 0.3f, 3.0f}) {
        for (const bool even : {false, true}) {
          CAPTURE(clip);
          CAPTURE(gain);
          CAPTURE(noise);
          CAPTURE(even);
          Call call;
          call.clockKhz = 8;
          call.fields.payloadType = kPcmuType;
          Bytes payload(160);
          bool undecodable = false;
          for (std::size_t at = 0; at + 320 <= speech.size(); at += 320) {
            for (std::size_t i = 0; i < 160; ++i) {
              const float sound = gain * speech[at + 2 * i] + noise * (even ? uniform(random) : gauss(random));
              payload[i] = compressMuLaw(std::max(-1.0f, std::min(1.0f, sound)));
            }
            call.send(payload, 20);
            undecodable = undecodable || call.stats().undecodable;
          }
          CHECK_FALSE(undecodable);
        }
      }
    }
  }
}
