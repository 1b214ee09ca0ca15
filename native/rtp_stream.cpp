#include "rtp_stream.h"

#include <algorithm>
#include <bitset>
#include <cmath>

#include "header_extensions.h"
#include "playout.h"
#include "red.h"
#include "reorder_buffer.h"
#include "rtp_packet.h"
#include "repair_wait.h"
#include "sender_clock.h"
#include "sequence_number.h"

namespace mos {
namespace {

constexpr int kUnknownInRow = 10;         // packets that are media, not keepalives
constexpr double kUnknownEveryMs = 150;   // at most between them
constexpr std::size_t kEventSize = 4;     // RFC 4733 §2.3
constexpr double kMostRedundantSteps = 32;

const PayloadType kEvent{0, Codec::TelephoneEvent, 8000};

// |     event     |E|R| volume    |          duration             |   R is 0; events 0 to 16 are keys and the hook flash
bool looksLikeEvent(const std::uint8_t* payload, std::size_t size) {
  return size == kEventSize && payload[0] <= 16 && (payload[1] & 0x40) == 0;
}

}  // namespace

struct RtpStream::Impl {
  Impl(const RtpStreamOptions& streamOptions, AudioSink& audioSink)
      : options(streamOptions), sink(audioSink), repairs(streamOptions.reorderMs), buffer(streamOptions.reorderMs), playout(options, audioSink, stats) {}

  void receive(const std::uint8_t* data, std::size_t size, double arrivalMs, std::uint64_t ownDrops);
  bool admit(std::uint16_t sequenceNumber, std::uint64_t ownDrops);
  void unpack(const RtpPacket& rtp, MediaPacket& packet, PayloadParts& parts);
  const PayloadType* classify(std::uint8_t payloadType, const std::uint8_t* payload, std::size_t size);
  void restore(const MediaPacket& packet, const PayloadParts& parts);
  void watchRepairs(bool late);
  void readClock(MediaPacket& packet, std::uint32_t timestamp);
  void hold(const MediaPacket& packet);
  void playNow(const MediaPacket& packet);
  void playHeld();
  void playDue();
  void forget();
  const PayloadType* typeOf(std::uint8_t payloadType) const;

