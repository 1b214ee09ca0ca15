#pragma once
// How long to wait for missing packets: as long as retransmissions (RFC 4588) have recently taken.
//
// A packet that comes more than `leastMs` after the first packet behind it was repaired, not reordered. From then on missing
// packets are waited for a little longer than that one took, at most 500 ms, until none took longer than `leastMs` for 20 s.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace mos {

class RepairWait {
 public:
  static constexpr double kMostMs = 500;
  // A packet that takes longer is of no use to a receiver: lost for good.
  static constexpr double kLatestMs = 1000;

  explicit RepairWait(double leastMs) : leastMs_(leastMs), waitMs_(leastMs) {}

  // Numbering starts with this packet.
  void begin(std::int64_t sequence) {
    highest_ = sequence;
    gaps_.fill({});
  }

  // A packet that did not come before. True when it was repaired.
  bool came(std::int64_t sequence, double nowMs) {
    if (waitMs_ > leastMs_ && nowMs - neededMs_ > kForgetMs) waitMs_ = leastMs_;
    if (sequence > highest_) {
      if (sequence > highest_ + 1) gaps_[next_++ % kGaps] = {highest_ + 1, sequence, nowMs};
      highest_ = sequence;
      return false;
    }
    const auto gap = std::find_if(gaps_.begin(), gaps_.end(),
                                  [&](const Gap& each) { return sequence >= each.first && sequence < each.end; });
    if (gap == gaps_.end()) return false;
    const double tookMs = nowMs - gap->noticedMs;
    if (tookMs <= leastMs_ || tookMs > kLatestMs) return false;
    waitMs_ = std::max(waitMs_, std::min(kMostMs, tookMs * kMargin + kMarginMs));
    neededMs_ = nowMs;
    return true;
  }

  double ms() const { return waitMs_; }

 private:
  static constexpr std::size_t kGaps = 16;
  static constexpr double kForgetMs = 20000;
  static constexpr double kMargin = 1.1;
  static constexpr double kMarginMs = 20;
  struct Gap {
    std::int64_t first = 0;
    std::int64_t end = 0;
    double noticedMs = 0;
  };

  double leastMs_;
  double waitMs_;
  double neededMs_ = 0;
  std::int64_t highest_ = 0;
  std::array<Gap, kGaps> gaps_{};
  std::size_t next_ = 0;
};

}  // namespace mos
