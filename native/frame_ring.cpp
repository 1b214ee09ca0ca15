#include "frame_ring.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "log_mel.h"
#include "vectorise.h"

namespace mos {
namespace {

constexpr float kLowest = -14.0f;
constexpr float kStep = 20.0f / 65535.0f;
constexpr float kPcmScale = 32768.0f;
constexpr double kStepsPerMs = 10.0;
constexpr int kFlagBits = 3;
constexpr std::uint32_t kFlagMask = (1u << kFlagBits) - 1;

// A value that is not a number becomes the lowest.
MOS_VECTORISED void storeLogMel(const float* values, std::uint16_t* stored) {
  for (int i = 0; i < kMels; ++i) {
    float steps = (values[i] - kLowest) * (1.0f / kStep) + 0.5f;
    steps = steps > 0.0f ? steps : 0.0f;
    steps = steps < 65535.0f ? steps : 65535.0f;
    stored[i] = static_cast<std::uint16_t>(static_cast<std::int32_t>(steps));
  }
}

MOS_VECTORISED void storePcm(const float* values, std::uint16_t* stored) {
  for (int i = 0; i < kHopSize; ++i) {
    float steps = values[i] * kPcmScale + 32768.5f;
    steps = steps > 0.0f ? steps : 0.0f;
    steps = steps < 65535.0f ? steps : 65535.0f;
    stored[i] = static_cast<std::uint16_t>(static_cast<std::int32_t>(steps));
  }
}

MOS_VECTORISED void loadLogMel(const std::uint16_t* stored, std::size_t count, float gain, float floor, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const float value = static_cast<float>(stored[i]) * kStep + gain;
    out[i] = value > floor ? value : floor;
  }
}

MOS_VECTORISED void loadPcm(const std::uint16_t* stored, std::size_t count, float gain, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = (static_cast<float>(stored[i]) - kPcmScale) * gain;
}

}  // namespace

FrameRing::FrameRing(RingKind kind, std::size_t capacity)
    : kind_(kind),
      valuesPerFrame_(kind == RingKind::LogMel ? kMels : kHopSize),
      capacity_(capacity),
      values_(capacity * valuesPerFrame_),
      peaks_(capacity),
      stamps_(capacity) {}

std::uint32_t FrameRing::stamp(double startMs, std::uint8_t flags) {
  const auto steps = static_cast<std::uint64_t>(std::llround(startMs * kStepsPerMs));
  return static_cast<std::uint32_t>(steps << kFlagBits) | flags;
}

std::uint8_t FrameRing::flagsOf(std::size_t slot) const { return stamps_[slot] & kFlagMask; }

std::size_t FrameRing::slotOf(std::size_t age) const {
  return (head_ + capacity_ - 1 - age) % capacity_;
}

double FrameRing::startMsOf(std::size_t slot) const {
  const auto behind = static_cast<std::int32_t>(stamp(newestMs_, 0) - (stamps_[slot] & ~kFlagMask));
  return newestMs_ - (behind >> kFlagBits) / kStepsPerMs;
}

void FrameRing::count(std::uint8_t flags, int sign) {
  const auto step = static_cast<std::size_t>(sign);
  if (flags & kFrameActive) activeFrames_ += step;
  if (flags & kFrameLost) lostFrames_ += step;
  if (flags & kFrameOverload) overloadFrames_ += step;
}

void FrameRing::dropOldest() {
  count(flagsOf(slotOf(size_ - 1)), -1);
  --size_;
}

void FrameRing::advanceHead() {
  count(flagsOf(head_), 1);
  head_ = (head_ + 1) % capacity_;
  ++size_;
}

void FrameRing::makeRoom() {
  if (size_ < capacity_) return;
  dropOldest();
  ++overrunFrames_;
}

void FrameRing::push(const float* values, const FrameInfo& info) {
  makeRoom();
  std::uint16_t* stored = &values_[head_ * valuesPerFrame_];
  if (kind_ == RingKind::LogMel) {
    storeLogMel(values, stored);
  } else {
    storePcm(values, stored);
  }
  peaks_[head_] = info.peak;
  stamps_[head_] = stamp(info.startMs, info.flags);
  newestMs_ = info.startMs;
  advanceHead();
}

