#pragma once
// G.711, brought to 16 kHz. A loss is concealed by repeating the last 20 ms, fading to nothing in 60 ms.
#include <array>

#include "audio_decoder.h"
#include "g711.h"
#include "g711_payload_check.h"

namespace mos {

enum class G711Law : std::uint8_t { Mu, A };

class G711AudioDecoder final : public AudioDecoder {
 public:
  explicit G711AudioDecoder(G711Law law) : law_(law) {}

  PayloadInfo inspect(const std::uint8_t* payload, std::size_t size) const override;
  bool decode(const std::uint8_t* payload, std::size_t size, float* out) override;
  bool recover(const std::uint8_t* payload, std::size_t size, float* out) override;
  int concealStep() const override { return 2; }
  void conceal(int count, float* out) override;
  void reset() override;
  PayloadCheck& check() override { return check_; }
  double delayMs() const override;
  std::size_t bytes() const override { return sizeof(*this); }

 private:
  static constexpr std::size_t kRepeated = 160;  // samples at 8 kHz
  G711Law law_;
  G711PayloadCheck check_;
  HalfBandUpsampler upsampler_;
  std::array<float, kRepeated> last_{};  // circular, written at lastAt_
  std::size_t lastAt_ = 0;
  int concealed_ = 0;  // samples at 8 kHz since the last payload
};

}  // namespace mos
