#include "lane.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <thread>

#include "engine.h"
#include "rtp_helpers.h"

using namespace mos;
using namespace mos::test;

namespace {

// A UDP socket on this host that sends to a lane.
class Sender {
 public:
  explicit Sender(const Lane& lane) : socket_(socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_storage own;
    const socklen_t length = toKernel(*parseAddress("127.0.0.1", 0), own);
    REQUIRE(bind(socket_, reinterpret_cast<sockaddr*>(&own), length) == 0);
    toLength_ = toKernel(*parseAddress("127.0.0.1", lane.receiver().port()), to_);
  }
  ~Sender() { close(socket_); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void send(const Bytes& datagram) {
    const auto sent = sendto(socket_, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&to_), toLength_);
    REQUIRE(sent == static_cast<ssize_t>(datagram.size()));
  }
  SocketAddress address() const {
    sockaddr_storage own{};
    socklen_t length = sizeof own;
    REQUIRE(getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &length) == 0);
    return *fromKernel(own);
  }

 private:
  int socket_;
  sockaddr_storage to_;
  socklen_t toLength_;
};

constexpr auto kStampError = std::chrono::milliseconds(1);  // far more than arrival times may be off by

void until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

StreamOptions laneStream() {
  StreamOptions options;
  options.rtp = streamOptions();
  return options;
}

std::unique_ptr<Lane> openLane(int receiveBufferBytes = 0) {
  SystemError error;
  std::unique_ptr<Lane> lane = Lane::open(*parseAddress("127.0.0.1", 0), receiveBufferBytes, HostClock(), error);
  REQUIRE_MESSAGE(lane != nullptr, error.what);
  return lane;
}

RtpStreamStats statsOf(Lane& lane, std::uint64_t handle) {
  RtpStreamStats stats;
  REQUIRE(lane.with(handle, [&](Stream& stream) { stats = stream.packetStats(); }));
  return stats;
}

Bytes packetNumber(int number, const std::vector<Bytes>& payloads, std::uint32_t ssrc = 0x1234) {
  RtpFields fields;
  fields.payloadType = kOpusType;
  fields.sequenceNumber = static_cast<std::uint16_t>(65500 + number);
  fields.timestamp = static_cast<std::uint32_t>(number) * 960;
  fields.ssrc = ssrc;
  return rtp(fields, payloads[static_cast<std::size_t>(number) % payloads.size()]);
}

Bytes senderReport(std::uint32_t ssrc) {
  Bytes out = {0x80, 200, 0, 6};
  put(out, ssrc, 4);
  for (int i = 0; i < 5; ++i) put(out, 0, 4);
  return out;
}

}  // namespace

TEST_CASE("lane: live frames are those of the same packets with the same arrival times offline") {
  const std::vector<Bytes> payloads = encode(readSpeech("woman-1"), Encoding());
  const auto lane = openLane();
  Sender sender(*lane);
  REQUIRE(lane->add(1, {sender.address(), 0x1234}, std::make_unique<Stream>(laneStream())));

  Stream offline(laneStream());
  double lastMs = 0;
  for (int i = 0; i < 120; ++i) {
    if (i % 17 == 5) continue;                                  // lost
    const int number = i % 10 == 3 ? i + 1 : i % 10 == 4 ? i - 1 : i;  // swapped
    if (number % 17 == 5) continue;
    const Bytes packet = packetNumber(number, payloads);
    sender.send(packet);
    PollRow row;
    until([&] {
      lane->poll(&row, 0);
      return row.lastPacketMs != lastMs;
    });
    lastMs = row.lastPacketMs;
    offline.onPacket(packet.data(), packet.size(), lastMs, 0);
  }
  offline.advance(lastMs + 200);
  const std::size_t frames = offline.ring().size();
  REQUIRE(frames > 50);
  until([&] {  // deadlines come due in the lane
    std::size_t held = 0;
    lane->with(1, [&](Stream& stream) { held = stream.ring().size(); });
    return held >= frames;
  });
  CHECK(offline.packetStats().packetsLost > 0);
  std::vector<float> expected(frames * kMels), live(frames * kMels);
  const WindowInfo expectedInfo = offline.ring().read(frames, false, -14.0f, expected.data());
  CHECK(lane->with(1, [&](Stream& stream) {
    REQUIRE(stream.ring().size() == frames);
    const WindowInfo info = stream.ring().read(frames, false, -14.0f, live.data());
    CHECK(live == expected);
    CHECK(info.startMs == expectedInfo.startMs);
    CHECK(info.endMs == expectedInfo.endMs);
    CHECK(info.peak == expectedInfo.peak);
    CHECK(info.lostFrames == expectedInfo.lostFrames);
    CHECK(stream.packetStats().packetsLost == offline.packetStats().packetsLost);
    CHECK(stream.packetStats().jitterMs == offline.packetStats().jitterMs);
  }));
}

