#include "opus_payload_check.h"

#include <doctest/doctest.h>

#include <random>

#include "rtp_helpers.h"

using namespace mos;
using namespace mos::test;

namespace {

// Ciphertext is as good as random bytes; the seed is fixed so that a failure comes again.
class Cipher {
 public:
  Bytes text(std::size_t size) {
    Bytes out(size);
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random_());
    return out;
  }

  // Everything encrypted, with an authentication tag.
  Bytes whole(const Bytes& payload) { return text(payload.size() + 16); }

  // First byte left clear, the rest AES-GCM: 16 bytes of tag and 12 of IV (as encoded transforms do it).
  Bytes behindClearByte(const Bytes& payload) {
    Bytes out = text(payload.size() + 28);
    out[0] = payload[0];
    return out;
  }

  // RFC 9605 §4.3: key id 0, counter in the fewest bytes.
  Bytes sframe(const Bytes& payload, std::uint32_t counter) {
    Bytes out;
    if (counter < 8) {
      out.push_back(static_cast<std::uint8_t>(counter));
    } else {
      const int bytes = counter < 0x100 ? 1 : counter < 0x10000 ? 2 : 3;
      out.push_back(static_cast<std::uint8_t>(0x08 | (bytes - 1)));
      put(out, counter, bytes);
    }
    const Bytes rest = text(payload.size() + 16);
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
  }

 private:
  std::mt19937 random_{20240229};
};

struct Setting {
  const char* name;
  Encoding how;
};

std::vector<Setting> settings() {
  std::vector<Setting> out;
  const auto add = [&](const char* name, ForcedMode mode, int bitrate, double frameMs, int channels, bool fec, bool dtx) {
    Encoding how;
    how.mode = mode;
    how.bitrate = bitrate;
    how.frameMs = frameMs;
    how.channels = channels;
    how.fec = fec;
    how.lossPercent = fec ? 20 : 0;
    how.dtx = dtx;
    out.push_back({name, how});
  };
  add("lowest bitrate", ForcedMode::None, 6000, 20, 1, false, false);
  add("WebRTC default", ForcedMode::None, 32000, 20, 1, true, false);
  add("WebRTC with DTX", ForcedMode::None, 32000, 20, 1, true, true);
  add("SILK", ForcedMode::Silk, 16000, 20, 1, false, false);
  add("SILK with FEC", ForcedMode::Silk, 24000, 20, 1, true, false);
  add("SILK stereo, 10 ms", ForcedMode::Silk, 40000, 10, 2, true, false);
  add("hybrid", ForcedMode::Hybrid, 32000, 20, 1, true, false);
  add("hybrid, 10 ms", ForcedMode::Hybrid, 40000, 10, 1, false, false);
  add("CELT", ForcedMode::Celt, 64000, 20, 1, false, false);
  add("CELT stereo", ForcedMode::Celt, 128000, 20, 2, false, false);
  add("CELT, 10 ms", ForcedMode::Celt, 32000, 10, 1, false, false);
  add("SILK, 60 ms", ForcedMode::Silk, 24000, 60, 1, false, false);
  add("CELT, 60 ms", ForcedMode::Celt, 64000, 60, 1, false, false);
  return out;
}

// Some 24 s of two people.
Samples longSpeech() {
  Samples speech = readSpeech("woman-1");
  const Samples more = readSpeech("man-1");
  speech.insert(speech.end(), more.begin(), more.end());
  return speech;
}

// Packets until payloads are no longer believed; -1 = never.
template <typename Encrypt>
int packetsToNotice(const std::vector<Bytes>& packets, double frameMs, Encrypt&& encrypt) {
  Call call;
  int sent = 0;
  for (const Bytes& payload : packets) {
    call.send(encrypt(payload), frameMs);
    ++sent;
    if (call.stats().undecodable) return sent;
  }
  return -1;
}

}  // namespace

TEST_CASE("real speech is never called undecodable, with and without loss") {
  const Samples speech = longSpeech();
  for (const Setting& setting : settings()) {
    const auto packets = encode(speech, setting.how);
    for (const unsigned lossPercent : {0u, 20u}) {
      CAPTURE(setting.name);
      CAPTURE(lossPercent);
      std::mt19937 random(7);
      Call call;
      bool ever = false;
      for (const Bytes& payload : packets) {
        call.send(payload, setting.how.frameMs, random() % 100 < lossPercent);
        ever = ever || call.stats().undecodable;
      }
      CHECK_FALSE(ever);
    }
  }
}

TEST_CASE("encrypted payloads are noticed") {
  const Samples speech = longSpeech();
  for (const Setting& setting : settings()) {
    CAPTURE(setting.name);
    const auto packets = encode(speech, setting.how);
    const double frameMs = setting.how.frameMs;
    Cipher cipher;
    const auto noticed = [&](auto&& encrypt) {
      const int count = packetsToNotice(packets, frameMs, encrypt);
      return count < 0 ? 1e9 : count * frameMs;
    };
    // 96 frames of 20 ms, of up to 60 ms in SILK; DTX sends fewer.
    const double limitMs = frameMs > 20 ? 4000 : 2100;
    CHECK(noticed([&](const Bytes& payload) { return cipher.behindClearByte(payload); }) <= limitMs);
    CHECK(noticed([&](const Bytes& payload) { return cipher.whole(payload); }) <= limitMs);
    for (const std::uint32_t first : {0u, 200u, 1000u, 70000u}) {
      std::uint32_t counter = first;
      CAPTURE(first);
      CHECK(noticed([&](const Bytes& payload) { return cipher.sframe(payload, counter++); }) <= limitMs);
    }
  }
}

TEST_CASE("nothing is heard while undecodable; good payloads are heard again") {
  Encoding how;
  how.bitrate = 32000;
  how.fec = true;
  const auto packets = encode(longSpeech(), how);
  Cipher cipher;
  Call call;
  std::size_t i = 0;
  for (; i < 300; ++i) call.send(packets[i], 20);
  CHECK(call.sink.audio().size() == 300 * 320);

  for (; i < 405; ++i) call.send(cipher.behindClearByte(packets[i]), 20);
  CHECK(call.stats().undecodable);
  const std::size_t heard = call.sink.audio().size();
  for (; i < 600; ++i) call.send(cipher.behindClearByte(packets[i]), 20);
  CHECK(call.sink.audio().size() == heard);
  CHECK(call.sink.breaks() == 1);

  std::size_t believed = 0;
  for (; i < 900; ++i) {
    call.send(packets[i], 20);
    if (believed == 0 && !call.stats().undecodable) believed = i;
  }
  CHECK(believed >= 600);
  CHECK(believed < 600 + 150);
  CHECK(call.sink.audio().size() == heard + (900 - believed) * 320);
}

TEST_CASE("timestamps that do not fit the payloads are noticed") {
  Call call;
  for (const Bytes& payload : encode(readSpeech("man-1"), {})) call.send(payload, 10);
  CHECK(call.stats().undecodable);
}

TEST_CASE("reset forgets the evidence") {
  Cipher cipher;
  Call call;
  const auto packets = encode(readSpeech("man-1"), {});
  for (std::size_t i = 0; i < 50; ++i) call.send(cipher.whole(packets[i]), 20);
  CHECK(call.stats().undecodable);
  call.stream.reset();
  CHECK_FALSE(call.stats().undecodable);
  for (std::size_t i = 0; i < 50; ++i) call.send(packets[i], 20);
  CHECK(call.sink.ms(Origin::Received) >= 1000);
}
