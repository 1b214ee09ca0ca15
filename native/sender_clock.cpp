#include "sender_clock.h"

#include <algorithm>
#include <cmath>

namespace mos {
namespace {

constexpr double kForgetRatio = 0.5e-3;
constexpr double kRenewMs = 1000;
constexpr double kLaterMs = 20;
constexpr double kSpanMs = 2000;
constexpr double kLongestPacketMs = 200;
constexpr double kPauseMs = 1000;

}  // namespace

double SenderClock::map(double rtpMs, double arrivalMs) {
  const double offsetMs = arrivalMs - rtpMs;
  if (tied_) offsetMs_ += kForgetRatio * std::max(0.0, arrivalMs - lastArrivalMs_);
  const bool renewed = !tied_ || offsetMs > offsetMs_ + kRenewMs;
  if (renewed || offsetMs < offsetMs_) offsetMs_ = offsetMs;
  const bool spanEnds = arrivalMs - sinceMs_ >= kSpanMs;
  if (!renewed && spanEnds && earliestMs_ > offsetMs_ + kLaterMs) offsetMs_ = std::min(earliestMs_, offsetMs);
  if (renewed || spanEnds) {
    sinceMs_ = arrivalMs;
    earliestMs_ = offsetMs;
  }
  earliestMs_ = std::min(earliestMs_, offsetMs);
  tied_ = true;
  lastArrivalMs_ = arrivalMs;
  return rtpMs + offsetMs_;
}

void InterarrivalJitter::update(std::int64_t sequence, double rtpMs, double arrivalMs) {
  const double steps = std::abs(static_cast<double>(sequence - lastSequence_));
  const double differenceMs = std::abs((arrivalMs - lastArrivalMs_) - (rtpMs - lastRtpMs_));
  const bool paused = std::abs(rtpMs - lastRtpMs_) > kLongestPacketMs * steps || differenceMs > kPauseMs;
  if (started_ && !paused) jitterMs_ += (differenceMs - jitterMs_) / 16;
  started_ = true;
  lastSequence_ = sequence;
  lastRtpMs_ = rtpMs;
  lastArrivalMs_ = arrivalMs;
}

}  // namespace mos
