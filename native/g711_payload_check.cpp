#include "g711_payload_check.h"

#include "unevenness.h"

namespace mos {
namespace {

constexpr double kMostPerDegree = 2;
constexpr std::size_t kEvenBlocks = 26;
constexpr std::size_t kGoodBelow = 12;

}  // namespace

void G711PayloadCheck::add(const std::uint8_t* payload, std::size_t size, std::int64_t, std::int64_t) {
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint8_t code = payload[i];
    ++segments_[code >> 4];
    ++pairs_[static_cast<std::size_t>((last_ >> 6) << 2 | code >> 6)];
    last_ = code;
    if (++codes_ == kBlock) judge();
  }
}

void G711PayloadCheck::judge() {
  even_ <<= 1;
  even_[0] = unevenness(segments_, kBlock) <= kMostPerDegree && unevenness(pairs_, kBlock) <= kMostPerDegree;
  undecodable_ = undecodable_ ? even_.count() >= kGoodBelow : even_.count() >= kEvenBlocks;
  segments_.fill(0);
  pairs_.fill(0);
  codes_ = 0;
}

}  // namespace mos
