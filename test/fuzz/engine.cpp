// The whole engine, offline: streams come and go, packets arrive in any order at any time, somebody looks on.
//
// The input is a list of actions, each one byte and its arguments; what is missing at the end reads as 0.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine.h"
#include "log_mel.h"

namespace {

using namespace mos;

constexpr std::size_t kStreams = 3;
constexpr std::size_t kRingFrames = 40;
constexpr double kStartMs = 1.7e12;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), end_(data + size) {}

  bool empty() const { return data_ == end_; }
  std::uint8_t byte() { return empty() ? 0 : *data_++; }
  std::uint16_t word() { return static_cast<std::uint16_t>(byte() << 8 | byte()); }
  // A copy of its own size, so that reading past its end is found out.
  std::vector<std::uint8_t> bytes(std::size_t count) {
    count = std::min(count, static_cast<std::size_t>(end_ - data_));
    std::vector<std::uint8_t> out(data_, data_ + count);
    data_ += count;
    return out;
  }

 private:
  const std::uint8_t* data_;
  const std::uint8_t* end_;
};

struct Sender {
  std::uint64_t handle = 0;  // 0 = not there
  std::uint16_t sequenceNumber = 65530;
  std::uint32_t timestamp = 0xfffff000;
};

constexpr std::uint32_t kSsrc = 0x01020304;

void append(std::vector<std::uint8_t>& to, std::uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) to.push_back(static_cast<std::uint8_t>(value >> shift));
}

void add(Engine& engine, Sender& sender) {
  NewStream description;
  description.ssrc = kSsrc;
  description.audioLevelId = 1;
  description.payloadTypes = {{111, Codec::Opus, 48000}, {0, Codec::Pcmu, 8000}, {8, Codec::Pcma, 8000},
                              {13, Codec::ComfortNoise, 8000}, {110, Codec::TelephoneEvent, 48000}};
  const bool room = engine.streamCount() < kStreams;
  require((engine.addStream(description, sender.handle) == Engine::Added::Yes) == room, "streams up to maxStreams");
}

// A packet as a sender would make it, but for what the input bends.
void sendOrderly(Stream& stream, Sender& sender, Input& input, double nowMs, std::uint64_t hostDrops) {
  static constexpr std::uint8_t kTypes[] = {111, 111, 111, 111, 0, 8, 13, 110};
  const std::uint8_t shape = input.byte();
  const std::uint8_t type = kTypes[shape & 7];
  sender.sequenceNumber = static_cast<std::uint16_t>(sender.sequenceNumber + static_cast<std::int8_t>(input.byte()));
  sender.timestamp += input.word() * 4u;
  const std::vector<std::uint8_t> payload = input.bytes(input.byte() * (shape & 8 ? 8u : 1u));
  std::vector<std::uint8_t> packet;
  packet.push_back(static_cast<std::uint8_t>(0x80 | (shape & 0x10)));
  packet.push_back(type);
  append(packet, sender.sequenceNumber, 2);
  append(packet, sender.timestamp, 4);
  append(packet, kSsrc, 4);
  if (shape & 0x10) {  // one-byte extension, RFC 8285
    append(packet, 0xbede0001, 4);
    append(packet, 0x10000000u | static_cast<std::uint32_t>(shape) << 16, 4);
  }
  packet.insert(packet.end(), payload.begin(), payload.end());
  stream.onPacket(packet.data(), packet.size(), nowMs, hostDrops);
}

// Packets of one payload whose timestamps, or sequence numbers, go as far as they can each time.
void sendExtremes(Stream& stream, Sender& sender, Input& input, double& nowMs, std::uint64_t hostDrops) {
  static constexpr std::uint32_t kSteps[] = {0x7fffffffu, 0x80000000u, 0x80000001u, 0xffffffffu};
  static constexpr std::uint16_t kSequenceSteps[] = {1, 1, 1, 2999};
  static constexpr std::uint8_t kTypes[] = {111, 0, 8, 13};
  const std::uint8_t shape = input.byte();
  const int count = 8 * input.byte();
  const std::vector<std::uint8_t> payload = input.bytes(input.byte() % 32);
  for (int i = 0; i < count; ++i) {
    sender.sequenceNumber = static_cast<std::uint16_t>(sender.sequenceNumber + kSequenceSteps[shape >> 4 & 3]);
    sender.timestamp += kSteps[shape & 3];
    std::vector<std::uint8_t> packet{0x80, kTypes[shape >> 2 & 3]};
    append(packet, sender.sequenceNumber, 2);
    append(packet, sender.timestamp, 4);
    append(packet, kSsrc, 4);
    packet.insert(packet.end(), payload.begin(), payload.end());
    stream.onPacket(packet.data(), packet.size(), nowMs, hostDrops);
    nowMs += 20.0;
  }
}