  const RtpStreamOptions options;
  AudioSink& sink;
  RtpStreamStats stats;
  double nowMs = 0;
  SequenceTracker tracker;
  Unwrapper<std::uint32_t> timestamps;
  std::uint32_t clockRateHz = 0;  // of the timestamps unwrapped last
  std::bitset<128> carriesAudio;  // payload types that were seen with more than an event
  int unknownInRow = 0;
  double lastUnknownMs = 0;  // arrival
  InterarrivalJitter jitter;
  double lastAudioMs = 0;  // arrival
  RepairWait repairs;
  ReorderBuffer buffer;
  Playout playout;
};

void RtpStream::Impl::receive(const std::uint8_t* data, std::size_t size, double arrivalMs, std::uint64_t ownDrops) {
  nowMs = std::max(nowMs, arrivalMs);
  playDue();
  if (isRtcp(data, size)) {
    ++stats.rtcpPackets;
    return;
  }
  const auto rtp = parseRtpPacket(data, size);
  if (!rtp || rtp->ssrc != options.ssrc || !admit(rtp->sequenceNumber, ownDrops)) {
    ++stats.packetsMalformed;
    return;
  }
  ++stats.packetsReceived;
  stats.lastPacketMs = arrivalMs;
  if (const auto level = readAudioLevel(*rtp, options.audioLevelId)) stats.statedLevelDbov = level->levelDbov;

  const auto place = buffer.place(tracker.extended());
  if (place == ReorderBuffer::Place::Late) ++stats.packetsLate;
  if (place == ReorderBuffer::Place::Duplicate) ++stats.packetsDuplicate;
  else watchRepairs(place == ReorderBuffer::Place::Late);

  MediaPacket packet;
  packet.sequence = tracker.extended();
  packet.arrivalMs = nowMs;
  packet.ownDrops = ownDrops;
  PayloadParts parts;
  unpack(*rtp, packet, parts);
  if (place == ReorderBuffer::Place::Late || place == ReorderBuffer::Place::Duplicate) return;
  if (playout.isAudio(packet.type)) readClock(packet, rtp->timestamp);
  restore(packet, parts);
  if (place == ReorderBuffer::Place::Next) playNow(packet);
  else hold(packet);
  playDue();
}

bool RtpStream::Impl::admit(std::uint16_t sequenceNumber, std::uint64_t ownDrops) {
  using Verdict = SequenceTracker::Verdict;
  const Verdict verdict = tracker.check(sequenceNumber);
  if (verdict == Verdict::Stray) return false;
  if (verdict == Verdict::Belongs) return true;
  if (verdict == Verdict::Restarted) {
    forget();
    ++stats.restarts;
    sink.onRestart();
  }
  repairs.begin(tracker.extended());
  buffer.begin(tracker.extended());
  playout.begin(tracker.extended(), ownDrops);
  return true;
}

// Its type and payload; with RFC 2198 those of the primary part.
void RtpStream::Impl::unpack(const RtpPacket& rtp, MediaPacket& packet, PayloadParts& parts) {
  const PayloadType* type = typeOf(rtp.payloadType);
  std::uint8_t payloadType = rtp.payloadType;
  packet.payload = rtp.payload;
  packet.payloadSize = rtp.payloadSize;
  if (type && type->codec == Codec::Red) {
    if (!parts.splitRed(rtp.payload, rtp.payloadSize)) {
      ++stats.packetsMalformed;
      packet.type = type;
      return;
    }
    payloadType = parts.primary().payloadType;
    packet.payload = parts.primary().data;
    packet.payloadSize = parts.primary().size;
  }
  packet.type = classify(payloadType, packet.payload, packet.payloadSize);
  if (packet.type) {
    if (playout.isAudio(packet.type)) {
      unknownInRow = 0;
      stats.unknownPayloadType = -1;
    }
    return;
  }
  ++stats.packetsUnknownPayloadType;
  unknownInRow = packet.arrivalMs - lastUnknownMs <= kUnknownEveryMs ? unknownInRow + 1 : 1;
  lastUnknownMs = packet.arrivalMs;
  stats.unknownPayloadType = unknownInRow >= kUnknownInRow ? payloadType : -1;
}

// Null: none of the stream's. A payload type that was never seen with audio, as telephone events (RFC 4733) have it, is theirs.
const PayloadType* RtpStream::Impl::classify(std::uint8_t payloadType, const std::uint8_t* payload, std::size_t size) {
  const PayloadType* type = typeOf(payloadType);
  if (type && type->codec == Codec::Red) return nullptr;  // none within another
  if (type && !playout.isAudio(type)) return type;
  if (!carriesAudio[payloadType] && looksLikeEvent(payload, size)) return &kEvent;
  if (type && size > kEventSize) carriesAudio.set(payloadType);
  return type;
}

// Holds the redundant parts that stand for packets that are missing.
void RtpStream::Impl::restore(const MediaPacket& packet, const PayloadParts& parts) {
  for (std::size_t i = 0; i < parts.redundant(); ++i) {
    const PayloadPart& part = parts[i];
    const PayloadType* type = typeOf(part.payloadType);
    if (!playout.isAudio(type) || !packet.type || type->clockRateHz != packet.type->clockRateHz || part.size == 0) continue;
    const double durationMs = playout.durationMs(*type, part.data, part.size);
    if (durationMs <= 0) continue;
    const double steps = std::round(1000.0 * part.timestampOffset / type->clockRateHz / durationMs);
    if (steps < 1 || steps > kMostRedundantSteps) continue;
    MediaPacket copy = packet;
    copy.sequence = packet.sequence - static_cast<std::int64_t>(steps);
    if (!buffer.misses(copy.sequence) || !buffer.fits(part.size)) continue;
    copy.timestamp = packet.timestamp - part.timestampOffset;
    copy.redundant = true;
    copy.type = type;
    copy.payload = part.data;
    copy.payloadSize = part.size;
    buffer.hold(copy);
  }
}

// The packet is the one the tracker saw last. `late`: its turn is over.
void RtpStream::Impl::watchRepairs(bool late) {
  const bool repaired = repairs.came(tracker.extended(), nowMs);
  buffer.waitFor(repairs.ms());
  if (!repaired) return;
  ++stats.packetsRepaired;
  if (late) ++stats.packetsRepairedLate;
}

// Of audio only: the timestamps of telephone events stand still while packets follow each other.
void RtpStream::Impl::readClock(MediaPacket& packet, std::uint32_t timestamp) {
  if (packet.type->clockRateHz != clockRateHz) {
    clockRateHz = packet.type->clockRateHz;
    timestamps.reset();
    jitter.reset();
  }
  packet.timestamp = timestamps.unwrap(timestamp);
  const bool steady = stats.timestampClock == TimestampClock::Steady;
  const double rtpMs = steady ? 1000.0 * static_cast<double>(packet.timestamp) / clockRateHz
                              : playout.packetMs() * static_cast<double>(packet.sequence);
  if (!steady && packet.arrivalMs - lastAudioMs > playout.packetMs() + kArrivalPauseMs) jitter.reset();
  lastAudioMs = packet.arrivalMs;
  jitter.update(packet.sequence, rtpMs, packet.arrivalMs);
  stats.jitterMs = jitter.ms();
}

void RtpStream::Impl::hold(const MediaPacket& packet) {
  if (buffer.fits(packet.payloadSize)) return buffer.hold(packet);
  while (buffer.lowest() && buffer.lowest()->sequence < packet.sequence) playHeld();
  playNow(packet);
}

void RtpStream::Impl::playNow(const MediaPacket& packet) {
  playout.play(packet);
  buffer.passed(packet.sequence);
}

void RtpStream::Impl::playHeld() {
  playout.play(*buffer.lowest());
  buffer.pop();
}

void RtpStream::Impl::playDue() {
  while (buffer.due(nowMs)) playHeld();
}

void RtpStream::Impl::forget() {
  playout.reset();
  buffer.begin(0);
  timestamps.reset();
  jitter.reset();
}

const PayloadType* RtpStream::Impl::typeOf(std::uint8_t payloadType) const {
  const auto found = std::find_if(options.payloadTypes.begin(), options.payloadTypes.end(),
                                  [&](const PayloadType& type) { return type.payloadType == payloadType; });
  return found == options.payloadTypes.end() || found->clockRateHz == 0 ? nullptr : &*found;
}

RtpStream::RtpStream(const RtpStreamOptions& options, AudioSink& sink) : impl_(std::make_unique<Impl>(options, sink)) {}

RtpStream::~RtpStream() = default;

void RtpStream::onPacket(const std::uint8_t* data, std::size_t size, double arrivalMs, std::uint64_t ownDrops) {
  impl_->receive(data, size, arrivalMs, ownDrops);
}

void RtpStream::advance(double nowMs) {
  impl_->nowMs = std::max(impl_->nowMs, nowMs);
  impl_->playDue();
}

void RtpStream::reset() {
  impl_->forget();
  impl_->tracker.reset();
}

const RtpStreamStats& RtpStream::stats() const {
  return impl_->stats;
}

std::size_t RtpStream::bytes() const {
  return sizeof(*this) + sizeof(Impl) + impl_->options.payloadTypes.capacity() * sizeof(PayloadType);
}

std::size_t RtpStream::decoderBytes() const {
  return impl_->playout.decoderBytes();
}

}  // namespace mos