TEST_CASE("lane: only the packets of a stream reach it; all else is counted") {
  const std::vector<Bytes> payloads = encode(readSpeech("woman-1"), Encoding());
  const auto lane = openLane();
  Sender sender(*lane), stranger(*lane);
  REQUIRE(lane->add(1, {sender.address(), 0x1234}, std::make_unique<Stream>(laneStream())));
  sender.send(packetNumber(0, payloads));
  sender.send(packetNumber(0, payloads, 0x9999));     // another SSRC
  stranger.send(packetNumber(1, payloads));           // another port
  sender.send({0x80, 0x6f, 0});                       // too short
  sender.send({});                                    // empty
  sender.send(Bytes(100, 0x00));                      // version 0
  sender.send(Bytes(Receiver::kMaxDatagram + 1, 0x80));  // too long
  sender.send(senderReport(0x1234));
  sender.send(senderReport(0x4711));    // from a known source: about a stream not heard here
  stranger.send(senderReport(0x1234));  // from nowhere
  sender.send(packetNumber(1, payloads));
  // Two senders: the kernel may deliver one's packets before the other's.
  until([&] { return statsOf(*lane, 1).packetsReceived == 2 && lane->stats().packetsUnknownSource == 3; });
  const LaneStats stats = lane->stats();
  CHECK(stats.packetsMalformed == 4);
  CHECK(stats.rtcpPackets == 2);
  CHECK(stats.kernelDrops == 0);
  CHECK(stats.queueDrops == 0);
  CHECK(statsOf(*lane, 1).rtcpPackets == 1);
  CHECK(statsOf(*lane, 1).packetsLost == 0);
}

TEST_CASE("lane: a stream added again is a fresh one, and hears nothing that came before it") {
  const std::vector<Bytes> payloads = encode(readSpeech("man-1"), Encoding());
  const auto lane = openLane();
  Sender sender(*lane);
  const StreamKey key{sender.address(), 0x1234};
  REQUIRE(lane->add(1, key, std::make_unique<Stream>(laneStream())));
  CHECK_FALSE(lane->add(2, key, std::make_unique<Stream>(laneStream())));
  for (int i = 0; i < 100; ++i) sender.send(packetNumber(i, payloads));
  until([&] { return statsOf(*lane, 1).packetsReceived == 100; });

  for (int i = 100; i < 150; ++i) sender.send(packetNumber(i, payloads));  // on their way while it is replaced
  REQUIRE(lane->remove(1) != nullptr);
  CHECK(lane->remove(1) == nullptr);
  CHECK_FALSE(lane->with(1, [](Stream&) {}));
  REQUIRE(lane->add(2, key, std::make_unique<Stream>(laneStream())));
  std::this_thread::sleep_for(kStampError);
  sender.send(packetNumber(150, payloads));
  until([&] { return statsOf(*lane, 2).packetsReceived > 0; });
  CHECK(statsOf(*lane, 2).packetsReceived == 1);
  CHECK(statsOf(*lane, 2).packetsExpected == 1);
  PollRow row;
  lane->poll(&row, 0);
  CHECK(row.handle == 2);
  CHECK(row.ringFrames == 0);
}

