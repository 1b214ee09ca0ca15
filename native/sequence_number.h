#pragma once
// Arithmetic on counters that wrap (RFC 3550 §5.1: 16-bit sequence numbers, 32-bit timestamps).
#include <cstdint>
#include <type_traits>

namespace mos {

// How far `to` is ahead of `from`, taking the shorter way round; negative when behind.
template <typename T>
constexpr std::make_signed_t<T> wrapDistance(T from, T to) {
  static_assert(std::is_unsigned_v<T>);
  return static_cast<std::make_signed_t<T>>(static_cast<T>(to - from));
}

// Extends a wrapping counter to 64 bits: each value is placed where it is nearest to the one before it. What is extended
// stays within +-kFurthest, where it wraps, so that it is exact as a double and that sums and differences of two of them do
// not overflow. Two million of the longest steps in a row lead there; no real clock does.
template <typename T>
class Unwrapper {
 public:
  static constexpr std::int64_t kFurthest = std::int64_t{1} << 52;

  std::int64_t unwrap(T value) {
    extended_ = started_ ? extended_ + wrapDistance(last_, value) : static_cast<std::int64_t>(value);
    if (extended_ > kFurthest) extended_ -= 2 * kFurthest;
    if (extended_ < -kFurthest) extended_ += 2 * kFurthest;
    started_ = true;
    last_ = value;
    return extended_;
  }
  void reset() { started_ = false; }

 private:
  bool started_ = false;
  T last_ = 0;
  std::int64_t extended_ = 0;
};

// Units of a clock at `fromHz` to those of one at `toHz`, rounded towards 0; beyond +-2^62 it is limited to about that.
constexpr std::int64_t rescale(std::int64_t units, std::uint32_t fromHz, std::uint32_t toHz) {
  const std::int64_t from = fromHz, to = toHz, most = (std::int64_t{1} << 62) / to;
  const std::int64_t whole = units / from;
  return (whole > most ? most : whole < -most ? -most : whole) * to + units % from * to / from;
}

// Distinguishes a sequence number that belongs to the stream from a stray one and from a sender that
// restarted (RFC 3550 A.1, with its constants): a large jump counts once a second packet confirms it.
class SequenceTracker {
 public:
  static constexpr int kMaxDropout = 3000;   // furthest ahead that is still a loss
  static constexpr int kMaxMisorder = 100;   // furthest behind that is still a late packet

  enum class Verdict { First, Belongs, Stray, Restarted };

  Verdict check(std::uint16_t sequenceNumber) {
    if (!started_) {
      started_ = true;
      begin(sequenceNumber);
      return Verdict::First;
    }
    const int distance = wrapDistance(static_cast<std::uint16_t>(highest_), sequenceNumber);
    if (distance < kMaxDropout && distance >= -kMaxMisorder) {
      extended_ = highest_ + distance;
      if (distance > 0) highest_ = extended_;
      expectedStray_ = -1;
      return Verdict::Belongs;
    }
    if (sequenceNumber == expectedStray_) {
      begin(sequenceNumber);
      return Verdict::Restarted;
    }
    expectedStray_ = static_cast<std::uint16_t>(sequenceNumber + 1);
    return Verdict::Stray;
  }

  // The number last checked, extended to 64 bits; meaningless after Verdict::Stray.
  std::int64_t extended() const { return extended_; }

  void reset() { *this = SequenceTracker(); }

 private:
  void begin(std::uint16_t sequenceNumber) {
    extended_ = highest_ = sequenceNumber;
    expectedStray_ = -1;
  }

  bool started_ = false;
  std::int64_t highest_ = 0;
  std::int64_t extended_ = 0;
  int expectedStray_ = -1;
};

}  // namespace mos
