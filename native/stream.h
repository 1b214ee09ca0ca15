#pragma once
// All that is kept of one stream: packets in, frames in the ring, numbers out.
#include <cstddef>
#include <cstdint>

#include "frame_builder.h"
#include "rtp_stream.h"

namespace mos {

struct StreamOptions {
  RtpStreamOptions rtp;
  RingKind ringKind = RingKind::LogMel;
  std::size_t ringFrames = 768;
  double forgetMs = 60000;  // older talk is not counted
};

// One row of what the caller looks at ten times a second; the order is that of pollFields in src/native/contract.ts.
struct PollRow {
  double handle;
  double talkFrames;
  double ringFrames;
  double activeFrames;
  double lostFrames;
  double overloadFrames;
  double lastPacketMs;
  double lastTalkMs;
  double backgroundDbov;
  double talking;
  double undecodable;
  double unknownPayloadType;
  double restarts;
  double packetsExpected;
  double packetsLost;
  double lossBursts;
  double jitterMs;
  double packetsOverload;
  double overrunFrames;
};
constexpr std::size_t kPollFields = sizeof(PollRow) / sizeof(double);

class Stream {
 public:
  explicit Stream(const StreamOptions& options);

  void onPacket(const std::uint8_t* data, std::size_t size, double arrivalMs, std::uint64_t ownDrops) {
    rtp_.onPacket(data, size, arrivalMs, ownDrops);
  }
  // 16 kHz mono; `startMs` is the time of the first sample.
  void onPcm(const float* samples, std::size_t count, double startMs);
  void advance(double nowMs) { rtp_.advance(nowMs); }
  // Forgets earlier audio; statistics stay.
  void reset();
  // Other frames from now on, none of those from before; all else stays.
  void setRing(RingKind kind, std::size_t frames) { builder_.setRing(kind, frames); }

  PollRow poll(double nowMs);
  const FrameRing& ring() const { return builder_.ring(); }
  // Takes the oldest frames out of the ring (frame_ring.h), of which `firstFrame` is the first when all that ever entered
  // are counted from 0. False when it is not, or when there are fewer: the stream restarted.
  bool moveOldest(double firstFrame, std::size_t frames, std::size_t framesPerStep, bool normalise, float loudest,
                  float floor, float* out, double* endMs, StepInfo* steps);
  const RtpStreamStats& packetStats() const { return rtp_.stats(); }
  const SignalStats& signalStats() const { return builder_.stats(); }
  // Duration of what came by onPcm, ms.
  double pcmMs() const { return pcmMs_; }

  std::size_t bytes() const { return sizeof(Stream) - sizeof(FrameBuilder) + builder_.bytes() + rtp_.bytes(); }
  std::size_t decoderBytes() const { return rtp_.decoderBytes(); }

 private:
  double forgetMs_;
  FrameBuilder builder_;
  RtpStream rtp_;
  double pcmMs_ = 0.0;
  double lastPcmMs_ = 0.0;
};

}  // namespace mos