TEST_CASE("lane: a reset stream hears nothing that came before the reset") {
  const std::vector<Bytes> payloads = encode(readSpeech("man-1"), Encoding());
  const auto lane = openLane();
  Sender sender(*lane);
  REQUIRE(lane->add(1, {sender.address(), 0x1234}, std::make_unique<Stream>(laneStream())));
  for (int i = 0; i < 100; ++i) sender.send(packetNumber(i, payloads));
  until([&] { return statsOf(*lane, 1).packetsReceived == 100; });
  for (int i = 100; i < 150; ++i) sender.send(packetNumber(i, payloads));  // some may be heard before the reset
  REQUIRE(lane->reset(1));
  const auto heard = statsOf(*lane, 1).packetsReceived;
  CHECK_FALSE(lane->reset(7));
  std::this_thread::sleep_for(kStampError);
  sender.send(packetNumber(1000, payloads));
  until([&] { return statsOf(*lane, 1).packetsReceived > heard; });
  CHECK(statsOf(*lane, 1).packetsReceived == heard + 1);
  CHECK(statsOf(*lane, 1).packetsLost == 0);
  PollRow row;
  lane->poll(&row, 0);
  CHECK(row.ringFrames == 0);
}

TEST_CASE("lane: what the kernel drops is ours, not the participant's") {
  const std::vector<Bytes> payloads = encode(readSpeech("woman-2"), Encoding());
  const auto lane = openLane(1);  // the kernel gives its least
  CHECK(lane->receiver().receiveBufferBytes() > 0);
  CHECK(lane->receiver().receiveBufferBytes() < 10000);
  Sender sender(*lane);
  REQUIRE(lane->add(1, {sender.address(), 0x1234}, std::make_unique<Stream>(laneStream())));
  int sent = 0;
  until([&] {
    for (int i = 0; i < 50; ++i) sender.send(packetNumber(sent++, payloads));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return statsOf(*lane, 1).packetsOverload > 0;
  });
  until([&] {
    sender.send(packetNumber(sent++, payloads));
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    const RtpStreamStats stats = statsOf(*lane, 1);
    return stats.packetsReceived + stats.packetsOverload == static_cast<std::uint64_t>(sent);
  });
  CHECK(lane->stats().kernelDrops > 0);
  CHECK(statsOf(*lane, 1).packetsLost == 0);
  CHECK(statsOf(*lane, 1).packetsOverload == lane->stats().kernelDrops);
}

TEST_CASE("lane: what finds no room in the queue is ours too") {
  const std::vector<Bytes> payloads = encode(readSpeech("woman-2"), Encoding());
  const auto lane = openLane(1 << 22);
  Sender sender(*lane);
  REQUIRE(lane->add(1, {sender.address(), 0x1234}, std::make_unique<Stream>(laneStream())));
  int sent = 0;
  while (sent < 10) sender.send(packetNumber(sent++, payloads));
  until([&] { return statsOf(*lane, 1).packetsReceived == 10; });

  const auto queueDrops = [&] { return lane->receiver().queueDrops(); };
  REQUIRE(lane->with(1, [&](Stream&) {  // the working thread is held up
    RtpFields other;
    other.ssrc = 0x9999;
    const Bytes large = rtp(other, Bytes(1400));
    until([&] {
      for (int i = 0; i < 50; ++i) sender.send(large);
      return queueDrops() > 0;
    });
    std::uint64_t before = 0;
    until([&] {  // all of them were looked at
      const bool quiet = before == queueDrops();
      before = queueDrops();
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      return quiet && before == queueDrops();
    });
    until([&] {
      sender.send(packetNumber(sent++, payloads));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return queueDrops() >= before + 10;
    });
  }));
  until([&] {
    sender.send(packetNumber(sent++, payloads));
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    const RtpStreamStats stats = statsOf(*lane, 1);
    return stats.packetsReceived + stats.packetsOverload == static_cast<std::uint64_t>(sent);
  });
  CHECK(statsOf(*lane, 1).packetsOverload > 0);
  CHECK(statsOf(*lane, 1).packetsLost == 0);
  CHECK(lane->stats().queueDrops == queueDrops());
}

