#include "audio_decoder_g711.h"

#include <algorithm>

#include "audio_sink.h"
#include "codecs.h"

namespace mos {
namespace {

constexpr int kBandwidthHz = 4000;
constexpr int kFadeSamples = 480;  // 60 ms at 8 kHz

const CodecRegistration kPcmu({Codec::Pcmu, [] {
  return std::unique_ptr<AudioDecoder>(std::make_unique<G711AudioDecoder>(G711Law::Mu));
}});
const CodecRegistration kPcma({Codec::Pcma, [] {
  return std::unique_ptr<AudioDecoder>(std::make_unique<G711AudioDecoder>(G711Law::A));
}});

}  // namespace

PayloadInfo G711AudioDecoder::inspect(const std::uint8_t*, std::size_t size) const {
  PayloadInfo info;
  if (2 * size <= kMaxPacketSamples) info.samples = static_cast<int>(2 * size);
  info.silent = size == 0;
  info.bandwidthHz = kBandwidthHz;
  return info;
}

bool G711AudioDecoder::decode(const std::uint8_t* payload, std::size_t size, float* out) {
  concealed_ = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const float sample = law_ == G711Law::Mu ? expandMuLaw(payload[i]) : expandALaw(payload[i]);
    last_[lastAt_] = sample;
    lastAt_ = (lastAt_ + 1) % kRepeated;
    upsampler_.process(sample, out + 2 * i);
  }
  return true;
}

bool G711AudioDecoder::recover(const std::uint8_t*, std::size_t, float*) {
  return false;
}

void G711AudioDecoder::conceal(int count, float* out) {
  for (int i = 0; i < count / 2; ++i, ++concealed_) {
    const float gain = std::max(0.0f, 1.0f - static_cast<float>(concealed_) / kFadeSamples);
    const auto age = static_cast<std::size_t>(concealed_) % kRepeated;
    upsampler_.process(gain * last_[(lastAt_ + age) % kRepeated], out + 2 * i);
  }
}

void G711AudioDecoder::reset() {
  upsampler_.reset();
  last_.fill(0);
  concealed_ = 0;
}

double G711AudioDecoder::delayMs() const {
  return 1000.0 * HalfBandUpsampler::kDelaySamples / kSampleRateHz;
}

}  // namespace mos
