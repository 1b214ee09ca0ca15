#include "opus_payload_check.h"

#include <algorithm>
#include <cmath>

#include "audio_sink.h"
#include "unevenness.h"

namespace mos {
namespace {

constexpr std::size_t kBroken = 8;    // of 32 payloads
constexpr std::size_t kChanged = 20;  // of 32 payloads
constexpr int kCounting = 24;         // payloads in a row
constexpr int kLargestCount = 8;
constexpr int kCalm = 32;  // payloads

constexpr std::int64_t kFrameUnits = 960;     // 20 ms at 48 kHz
constexpr std::int64_t kShortestUnits = 120;  // less overlap than the shortest frame is an unsteady clock
constexpr std::size_t kSpeechFrames = 64;
constexpr std::size_t kCells = 16;
// Chi-square per degree of freedom: 1 is expected of random bits; more than 3.2 has a chance of one in
// 40,000, 4 of one in four million.
constexpr double kEven = 3.2;
constexpr double kUneven = 4.0;

constexpr int kBlockSamples = kSampleRateHz / 50;
constexpr double kSpeechJumpDb = 3.5;  // mean over the blocks,
constexpr double kCeltJumpDb = 6.5;
constexpr double kShortestJumpDb = 8.5;  // in frames of 2.5 ms anything jumps more
constexpr float kMostJumpDb = 15.0f;  // each counted to at most
constexpr float kFloorDb = -70.0f;

}  // namespace

void OpusPayloadCheck::add(const std::uint8_t* payload, std::size_t size, std::int64_t sequence, std::int64_t timestamp) {
  const auto opus = parseOpusPayload(payload, size);
  checkForm(opus ? &*opus : nullptr, size > 0 ? payload[0] : 0, sequence, timestamp);
  checkCount(payload, size);
  if (opus && opus->largestFrameSize > 1) addFrames(*opus, timestamp);
  judge();
}

void OpusPayloadCheck::checkForm(const OpusPayload* opus, std::uint8_t first, std::int64_t sequence,
                             std::int64_t timestamp) {
  constexpr int kCodeBits = 3;  // how frames are packed, free to change with their sizes
  const int form = first & ~kCodeBits;
  const bool overlaps = sequence == lastSequence_ + 1 && claimedEnd_ - timestamp >= kShortestUnits;
  broken_ <<= 1;
  broken_[0] = !opus || overlaps;
  changed_ <<= 1;
  changed_[0] = lastForm_ >= 0 && form != lastForm_;
  lastForm_ = form;
  lastSequence_ = sequence;
  claimedEnd_ = timestamp + (opus ? std::int64_t{48} * opus->toc.frameUs * opus->frameCount / 1000 : 0);
}

void OpusPayloadCheck::checkCount(const std::uint8_t* payload, std::size_t size) {
  counting_ = false;
  for (std::size_t i = 0; i < kCounters && i + 1 < size; ++i) {
    Counter& counter = counters_[i];
    const int step = static_cast<std::uint8_t>(payload[i + 1] - counter.last);
    counter.run = step >= 1 && step <= kLargestCount ? std::min(counter.run + 1, kCounting) : 0;
    counter.last = payload[i + 1];
    counting_ = counting_ || counter.run == kCounting;
  }
}

void OpusPayloadCheck::addFrames(const OpusPayload& opus, std::int64_t timestamp) {
  if (timestamp < nextFrame_ && timestamp >= nextFrame_ - kFrameUnits) return;
  for (int i = 0; i < opus.leadingCount; ++i) {
    newest_ = (newest_ + 1) % kFrames;
    frames_[newest_] = {static_cast<std::uint8_t>(opus.leading[static_cast<std::size_t>(i)] >> 4),
                        opus.toc.mode == OpusMode::Celt, opus.toc.frameUs == 2500};
    frameCount_ = std::min(kFrames, frameCount_ + 1);
  }
  nextFrame_ = timestamp + opus.leadingCount * kFrameUnits;
}

void OpusPayloadCheck::decoded(const float* audio, int samples) {
  for (int i = 0; i < samples; ++i) {
    blockPower_ += static_cast<double>(audio[i]) * audio[i];
    if (++blockSamples_ < kBlockSamples) continue;
    const auto levelDb = std::max(kFloorDb, static_cast<float>(10 * std::log10(blockPower_ / kBlockSamples + 1e-10)));
    newestJump_ = (newestJump_ + 1) % kFrames;
    jumpsDb_[newestJump_] = std::min(kMostJumpDb, std::abs(levelDb - lastLevelDb_));
    jumpCount_ = std::min(kFrames, jumpCount_ + 1);
    lastLevelDb_ = levelDb;
    blockPower_ = 0;
    blockSamples_ = 0;
  }
}

// Chi-square per degree of freedom of the bits of the newest frames against all being equally likely.
double OpusPayloadCheck::unevenness(std::size_t frames) const {
  std::array<int, kCells> counts{};
  for (std::size_t age = 0; age < frames; ++age) ++counts[frame(age).bits];
  return mos::unevenness(counts, frames);
}

double OpusPayloadCheck::meanJumpDb(std::size_t blocks) const {
  if (jumpCount_ < blocks) return 0;
  double sum = 0;
  for (std::size_t age = 0; age < blocks; ++age) sum += jumpsDb_[(newestJump_ + kFrames - age) % kFrames];
  return sum / static_cast<double>(blocks);
}

bool OpusPayloadCheck::looksRandom() const {
  if (frameCount_ < kSpeechFrames) return false;
  bool celt = false;
  for (std::size_t age = 0; age < kSpeechFrames; ++age) celt = celt || frame(age).celt;
  if (!celt) return unevenness(kSpeechFrames) <= kEven && meanJumpDb(kSpeechFrames) >= kSpeechJumpDb;
  const double wildDb = frame(0).shortest ? kShortestJumpDb : kCeltJumpDb;
  return frameCount_ == kFrames && unevenness(kFrames) <= kEven && meanJumpDb(kFrames) >= wildDb;
}

void OpusPayloadCheck::judge() {
  const bool deformed = broken_.count() >= kBroken || changed_.count() >= kChanged;
  if (!undecodable_) {
    undecodable_ = deformed || counting_ || looksRandom();
    calm_ = 0;
    return;
  }
  const bool stillRandom = frameCount_ >= kSpeechFrames && unevenness(frameCount_) < kUneven;
  calm_ = deformed || counting_ || stillRandom ? 0 : calm_ + 1;
  if (calm_ < kCalm) return;
  undecodable_ = false;
  jumpCount_ = 0;
}

}  // namespace mos
