#include "payload_check.h"

#include "opus_payload.h"

namespace mos {
namespace {

constexpr std::size_t kNoticed = 12;
constexpr std::size_t kRecovered = 2;

}  // namespace

void PayloadCheck::add(const std::uint8_t* payload, std::size_t size, std::int64_t sequence, std::int64_t timestamp) {
  const auto opus = parseOpusPayload(payload, size);
  const bool overlaps = sequence == lastSequence_ + 1 && timestamp < claimedEnd_;
  bad_ <<= 1;
  bad_[0] = !opus || overlaps;
  lastSequence_ = sequence;
  claimedEnd_ = opus ? timestamp + std::int64_t{48} * opus->toc.frameUs * opus->frameCount / 1000 : timestamp;
  if (bad_.count() >= kNoticed) undecodable_ = true;
  if (bad_.count() <= kRecovered) undecodable_ = false;
}

}  // namespace mos
