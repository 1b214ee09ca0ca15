#include "talk_gate.h"

#include <algorithm>

namespace mos {
namespace {

constexpr int kFirstBandMel = 6;  // mel filter at 210 Hz
constexpr int kBandMels = 11;     // four bands end at 4 kHz
constexpr int kBlockFrames = 20;
constexpr std::size_t kOpeningFrames = 3;
constexpr float kSmoothing = 0.4f;       // of a new frame
constexpr float kOverLowest = 0.9f;      // log10: 9 dB
constexpr float kQuietestDbov = -60.0f;
constexpr float kNothing = -14.0f;       // log10 of power without any signal

}  // namespace

void TalkGate::reset() {
  heard_ = false;
  blockFrame_ = 0;
  block_ = 0;
  blockLowest_.fill(kNothing);
  for (auto& lowest : lowest_) lowest.fill(kNothing);
  level_.fill(kNothing);
  close();
}

void TalkGate::close() {
  open_ = false;
  run_ = 0;
  quiet_ = 0;
  sinceActive_ = 0;
}

bool TalkGate::exceedsNoiseFloor(const float* logMel) {
  bool result = false;
  for (int band = 0; band < kBands; ++band) {
    const auto b = static_cast<std::size_t>(band);
    float mean = 0.0f;
    for (int i = 0; i < kBandMels; ++i) mean += logMel[kFirstBandMel + band * kBandMels + i];
    mean *= 1.0f / kBandMels;
    level_[b] = heard_ ? level_[b] + kSmoothing * (mean - level_[b]) : mean;
    blockLowest_[b] = blockFrame_ == 0 ? level_[b] : std::min(blockLowest_[b], level_[b]);
    float floor = blockLowest_[b];
    for (const auto& lowest : lowest_) floor = std::min(floor, lowest[b]);
    result = result || level_[b] > floor + kOverLowest;
  }
  heard_ = true;
  if (++blockFrame_ == kBlockFrames) {
    blockFrame_ = 0;
    lowest_[static_cast<std::size_t>(block_)] = blockLowest_;
    block_ = (block_ + 1) % kBlocks;
  }
  return result;
}

std::size_t TalkGate::update(const float* logMel, float levelDbov) {
  const bool out = exceedsNoiseFloor(logMel) && levelDbov > kQuietestDbov;
  ++sinceActive_;
  run_ = out ? run_ + 1 : 0;
  if (run_ >= kOpeningFrames) {
    const std::size_t active = open_ ? sinceActive_ : kOpeningFrames;
    open_ = true;
    quiet_ = 0;
    sinceActive_ = 0;
    return active;
  }
  if (open_ && ++quiet_ > kFramesAfter) close();
  return 0;
}

void TalkGate::updateLost() { ++sinceActive_; }

}  // namespace mos
