#include "packet_queue.h"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

using namespace mos;

namespace {

// A packet that can be told by its number: number n carries n % 97 bytes of value n.
QueuedPacket numbered(std::uint64_t number, std::vector<std::uint8_t>& data) {
  data.reserve(97);
  data.assign(number % 97, static_cast<std::uint8_t>(number));
  QueuedPacket packet;
  packet.size = static_cast<std::uint32_t>(data.size());
  packet.source.port = static_cast<std::uint16_t>(number);
  packet.arrivalMs = static_cast<double>(number);
  packet.hostDrops = number;
  return packet;
}

bool push(PacketQueue& queue, std::uint64_t number) {
  std::vector<std::uint8_t> data;
  const QueuedPacket packet = numbered(number, data);
  return queue.push(packet, data.data());
}

bool isNumbered(const QueuedPacket& packet, std::uint64_t number) {
  std::vector<std::uint8_t> data;
  const QueuedPacket expected = numbered(number, data);
  return packet.size == expected.size && packet.source == expected.source && packet.arrivalMs == expected.arrivalMs &&
         packet.hostDrops == expected.hostDrops && (data.empty() || std::memcmp(packet.data(), data.data(), data.size()) == 0);
}

}  // namespace

TEST_CASE("packet queue: first in, first out, round and round") {
  PacketQueue queue(1024);
  CHECK(queue.front() == nullptr);
  std::mt19937 random(3);
  std::uint64_t pushed = 0, popped = 0;
  for (int round = 0; round < 3000; ++round) {
    for (auto count = random() % 12; count > 0 && push(queue, pushed); --count) ++pushed;
    for (auto count = random() % 12; count > 0 && queue.front() != nullptr; --count) {
      REQUIRE(isNumbered(*queue.front(), popped));
      queue.pop();
      ++popped;
    }
  }
  CHECK(pushed > 5000);
  while (queue.front() != nullptr) {
    REQUIRE(isNumbered(*queue.front(), popped++));
    queue.pop();
  }
  CHECK(popped == pushed);
}

TEST_CASE("packet queue: refuses what it has no room for, and goes on") {
  PacketQueue queue(1024);
  std::uint64_t held = 0;
  while (push(queue, held)) ++held;
  CHECK(held > 5);
  CHECK_FALSE(push(queue, held));
  queue.pop();
  queue.pop();
  CHECK(push(queue, held));
  CHECK(isNumbered(*queue.front(), 2));
}

TEST_CASE("packet queue: one thread writes while another reads") {
  constexpr std::uint64_t kPackets = 50000;
  PacketQueue queue(4096);
  std::thread writer([&] {
    for (std::uint64_t number = 0; number < kPackets;) {
      if (push(queue, number)) {
        ++number;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint64_t wrong = 0;
  for (std::uint64_t number = 0; number < kPackets;) {
    const QueuedPacket* packet = queue.front();
    if (packet == nullptr) {
      std::this_thread::yield();
      continue;
    }
    wrong += !isNumbered(*packet, number++);
    queue.pop();
  }
  writer.join();
  CHECK(wrong == 0);
}
