#include "rtp_stream.h"

#include <algorithm>

#include "header_extensions.h"
#include "playout.h"
#include "reorder_buffer.h"
#include "rtp_packet.h"
#include "repair_wait.h"
#include "sender_clock.h"
#include "sequence_number.h"

namespace mos {

struct RtpStream::Impl {
  Impl(const RtpStreamOptions& streamOptions, AudioSink& audioSink)
      : options(streamOptions), sink(audioSink), repairs(streamOptions.reorderMs), buffer(streamOptions.reorderMs), playout(options, audioSink, stats) {}

  void receive(const std::uint8_t* data, std::size_t size, double arrivalMs, std::uint64_t ownDrops);
  bool admit(std::uint16_t sequenceNumber, std::uint64_t ownDrops);
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
  packet.type = typeOf(rtp->payloadType);
  packet.payload = rtp->payload;
  packet.payloadSize = rtp->payloadSize;
  stats.unknownPayloadType = packet.type ? -1 : rtp->payloadType;
  if (!packet.type) ++stats.packetsUnknownPayloadType;
  if (place == ReorderBuffer::Place::Late || place == ReorderBuffer::Place::Duplicate) return;
  if (playout.isAudio(packet.type)) readClock(packet, rtp->timestamp);
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
