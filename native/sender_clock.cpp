#include "sender_clock.h"

#include <algorithm>
#include <cmath>

namespace mos {
namespace {

constexpr double kForgetRatio = 0.5e-3;
constexpr double kRenewMs = 2000;
constexpr double kLongestPacketMs = 200;
constexpr double kPauseMs = 1000;

}  // namespace

double SenderClock::map(double rtpMs, double arrivalMs) {
  const double offsetMs = arrivalMs - rtpMs;
  if (tied_) offsetMs_ += kForgetRatio * std::max(0.0, arrivalMs - lastArrivalMs_);
  if (!tied_ || offsetMs < offsetMs_ || offsetMs > offsetMs_ + kRenewMs) offsetMs_ = offsetMs;
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
