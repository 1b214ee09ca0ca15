#pragma once
// Notices Opus payloads that are not what they say they are: end-to-end encrypted, or broken.
#include <bitset>
#include <cstddef>
#include <cstdint>

namespace mos {

class PayloadCheck {
 public:
  // The next Opus payload in sequence. `timestamp` counts at 48 kHz.
  void add(const std::uint8_t* payload, std::size_t size, std::int64_t sequence, std::int64_t timestamp);
  bool undecodable() const { return undecodable_; }
  void reset() { *this = PayloadCheck(); }

 private:
  static constexpr std::size_t kWindow = 50;
  std::bitset<kWindow> bad_;
  bool undecodable_ = false;
  std::int64_t lastSequence_ = -1;
  std::int64_t claimedEnd_ = 0;  // timestamp at which the last payload says it ends
};

}  // namespace mos
