#pragma once
// Audio to frames: decoded audio becomes log-mel frames, passes the talk gate, and enters the ring.
#include <cstdint>

#include "audio_sink.h"
#include "frame_ring.h"
#include "log_mel.h"
#include "talk_gate.h"

namespace mos {

// Counted since creation.
struct SignalStats {
  std::uint64_t talkFrames = 0;      // that entered the ring
  std::uint64_t clippedSamples = 0;  // at 0.999 of full scale or beyond
  float peak = 0.0f;                 // largest absolute sample
  double activePower = 0.0;          // sum over active frames of their mean square
  std::uint64_t activeFrames = 0;
};

class FrameBuilder final : public AudioSink {
 public:
  FrameBuilder(RingKind kind, std::size_t ringFrames);

  void onAudio(const AudioChunk& chunk) override;
  void onBreak() override;
  void onRestart() override;
  // Other frames from now on, none of those from before.
  void setRing(RingKind kind, std::size_t ringFrames);

  FrameRing& ring() { return ring_; }
  const FrameRing& ring() const { return ring_; }
  const SignalStats& stats() const { return stats_; }
  bool talking() const { return gate_.open(); }
  // Smoothed level of what is decoded and not active, dBov; -127 before any.
  float backgroundDbov() const { return backgroundDbov_; }
  // Memory, fixed at construction.
  std::size_t bytes() const { return sizeof(FrameBuilder) - 2 * sizeof(FrameRing) + ring_.bytes() + before_.bytes(); }

 private:
  // What is known of 160 samples.
  struct Hop {
    double startMs = 0.0;
    std::size_t lostSamples = 0;
    std::size_t overloadSamples = 0;
    float peak = 0.0f;
    float meanSquare = 0.0f;
  };

  void finishHop();
  void emit(const Hop& hop, const float* logMel);

  RingKind kind_;
  FrameRing ring_;
  FrameRing before_;  // the margin before talk, while the gate is closed
  LogMel logMel_;
  TalkGate gate_;
  std::size_t filled_ = 0;
  float samples_[kHopSize];  // the first filled_ are of the hop at hand
  Hop current_;
  Hop previous_;  // its frame comes with the next hop
  SignalStats stats_;
  float backgroundDbov_ = -127.0f;
  bool backgroundKnown_ = false;
};

// Level of a mean square, dBov (0 = a full-scale square wave), -127 to 0.
float levelDbov(double meanSquare);

}  // namespace mos
