#pragma once
// When a packet was recorded by its timestamp, on the receiver's clock; and how unevenly packets come.
#include <cstdint>

namespace mos {

// Maps RTP time to Unix ms by the earliest arrival: the packet that was delayed least ties the two
// clocks together, so a mapped time is the sampling time plus the shortest delay seen on the path.
// The tie is loosened by 0.5 ms a second, more than two clocks drift apart (500 ppm), so that an old
// packet does not rule for ever. A sender may be slower than that, or its timestamps may stand still or
// fall back over pauses: when all packets of 2 s come more than 20 ms after their mapped time, the earliest
// of them becomes the tie; a packet that comes more than 1 s after its mapped time does so at once.
class SenderClock {
 public:
  // `rtpMs`: RTP timestamp, extended, in ms.
  double map(double rtpMs, double arrivalMs);
  void reset() { tied_ = false; }

 private:
  bool tied_ = false;
  double offsetMs_ = 0;  // Unix time less RTP time
  double lastArrivalMs_ = 0;
  double sinceMs_ = 0;     // arrival of the first packet of these 2 s
  double earliestMs_ = 0;  // smallest offset since then
};

// Interarrival jitter, RFC 3550 §6.4.1 and A.8, over packets in the order they arrive; those that come
// too late count as lost, not here. Left out are steps that are no network delay: more than 200 ms of
// RTP time a packet (longer than any packet: discontinuous transmission), and more than 1 s of
// difference (the sender paused).
class InterarrivalJitter {
 public:
  void update(std::int64_t sequence, double rtpMs, double arrivalMs);
  double ms() const { return jitterMs_; }
  // The next packet is not compared with those before it.
  void reset() { started_ = false; }

 private:
  bool started_ = false;
  std::int64_t lastSequence_ = 0;
  double lastRtpMs_ = 0;
  double lastArrivalMs_ = 0;
  double jitterMs_ = 0;
};

}  // namespace mos
