#include "rtp_packet.h"

#include <doctest/doctest.h>

#include <memory>

#include "rtp_helpers.h"

using namespace mos;
using namespace mos::test;

namespace {

// In a block of exactly its size, so that a read past it is seen by the sanitizer.
std::optional<RtpPacket> parse(const Bytes& bytes) {
  static std::unique_ptr<std::uint8_t[]> exact;
  exact = std::make_unique<std::uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  return parseRtpPacket(exact.get(), bytes.size());
}

Bytes payloadOf(const RtpPacket& packet) {
  return Bytes(packet.payload, packet.payload + packet.payloadSize);
}

}  // namespace

TEST_CASE("every field is read") {
  RtpFields fields;
  fields.payloadType = 111;
  fields.sequenceNumber = 0xabcd;
  fields.timestamp = 0xfedcba98;
  fields.ssrc = 0x89abcdef;
  fields.marker = true;
  const auto packet = parse(rtp(fields, {1, 2, 3}));
  REQUIRE(packet);
  CHECK(packet->payloadType == 111);
  CHECK(packet->sequenceNumber == 0xabcd);
  CHECK(packet->timestamp == 0xfedcba98);
  CHECK(packet->ssrc == 0x89abcdef);
  CHECK(packet->marker);
  CHECK(packet->csrcCount == 0);
  CHECK(packet->extensionSize == 0);
  CHECK(payloadOf(*packet) == Bytes{1, 2, 3});
}

TEST_CASE("CSRCs, extension block and padding stand around the payload") {
  RtpFields fields;
  fields.csrcs = {1, 2, 3};
  fields.extensionProfile = 0xbede;
  fields.extension = {0x10, 0x85, 0, 0};
  fields.padding = 5;
  const auto packet = parse(rtp(fields, {9, 8, 7}));
  REQUIRE(packet);
  CHECK(packet->csrcCount == 3);
  CHECK(packet->extensionProfile == 0xbede);
  CHECK(packet->extensionSize == 4);
  CHECK(packet->extension[1] == 0x85);
  CHECK(payloadOf(*packet) == Bytes{9, 8, 7});
}

TEST_CASE("an empty payload is a packet, also of nothing but padding") {
  CHECK(parse(rtp({}, {}))->payloadSize == 0);
  RtpFields fields;
  fields.padding = 4;
  CHECK(parse(rtp(fields, {}))->payloadSize == 0);
}

TEST_CASE("whatever is cut off anywhere in the header is no packet") {
  RtpFields fields;
  fields.csrcs = {1, 2};
  fields.extensionProfile = 0xbede;
  fields.extension = {0x10, 0x85, 0, 0};
  const Bytes whole = rtp(fields, {});
  CHECK(parse(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(parse(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
  }
}

TEST_CASE("wrong version, padding without length, and padding longer than what is there") {
  Bytes wrongVersion = rtp({}, {1});
  wrongVersion[0] = 0x40;
  CHECK_FALSE(parse(wrongVersion));

  RtpFields fields;
  fields.padding = 3;
  Bytes padded = rtp(fields, {1, 2});
  padded.back() = 0;
  CHECK_FALSE(parse(padded));
  padded.back() = 6;
  CHECK_FALSE(parse(padded));
  padded.back() = 5;
  CHECK(parse(padded)->payloadSize == 0);

  Bytes noRoom = rtp({}, {});
  noRoom[0] |= 0x20;
  CHECK_FALSE(parse(noRoom));
}

TEST_CASE("RTCP is told by its second byte") {
  Bytes bytes{0x80, 200, 0, 6};
  for (int type = 0; type < 256; ++type) {
    bytes[1] = static_cast<std::uint8_t>(type);
    CHECK(isRtcp(bytes.data(), bytes.size()) == (type >= 192 && type <= 223));
  }
  bytes[1] = 200;
  CHECK_FALSE(isRtcp(bytes.data(), 3));
  bytes[0] = 0x40;
  CHECK_FALSE(isRtcp(bytes.data(), 4));
}
