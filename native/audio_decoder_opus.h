#pragma once
// Opus (RFC 6716, RTP payload RFC 7587) by libopus, at 16 kHz and one channel: libopus mixes stereo down.
//
// Packets are given to one libopus decoder in sequence, DTX payloads (frames of at most one byte)
// included, so that after a pause it is in the state it has when libopus is given the same packets one
// after another. Time in which nothing was sent is not run through the decoder.
#include <memory>

#include "audio_decoder.h"
#include "opus_payload_check.h"

namespace mos {

class OpusAudioDecoder final : public AudioDecoder {
 public:
  OpusAudioDecoder();

  PayloadInfo inspect(const std::uint8_t* payload, std::size_t size) const override;
  bool decode(const std::uint8_t* payload, std::size_t size, float* out) override;
  bool recover(const std::uint8_t* payload, std::size_t size, float* out) override;
  int concealStep() const override;
  void conceal(int count, float* out) override;
  void reset() override;
  PayloadCheck& check() override { return check_; }
  double delayMs() const override { return 0; }
  std::size_t bytes() const override;

 private:
  std::unique_ptr<std::byte[]> state_;  // libopus's OpusDecoder
  OpusPayloadCheck check_;
  bool canRecover_ = false;             // libopus restores nothing right after a CELT-only packet
};

}  // namespace mos