void FrameRing::take(FrameRing& from) {
  while (from.size_ > 0) {
    makeRoom();
    const std::size_t slot = from.slotOf(from.size_ - 1);
    std::memcpy(&values_[head_ * valuesPerFrame_], &from.values_[slot * valuesPerFrame_],
                sizeof(std::uint16_t) * valuesPerFrame_);
    peaks_[head_] = from.peaks_[slot];
    stamps_[head_] = from.stamps_[slot];
    newestMs_ = from.startMsOf(slot);
    advanceHead();
    from.dropOldest();
  }
}

void FrameRing::flagNewest(std::size_t frames, std::uint8_t flags) {
  for (std::size_t age = 0; age < std::min(frames, size_); ++age) {
    const std::size_t slot = slotOf(age);
    count(static_cast<std::uint8_t>(flags & ~flagsOf(slot)), 1);
    stamps_[slot] |= flags;
  }
}

void FrameRing::forgetBefore(double moment) {
  while (size_ > 0 && startMsOf(slotOf(size_ - 1)) < moment) dropOldest();
}

void FrameRing::clear() {
  while (size_ > 0) dropOldest();
  newestMs_ = 0.0;
}

WindowInfo FrameRing::read(std::size_t frames, bool normalise, float floor, float* out) const {
  const std::size_t first = slotOf(frames - 1);
  WindowInfo info{startMsOf(first), newestMs_ + kHopMs, 0.0f, 0, 0, 0};
  for (std::size_t age = 0; age < frames; ++age) {
    const std::size_t slot = slotOf(age);
    info.peak = std::max(info.peak, peaks_[slot]);
    const std::uint8_t flags = flagsOf(slot);
    info.activeFrames += (flags & kFrameActive) != 0;
    info.lostFrames += (flags & kFrameLost) != 0;
    info.overloadFrames += (flags & kFrameOverload) != 0;
  }
  copy(frames - 1, frames, normalise ? info.peak : 0.0f, floor, out);
  return info;
}

double FrameRing::moveOldest(std::size_t frames, std::size_t framesPerStep, bool normalise, float loudest, float floor,
                             float* out, StepInfo* steps) {
  double lastMs = 0.0;
  float peak = loudest;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    const std::size_t slot = slotOf(size_ - 1 - frame);
    lastMs = startMsOf(slot);
    StepInfo& step = steps[frame / framesPerStep];
    if (frame % framesPerStep == 0) step = {lastMs, 0.0, 0.0, 0.0};
    peak = std::max(peak, peaks_[slot]);
    step.peak = std::max(step.peak, static_cast<double>(peaks_[slot]));
    const std::uint8_t flags = flagsOf(slot);
    step.lostFrames += (flags & kFrameLost) != 0;
    step.overloadFrames += (flags & kFrameOverload) != 0;
  }
  copy(size_ - 1, frames, normalise ? peak : 0.0f, floor, out);
  for (std::size_t frame = 0; frame < frames; ++frame) dropOldest();
  return lastMs + kHopMs;
}

void FrameRing::copy(std::size_t oldest, std::size_t frames, float peak, float floor, float* out) const {
  const auto copyRows = [&](std::size_t slot, std::size_t rows, float* to) {
    const std::uint16_t* stored = &values_[slot * valuesPerFrame_];
    if (kind_ == RingKind::LogMel) {
      // A gain of 1 / peak on the waveform is an addition to the log of its power.
      const float gain = peak > 0.0f ? -2.0f * std::log10(peak) : 0.0f;
      loadLogMel(stored, rows * valuesPerFrame_, kLowest + gain, floor, to);
    } else {
      loadPcm(stored, rows * valuesPerFrame_, (peak > 0.0f ? 1.0f / peak : 1.0f) / kPcmScale, to);
    }
  };
  const std::size_t first = slotOf(oldest);
  const std::size_t beforeWrap = std::min(frames, capacity_ - first);
  copyRows(first, beforeWrap, out);
  if (beforeWrap < frames) copyRows(0, frames - beforeWrap, out + beforeWrap * valuesPerFrame_);
}

std::size_t FrameRing::bytes() const {
  return sizeof(FrameRing) + capacity_ * (valuesPerFrame_ * sizeof(std::uint16_t) + sizeof(float) +
                                          sizeof(std::uint32_t));
}

}  // namespace mos
