#pragma once
// Whether RTP timestamps count the time of the audio that they stand for.
//
// Where sequence numbers follow each other, a timestamp advances by the duration of the payload before it. Senders get this
// wrong: the clock of another rate, a wall clock (uneven), or no clock. Sequence numbers, payload durations and arrivals show which:
//   at least 3 of 8 steps differ from the duration by more than 1.25 ms, and over all of them
//     timestamps and durations agree within 15 %                    -> Unsteady
//     arrivals are nearer to the durations, timestamps hardly move  -> Standing
//     arrivals are nearer to the durations                          -> OtherRate
//     arrivals are nearer to the timestamps                         -> Steady: pauses, or payloads that claim a false duration
// Over the last 32 steps, from the sixth on. Steady again once at most 1 of 8 differs. A step that took more than 200 ms longer
// to arrive than the audio lasts may be a pause, and is left out.
#include <array>
#include <cstddef>
#include <cstdint>

namespace mos {

enum class TimestampClock : std::uint8_t { Steady, OtherRate, Unsteady, Standing };

// An arrival this much later than the audio before it lasts is a pause of the sender, ms.
constexpr double kArrivalPauseMs = 200;

class TimestampCheck {
 public:
  // The next audio packet in sequence. `timestampMs`: extended timestamp by the stated rate. `durationMs`: of its payload.
  // `silent`: its encoder may send nothing for a while after it.
  void add(std::int64_t sequence, double timestampMs, double durationMs, bool silent, double arrivalMs);

  TimestampClock clock() const { return clock_; }
  // What goes by on the timestamps while 1 ms of audio goes by; 1 = as stated.
  double rate() const { return rate_; }
  void reset() { *this = TimestampCheck(); }

 private:
  static constexpr std::size_t kSteps = 32;
  struct Step {
    float timestampMs = 0;
    float durationMs = 0;
    float arrivalMs = 0;
  };
  void judge();

  std::array<Step, kSteps> steps_{};
  std::size_t count_ = 0;  // ever
  TimestampClock clock_ = TimestampClock::Steady;
  double rate_ = 1;

  bool following_ = false;  // the values below are of a packet with audio
  std::int64_t sequence_ = 0;
  double timestampMs_ = 0;
  double durationMs_ = 0;
  double arrivalMs_ = 0;  // latest so far
};

}  // namespace mos
