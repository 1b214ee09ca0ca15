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

  // How far the system's clock, which may be set, is ahead at the moment. Within 25 microseconds, unless the thread
  // is held up time and again.
  double systemAheadMs() const {
    double ahead = 0.0, tightest = 1e9;
    for (int attempt = 0; attempt < 5 && tightest > 0.05; ++attempt) {
      const double before = nowMs(), system = readClockMs(CLOCK_REALTIME), after = nowMs();
      if (after - before >= tightest) continue;
      tightest = after - before;
      ahead = system - (before + after) / 2;
    }
    return ahead;
  }

 private:
  double offsetMs_;
};

}  // namespace mos
