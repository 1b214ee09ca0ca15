#include "frame_builder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "vectorise.h"

namespace mos {
namespace {

constexpr float kBackgroundSmoothing = 0.05f;  // of a new frame: a time constant of 200 ms
constexpr float kClipped = 0.999f;

struct HopMeasures {
  float peak;
  float meanSquare;
};

MOS_VECTORISED HopMeasures measure(const float* samples) {
  constexpr int kWidth = 16;
  Row peak = {}, sum = {};
  for (int i = 0; i < kHopSize; i += kWidth) {
    Row x;
    std::memcpy(&x, samples + i, sizeof x);
    const Row size = x < 0 ? -x : x;
    peak = size > peak ? size : peak;
    sum += x * x;
  }
  HopMeasures total{0.0f, 0.0f};
  for (int j = 0; j < kWidth; ++j) {
    total.peak = peak[j] > total.peak ? peak[j] : total.peak;
    total.meanSquare += sum[j];
  }
  total.meanSquare *= 1.0f / kHopSize;
  return total;
}

}  // namespace

float levelDbov(double meanSquare) {
  if (!(meanSquare > 0.0)) return -127.0f;
  return static_cast<float>(std::clamp(10.0 * std::log10(meanSquare), -127.0, 0.0));
}

FrameBuilder::FrameBuilder(RingKind kind, std::size_t ringFrames)
    : kind_(kind), ring_(kind, ringFrames), before_(kind, TalkGate::kFramesBefore) {}

void FrameBuilder::setRing(RingKind kind, std::size_t ringFrames) {
  kind_ = kind;
  ring_ = FrameRing(kind, ringFrames);
  before_ = FrameRing(kind, TalkGate::kFramesBefore);
}

void FrameBuilder::onAudio(const AudioChunk& chunk) {
  std::size_t done = 0;
  while (done < chunk.count) {
    if (filled_ == 0) current_.startMs = chunk.startMs + done * (1000.0 / kSampleRateHz);
    const std::size_t part = std::min(chunk.count - done, kHopSize - filled_);
    std::memcpy(samples_ + filled_, chunk.samples + done, part * sizeof(float));
    if (chunk.origin == Origin::Concealed) current_.lostSamples += part;
    if (chunk.origin == Origin::Overload) current_.overloadSamples += part;
    filled_ += part;
    done += part;
    if (filled_ == kHopSize) finishHop();
  }
}

void FrameBuilder::finishHop() {
  const HopMeasures measures = measure(samples_);
  current_.peak = measures.peak;
  current_.meanSquare = measures.meanSquare;
  stats_.peak = std::max(stats_.peak, measures.peak);
  if (measures.peak >= kClipped) {
    for (const float sample : samples_) stats_.clippedSamples += std::fabs(sample) >= kClipped;
  }

  float frame[kMels];
  if (logMel_.push(samples_, frame)) emit(previous_, frame);
  previous_ = current_;
  current_ = Hop();
  filled_ = 0;
}

void FrameBuilder::emit(const Hop& hop, const float* logMel) {
  const bool lost = hop.lostSamples >= kHopSize / 2, overload = hop.overloadSamples > 0;
  const bool wasOpen = gate_.open();
  std::size_t active = 0;
  if (lost || overload) {
    gate_.updateLost();
  } else {
    const float level = levelDbov(hop.meanSquare);
    active = gate_.update(logMel, level);
    if (active > 0) {
      stats_.activePower += hop.meanSquare;
      ++stats_.activeFrames;
    } else if (!gate_.isActive()) {
      backgroundDbov_ = backgroundKnown_ ? backgroundDbov_ + kBackgroundSmoothing * (level - backgroundDbov_) : level;
      backgroundKnown_ = true;
    }
  }

  const FrameInfo info{hop.startMs, hop.peak,
                       static_cast<std::uint8_t>((lost ? kFrameLost : 0) | (overload ? kFrameOverload : 0))};
  const float* values = kind_ == RingKind::LogMel ? logMel : logMel_.hop();
  if (!gate_.open()) {
    before_.push(values, info);
    return;
  }
  if (!wasOpen) {
    stats_.talkFrames += before_.size();
    ring_.take(before_);
  }
  ring_.push(values, info);
  ++stats_.talkFrames;
  ring_.flagNewest(active, kFrameActive);
}

void FrameBuilder::onBreak() {
  float frame[kMels];
  if (logMel_.flush(samples_, filled_, frame)) emit(previous_, frame);
  current_ = Hop();
  filled_ = 0;
  gate_.close();
  before_.clear();
}

void FrameBuilder::onRestart() {
  logMel_.reset();
  gate_.reset();
  current_ = Hop();
  filled_ = 0;
  ring_.clear();
  before_.clear();
  backgroundDbov_ = -127.0f;
  backgroundKnown_ = false;
}

}  // namespace mos