void look(Engine& engine, double nowMs) {
  std::vector<PollRow> rows(engine.streamCount());
  engine.poll(rows.data(), nowMs);
  for (const PollRow& row : rows) {
    require(row.handle >= 1, "handles");
    require(row.ringFrames <= kRingFrames && row.ringFrames <= row.talkFrames, "frames in the ring");
    require(row.activeFrames <= row.ringFrames && row.lostFrames <= row.ringFrames && row.overloadFrames <= row.ringFrames,
            "flagged frames are in the ring");
    require(row.packetsLost <= row.packetsExpected, "packets lost were expected");
    require(row.lossBursts <= row.packetsLost, "a burst has a lost packet");
    require(std::isfinite(row.jitterMs) && row.jitterMs >= 0, "jitter");
    require(row.backgroundDbov >= -127 && row.backgroundDbov <= 0, "background level");
    const bool found = engine.with(static_cast<std::uint64_t>(row.handle), [&](Stream& stream) {
      require(stream.ring().size() == static_cast<std::size_t>(row.ringFrames), "size of the ring");
      if (stream.ring().size() == 0) return;
      std::vector<float> out(stream.ring().size() * engine.valuesPerFrame());
      const WindowInfo info = stream.ring().read(stream.ring().size(), true, -8.0f, out.data());
      require(static_cast<double>(info.activeFrames) == row.activeFrames && static_cast<double>(info.lostFrames) == row.lostFrames &&
                  static_cast<double>(info.overloadFrames) == row.overloadFrames,
              "counts of the whole ring");
      require(std::isfinite(info.startMs) && std::isfinite(info.endMs) && info.peak >= 0, "window");
      for (const float value : out) require(std::isfinite(value), "values are numbers");
    });
    require(found, "streams polled are there");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t settings = input.byte();
  EngineOptions options;
  options.maxStreams = kStreams;
  options.ringKind = settings & 1 ? RingKind::Pcm : RingKind::LogMel;
  options.ringFrames = kRingFrames;
  options.reorderMs = settings & 2 ? 0 : 60;
  options.concealMs = settings & 4 ? 0 : 120;
  options.gapMs = settings & 8 ? 100 : 1000;
  options.forgetMs = settings & 16 ? 200 : 60000;
  SystemError error;
  const auto engine = Engine::open(options, error);
  require(engine != nullptr, "an engine without sockets opens");

  Sender senders[kStreams];
  add(*engine, senders[0]);
  double nowMs = kStartMs;
  std::uint64_t hostDrops = 0;
  for (int actions = 0; !input.empty() && actions < 200; ++actions) {
    const std::uint8_t action = input.byte();
    Sender& sender = senders[(action >> 4) % kStreams];
    Stream* stream = engine->pushedStream(sender.handle);
    switch (action & 15) {
      case 0:
        if (stream == nullptr) add(*engine, sender);
        break;
      case 1:
        require(engine->removeStream(sender.handle) == (stream != nullptr), "what is there can be removed");
        break;
      case 2:
        require(engine->resetStream(sender.handle) == (stream != nullptr), "what is there can be reset");
        break;
      case 3:
        nowMs += input.byte() * 5.0;
        break;
      case 4:
        nowMs += input.word() * 100.0;
        break;
      case 5:
        nowMs -= input.byte() * 5.0;
        break;
      case 6:
        hostDrops += input.byte();
        break;
      case 7:
        engine->advance(nowMs);
        break;
      case 8: {
        const std::vector<std::uint8_t> packet = input.bytes(input.word() % 2048);
        if (stream != nullptr) stream->onPacket(packet.data(), packet.size(), nowMs, hostDrops);
        break;
      }
      case 9: {
        const std::vector<std::uint8_t> bytes = input.bytes(input.word() % 2048);
        std::vector<float> samples;
        for (const std::uint8_t byte : bytes) samples.push_back(static_cast<float>(static_cast<std::int8_t>(byte)) / 128.0f);
        if (stream != nullptr) stream->onPcm(samples.data(), samples.size(), nowMs);
        break;
      }
      case 10:
        look(*engine, nowMs);
        break;
      case 11:
        if (stream != nullptr) sendExtremes(*stream, sender, input, nowMs, hostDrops);
        break;
      default:
        if (stream != nullptr) sendOrderly(*stream, sender, input, nowMs, hostDrops);
        nowMs += 20.0;
        break;
    }
  }
  engine->advance(nowMs + 10000.0);
  look(*engine, nowMs);
  return 0;
}
