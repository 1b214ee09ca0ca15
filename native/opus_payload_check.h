#pragma once
// Notices Opus payloads that are end-to-end encrypted or broken.
//
// Three kinds of evidence, each of which is enough:
// - Form. The payload breaks RFC 6716 §3.4, claims to last longer than until the next timestamp, or its
//   first byte (mode, bandwidth, frame size) keeps changing: the first byte is encrypted or a foreign header.
// - Randomness. What comes first in a frame is far from random: voice activity and LBRR flags, frame
//   type (SILK and hybrid, RFC 6716 §4.2.3, §4.2.7.3), silence, post-filter, transient, intra (CELT,
//   §4.3) have favourite values. In ciphertext all values of a frame's first four bits are alike: a
//   chi-square test over frames 20 ms apart. Some real sound comes near (music in CELT-only mode, noise in
//   60 ms SILK frames), so the decoded level must jump about as well, which hardly any real sound does.
// - Counting. One of the first bytes goes up by one to eight from packet to packet: the counter in the
//   header of SFrame (RFC 9605 §4.3), whose first byte can pass for that of an Opus packet.
// Randomness takes 64 (SILK, hybrid) or 96 (CELT) frames of 20 ms or longer to show; form and counting 8
// to 30 packets. Good payloads are believed again when for 32 packets nothing speaks against them.
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>

#include "opus_payload.h"
#include "payload_check.h"

namespace mos {

class OpusPayloadCheck final : public PayloadCheck {
 public:
  void add(const std::uint8_t* payload, std::size_t size, std::int64_t sequence, std::int64_t timestamp) override;
  void decoded(const float* audio, int samples) override;
  void clockChanged() override {
    broken_.reset();
    lastSequence_ = -1;
  }

  void failed() override { broken_[0] = true; }

  bool undecodable() const override { return undecodable_; }
  void reset() override { *this = OpusPayloadCheck(); }

 private:
  static constexpr std::size_t kFormWindow = 32;
  static constexpr std::size_t kFrames = 96;
  static constexpr std::size_t kCounters = 4;

  // One in 20 ms.
  struct Frame {
    std::uint8_t bits = 0;  // the first four
    bool celt = false;
    bool shortest = false;  // of 2.5 ms
  };

  struct Counter {
    std::uint8_t last = 0;
    int run = 0;  // packets in a row in which it went up
  };

  void checkForm(const OpusPayload* opus, std::uint8_t first, std::int64_t sequence, std::int64_t timestamp);
  void checkCount(const std::uint8_t* payload, std::size_t size);
  void addFrames(const OpusPayload& opus, std::int64_t timestamp);
  const Frame& frame(std::size_t age) const { return frames_[(newest_ + kFrames - age) % kFrames]; }
  double unevenness(std::size_t frames) const;
  double meanJumpDb(std::size_t blocks) const;
  bool looksRandom() const;
  void judge();

  std::bitset<kFormWindow> broken_;
  std::bitset<kFormWindow> changed_;
  int lastForm_ = -1;
  std::int64_t lastSequence_ = -1;
  std::int64_t claimedEnd_ = 0;  // timestamp at which the last payload ends by its own count

  std::array<Counter, kCounters> counters_{};  // bytes 1 to 4
  bool counting_ = false;

  std::array<Frame, kFrames> frames_{};
  std::size_t newest_ = 0;
  std::size_t frameCount_ = 0;
  std::int64_t nextFrame_ = 0;  // timestamp from which on a frame is taken

  std::array<float, kFrames> jumpsDb_{};  // changes of level between blocks of 20 ms
  std::size_t newestJump_ = 0;
  std::size_t jumpCount_ = 0;
  float lastLevelDb_ = 0;
  double blockPower_ = 0;
  int blockSamples_ = 0;

  bool undecodable_ = false;
  int calm_ = 0;  // payloads since anything spoke against them
};

}  // namespace mos
