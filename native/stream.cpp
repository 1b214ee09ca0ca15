#include "stream.h"

#include <algorithm>

namespace mos {
namespace {

constexpr double kSilentMs = 1000;  // without packets, what the last ones were no longer counts

}  // namespace

Stream::Stream(const StreamOptions& options)
    : forgetMs_(options.forgetMs), builder_(options.ringKind, options.ringFrames), rtp_(options.rtp, builder_) {}

void Stream::onPcm(const float* samples, std::size_t count, double startMs) {
  builder_.onAudio({samples, count, startMs, Origin::Received});
  const double durationMs = static_cast<double>(count) * (1000.0 / kSampleRateHz);
  pcmMs_ += durationMs;
  // A live source hands over samples once the last of them is there.
  lastPcmMs_ = startMs + durationMs;
}

void Stream::reset() {
  rtp_.reset();
  builder_.onRestart();
}

PollRow Stream::poll(double nowMs) {
  FrameRing& ring = builder_.ring();
  ring.forgetBefore(nowMs - forgetMs_);
  const RtpStreamStats& packets = rtp_.stats();
  PollRow row{};
  row.talkFrames = static_cast<double>(builder_.stats().talkFrames);
  row.ringFrames = static_cast<double>(ring.size());
  row.activeFrames = static_cast<double>(ring.activeFrames());
  row.lostFrames = static_cast<double>(ring.lostFrames());
  row.overloadFrames = static_cast<double>(ring.overloadFrames());
  row.lastPacketMs = std::max(packets.lastPacketMs, lastPcmMs_);
  row.lastTalkMs = ring.newestMs();
  row.backgroundDbov = builder_.backgroundDbov();
  row.talking = builder_.talking() ? 1 : 0;
  row.undecodable = packets.undecodable ? 1 : 0;
  const bool sends = nowMs - packets.lastPacketMs < kSilentMs;
  row.unknownPayloadType = sends ? packets.unknownPayloadType : -1;
  row.restarts = static_cast<double>(packets.restarts);
  row.packetsExpected = static_cast<double>(packets.packetsExpected);
  row.packetsLost = static_cast<double>(packets.packetsLost - std::min(packets.packetsLost, packets.packetsRepairedLate));
  row.lossBursts = static_cast<double>(packets.lossBursts);
  row.jitterMs = packets.jitterMs;
  row.packetsOverload = static_cast<double>(packets.packetsOverload);
  row.overrunFrames = static_cast<double>(ring.overrunFrames());
  return row;
}

bool Stream::moveOldest(double firstFrame, std::size_t frames, std::size_t framesPerStep, bool normalise, float loudest,
                        float floor, float* out, double* endMs, StepInfo* steps) {
  FrameRing& ring = builder_.ring();
  const double oldest = static_cast<double>(builder_.stats().talkFrames - ring.size());
  if (oldest != firstFrame || ring.size() < frames) return false;
  *endMs = ring.moveOldest(frames, framesPerStep, normalise, loudest, floor, out, steps);
  return true;
}

}  // namespace mos
