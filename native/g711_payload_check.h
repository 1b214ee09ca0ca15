#pragma once
// Notices G.711 payloads that are still encrypted.
//
// In ciphertext all codes are alike and do not depend on the one before. No sound is like that: within 32 ms its level stays in
// a few of the 16 segments of the companding law, and neighbouring samples are related. A block of 256 codes is even when
// neither the segments nor the pairs of neighbours' upper two bits speak against equal likelihood (chi-square per degree of
// freedom at most 2: ciphertext exceeds that in one test of 90). 26 even blocks of the newest 32 make a stream undecodable,
// fewer than 12 decodable again.
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>

#include "payload_check.h"

namespace mos {

class G711PayloadCheck final : public PayloadCheck {
 public:
  void add(const std::uint8_t* payload, std::size_t size, std::int64_t sequence, std::int64_t timestamp) override;
  bool undecodable() const override { return undecodable_; }
  void reset() override { *this = G711PayloadCheck(); }

 private:
  static constexpr std::size_t kBlock = 256;
  static constexpr std::size_t kCells = 16;
  void judge();

  std::array<std::uint16_t, kCells> segments_{};
  std::array<std::uint16_t, kCells> pairs_{};
  std::size_t codes_ = 0;  // in the block at hand
  std::uint8_t last_ = 0;
  std::bitset<32> even_;
  bool undecodable_ = false;
};

}  // namespace mos
