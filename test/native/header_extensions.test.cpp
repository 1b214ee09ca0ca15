#include "header_extensions.h"

#include <doctest/doctest.h>

#include "rtp_helpers.h"

using namespace mos;
using namespace mos::test;

namespace {

struct Element {
  int id;
  Bytes data;
  bool operator==(const Element& other) const { return id == other.id && data == other.data; }
};

struct Block {
  explicit Block(std::uint16_t profile, Bytes bytes) : bytes_(std::move(bytes)) {
    packet.extensionProfile = profile;
    packet.extension = bytes_.data();
    packet.extensionSize = bytes_.size();
  }
  std::vector<Element> elements() const {
    std::vector<Element> out;
    HeaderExtensions walk(packet);
    while (const auto element = walk.next()) out.push_back({element->id, Bytes(element->data, element->data + element->size)});
    return out;
  }
  RtpPacket packet;

 private:
  Bytes bytes_;
};

std::vector<Element> oneByte(const Bytes& bytes) {
  return Block(0xbede, bytes).elements();
}
std::vector<Element> twoByte(const Bytes& bytes) {
  return Block(0x1000, bytes).elements();
}

}  // namespace

TEST_CASE("one-byte form, with padding between elements and after them") {
  const std::vector<Element> expected{{1, {0x85}}, {14, {7, 8, 9}}};
  CHECK(oneByte({0x10, 0x85, 0, 0, 0xe2, 7, 8, 9, 0, 0, 0, 0}) == expected);
  CHECK(oneByte({}).empty());
  CHECK(oneByte({0, 0, 0, 0}).empty());
}

TEST_CASE("one-byte form stops at id 15 and at id 0 with a length") {
  CHECK(oneByte({0x10, 1, 0xf0, 2, 0x20, 3, 0, 0}) == std::vector<Element>{{1, {1}}});
  CHECK(oneByte({0x10, 1, 0x03, 2, 0x20, 3, 0, 0}) == std::vector<Element>{{1, {1}}});
}

TEST_CASE("two-byte form, with an empty element, id 15 and above, and application bits in the profile") {
  const Bytes bytes{1, 0, 15, 2, 5, 6, 0, 200, 1, 9, 0, 0};
  const std::vector<Element> expected{{1, {}}, {15, {5, 6}}, {200, {9}}};
  CHECK(twoByte(bytes) == expected);
  CHECK(Block(0x100f, bytes).elements() == expected);
  CHECK(Block(0x1010, bytes).elements().empty());
  CHECK(Block(0xbedf, bytes).elements().empty());
}

TEST_CASE("an element that reaches past the block ends the walk") {
  CHECK(oneByte({0x10, 1, 0x23, 1}) == std::vector<Element>{{1, {1}}});
  CHECK(oneByte({0x1f, 1, 2, 3}).empty());
  CHECK(twoByte({1, 1, 9, 2, 200, 3, 4, 5}) == std::vector<Element>{{1, {9}}});
  CHECK(twoByte({1, 1, 9, 7}) == std::vector<Element>{{1, {9}}});
}

TEST_CASE("audio level and voice bit") {
  const Block block(0xbede, {0x30, 0x80 | 42, 0x10, 127});
  CHECK(readAudioLevel(block.packet, 3)->levelDbov == -42);
  CHECK(readAudioLevel(block.packet, 3)->voice);
  CHECK(readAudioLevel(block.packet, 1)->levelDbov == -127);
  CHECK_FALSE(readAudioLevel(block.packet, 1)->voice);
  CHECK_FALSE(readAudioLevel(block.packet, 2));
  CHECK_FALSE(readAudioLevel(block.packet, 0));
  CHECK_FALSE(readAudioLevel(RtpPacket{}, 3));
  const Block empty(0x1000, {3, 0, 0, 0});
  CHECK_FALSE(readAudioLevel(empty.packet, 3));
}