TEST_CASE("lane: streams come and go while packets pour in") {
  const std::vector<Bytes> payloads = encode(readSpeech("man-2"), Encoding());
  const auto lane = openLane(1 << 20);
  Sender sender(*lane);
  std::atomic<bool> done{false};
  std::thread source([&] {
    for (int i = 0; !done; ++i) {
      for (std::uint32_t ssrc = 0; ssrc < 8; ++ssrc) sender.send(packetNumber(i, payloads, ssrc));
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  });
  std::uint64_t handle = 0, heard = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
  while (std::chrono::steady_clock::now() < end) {
    const std::uint64_t first = handle + 1;
    for (std::uint32_t ssrc = 0; ssrc < 8; ++ssrc) {
      StreamOptions options = laneStream();
      options.rtp.ssrc = ssrc;
      REQUIRE(lane->add(++handle, {sender.address(), ssrc}, std::make_unique<Stream>(options)));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(40));
    std::vector<PollRow> rows(lane->size());
    lane->poll(rows.data(), 0);
    CHECK(lane->reset(first));
    for (std::uint64_t gone = first; gone <= handle; ++gone) {
      heard += statsOf(*lane, gone).packetsReceived;
      REQUIRE(lane->remove(gone) != nullptr);
    }
  }
  done = true;
  source.join();
  CHECK(heard > 100);
  CHECK(lane->stats().packetsMalformed == 0);
}

TEST_CASE("lane: hears IPv6") {
  const std::vector<Bytes> payloads = encode(readSpeech("woman-1"), Encoding());
  SystemError error;
  const auto lane = Lane::open(*parseAddress("::1", 0), 0, HostClock(), error);
  if (lane == nullptr && (error.number == EADDRNOTAVAIL || error.number == EAFNOSUPPORT)) {
    MESSAGE("this host has no IPv6");
    return;
  }
  REQUIRE(lane != nullptr);
  const int out = socket(AF_INET6, SOCK_DGRAM, 0);
  sockaddr_storage own, to;
  REQUIRE(bind(out, reinterpret_cast<sockaddr*>(&own), toKernel(*parseAddress("::1", 0), own)) == 0);
  socklen_t length = sizeof own;
  REQUIRE(getsockname(out, reinterpret_cast<sockaddr*>(&own), &length) == 0);
  REQUIRE(lane->add(1, {*fromKernel(own), 0x1234}, std::make_unique<Stream>(laneStream())));
  const Bytes packet = packetNumber(0, payloads);
  length = toKernel(*parseAddress("::1", lane->receiver().port()), to);
  CHECK(sendto(out, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&to), length) > 0);
  close(out);
  until([&] { return statsOf(*lane, 1).packetsReceived == 1; });
}

TEST_CASE("lane: a port in use is refused, and named") {
  const auto lane = openLane();
  SystemError error;
  CHECK(Lane::open(*parseAddress("127.0.0.1", lane->receiver().port()), 0, HostClock(), error) == nullptr);
  CHECK(error.number == EADDRINUSE);
  CHECK(error.what.find("127.0.0.1:" + std::to_string(lane->receiver().port())) != std::string::npos);
}

TEST_CASE("engine: keeps to its number of streams, never gives a handle twice") {
  EngineOptions options;
  options.maxStreams = 2;
  SystemError error;
  const auto engine = Engine::open(options, error);
  REQUIRE(engine != nullptr);
  NewStream description;
  description.payloadTypes = {{kOpusType, Codec::Opus, 48000}};
  std::uint64_t first = 0, second = 0, third = 0;
  CHECK(engine->addStream(description, first) == Engine::Added::Yes);
  CHECK(engine->addStream(description, second) == Engine::Added::Yes);
  CHECK(engine->addStream(description, third) == Engine::Added::Full);
  CHECK(engine->removeStream(first));
  CHECK_FALSE(engine->removeStream(first));
  CHECK(engine->addStream(description, third) == Engine::Added::Yes);
  CHECK(third != first);
  CHECK(third != second);
  CHECK(engine->streamCount() == 2);
  CHECK_FALSE(engine->resetStream(first));
  CHECK(engine->pushedStream(first) == nullptr);
}

TEST_CASE("engine: 128 KiB a stream beside the decoder's state") {
  SystemError error;
  const auto engine = Engine::open(EngineOptions(), error);
  REQUIRE(engine != nullptr);
  CHECK(engine->bytesPerStream() <= 128 * 1024);
  CHECK(engine->decoderBytesPerStream() > 0);
}
