#include "timestamp_check.h"

#include <algorithm>
#include <cmath>

namespace mos {
namespace {

constexpr std::size_t kLeastSteps = 6;
constexpr double kUnevenMs = 1.25;
constexpr double kSameRatio = 0.15;
constexpr double kStandingRate = 0.02;
constexpr float kMostMs = 1e6f;  // of one step: larger ones mean no more

}  // namespace

void TimestampCheck::add(std::int64_t sequence, double timestampMs, double durationMs, bool silent, double arrivalMs) {
  const double elapsedMs = std::max(0.0, arrivalMs - arrivalMs_);
  if (following_ && sequence == sequence_ + 1 && elapsedMs <= durationMs_ + kArrivalPauseMs) {
    const auto stepMs = static_cast<float>(timestampMs - timestampMs_);
    steps_[count_++ % kSteps] = {std::clamp(stepMs, -kMostMs, kMostMs), static_cast<float>(durationMs_),
                                 static_cast<float>(elapsedMs)};
    judge();
  }
  following_ = !silent && durationMs > 0;
  sequence_ = sequence;
  timestampMs_ = timestampMs;
  durationMs_ = durationMs;
  arrivalMs_ = std::max(arrivalMs_, arrivalMs);
}

void TimestampCheck::judge() {
  const std::size_t steps = std::min(count_, kSteps);
  if (steps < kLeastSteps) return;
  std::size_t uneven = 0;
  double timestampMs = 0, durationMs = 0, arrivalMs = 0;
  for (std::size_t i = 0; i < steps; ++i) {
    const Step& step = steps_[i];
    uneven += std::abs(step.timestampMs - step.durationMs) > kUnevenMs ? 1 : 0;
    timestampMs += step.timestampMs;
    durationMs += step.durationMs;
    arrivalMs += step.arrivalMs;
  }
  if (clock_ != TimestampClock::Steady) {
    if (8 * uneven <= steps) {
      clock_ = TimestampClock::Steady;
      rate_ = 1;
    }
    return;
  }
  if (8 * uneven < 3 * steps) return;
  const double differenceMs = std::abs(timestampMs - durationMs);
  if (differenceMs <= kSameRatio * durationMs) {
    clock_ = TimestampClock::Unsteady;
  } else if (std::abs(arrivalMs - durationMs) < std::abs(arrivalMs - timestampMs)) {
    rate_ = timestampMs / durationMs;
    clock_ = std::abs(rate_) < kStandingRate ? TimestampClock::Standing : TimestampClock::OtherRate;
  }
}

}  // namespace mos
