#include "audio_decoder_opus.h"

#include <opus/opus.h>

#include <algorithm>

#include "audio_sink.h"
#include "codecs.h"
#include "opus_payload.h"

namespace mos {
namespace {

constexpr int kChannels = 1;

std::size_t stateSize() {
  return static_cast<std::size_t>(opus_decoder_get_size(kChannels));
}

OpusDecoder* decoder(const std::unique_ptr<std::byte[]>& state) {
  return reinterpret_cast<OpusDecoder*>(state.get());
}

int samplesOf(int microseconds) {
  return microseconds / 500 * (kSampleRateHz / 2000);
}

const CodecRegistration kOpus({Codec::Opus, [] {
  return std::unique_ptr<AudioDecoder>(std::make_unique<OpusAudioDecoder>());
}});

}  // namespace

OpusAudioDecoder::OpusAudioDecoder() : state_(std::make_unique<std::byte[]>(stateSize())) {
  opus_decoder_init(decoder(state_), kSampleRateHz, kChannels);
}

PayloadInfo OpusAudioDecoder::inspect(const std::uint8_t* payload, std::size_t size) const {
  const auto opus = parseOpusPayload(payload, size);
  if (!opus) return {};
  PayloadInfo info;
  info.samples = samplesOf(opus->toc.frameUs * opus->frameCount);
  info.silent = opus->largestFrameSize <= 1;
  info.recoverable = canRecover_ && opus->hasLbrr ? samplesOf(opus->toc.frameUs) : 0;
  info.bandwidthHz = opus->toc.bandwidthHz;
  return info;
}

bool OpusAudioDecoder::decode(const std::uint8_t* payload, std::size_t size, float* out) {
  const auto length = static_cast<opus_int32>(size);
  const int samples = opus_decode_float(decoder(state_), payload, length, out, kMaxPacketSamples, 0);
  if (samples <= 0) return false;
  canRecover_ = opusToc(payload[0]).mode != OpusMode::Celt;
  return true;
}

bool OpusAudioDecoder::recover(const std::uint8_t* payload, std::size_t size, float* out) {
  const int samples = inspect(payload, size).recoverable;
  return samples > 0 &&
         opus_decode_float(decoder(state_), payload, static_cast<opus_int32>(size), out, samples, 1) == samples;
}

int OpusAudioDecoder::concealStep() const {
  return kSampleRateHz / 400;
}

void OpusAudioDecoder::conceal(int count, float* out) {
  const int made = opus_decode_float(decoder(state_), nullptr, 0, out, count, 0);
  std::fill(out + std::clamp(made, 0, count), out + count, 0.0f);
}

void OpusAudioDecoder::reset() {
  opus_decoder_ctl(decoder(state_), OPUS_RESET_STATE);
  canRecover_ = false;
}

std::size_t OpusAudioDecoder::bytes() const {
  return sizeof(*this) + stateSize();
}

}  // namespace mos
