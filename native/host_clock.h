#pragma once
// Unix time that never jumps: the monotonic clock, mapped to Unix time once.
#include <ctime>

namespace mos {

inline double readClockMs(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

class HostClock {
 public:
  HostClock() : offsetMs_(readClockMs(CLOCK_REALTIME) - readClockMs(CLOCK_MONOTONIC)) {}
  double nowMs() const { return readClockMs(CLOCK_MONOTONIC) + offsetMs_; }

 private:
  double offsetMs_;
};

}  // namespace mos
