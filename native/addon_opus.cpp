#include "addon_opus.h"

#include <opus.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "addon_values.h"
#include "audio_sink.h"

namespace mos {
namespace {

constexpr int kMostSamplesPerPacket = kSampleRateHz * 120 / 1000;  // RFC 6716 §2.1.4
constexpr opus_int32 kMostBytesPerPacket = 1275 * 6;               // RFC 6716 §3.2.1: 60 ms may be three frames

using Encoder = std::unique_ptr<OpusEncoder, void (*)(OpusEncoder*)>;
using Decoder = std::unique_ptr<OpusDecoder, void (*)(OpusDecoder*)>;

int bandwidthOf(int hz) {
  switch (hz) {
    case 4000: return OPUS_BANDWIDTH_NARROWBAND;
    case 6000: return OPUS_BANDWIDTH_MEDIUMBAND;
    case 8000: return OPUS_BANDWIDTH_WIDEBAND;
    case 12000: return OPUS_BANDWIDTH_SUPERWIDEBAND;
    case 20000: return OPUS_BANDWIDTH_FULLBAND;
    default: return 0;
  }
}

}  // namespace

Napi::Value encodeOpus(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Reader reader(env);
  const Napi::Object options = reader.object(info[1], "options");
  const auto integer = [&](const char* name, double lowest, double highest) {
    return static_cast<int>(reader.integer(reader.property(options, name), name, lowest, highest));
  };
  const int sampleRateHz = integer("sampleRateHz", 8000, 48000);
  const int channels = integer("channels", 1, 2);
  const int bitrate = integer("bitrate", 500, 512000);
  const double frameMs = reader.number(reader.property(options, "frameMs"), "frameMs", 2.5, 60);
  const int complexity = integer("complexity", 0, 10);
  const bool fec = reader.boolean(reader.property(options, "fec"), "fec");
  const int packetLossPercent = integer("packetLossPercent", 0, 100);
  const bool dtx = reader.boolean(reader.property(options, "dtx"), "dtx");
  const int maxBandwidthHz = integer("maxBandwidthHz", 0, 20000);
  const int application = integer("application", OPUS_APPLICATION_VOIP, OPUS_APPLICATION_RESTRICTED_LOWDELAY);
  const Napi::Float32Array samples = reader.float32Array(info[0], "samples");  // last: a getter may have detached it
  if (!reader.ok()) return env.Undefined();
  if (maxBandwidthHz != 0 && bandwidthOf(maxBandwidthHz) == 0) {
    reader.rangeError("maxBandwidthHz must be 0, 4000, 6000, 8000, 12000 or 20000, is " + std::to_string(maxBandwidthHz));
    return env.Undefined();
  }

  int status = OPUS_OK;
  const Encoder encoder(opus_encoder_create(sampleRateHz, channels, application, &status), opus_encoder_destroy);
  const auto set = [&](int result) {
    if (status == OPUS_OK) status = result;
  };
  if (encoder != nullptr) {
    set(opus_encoder_ctl(encoder.get(), OPUS_SET_BITRATE(bitrate)));
    set(opus_encoder_ctl(encoder.get(), OPUS_SET_COMPLEXITY(complexity)));
    set(opus_encoder_ctl(encoder.get(), OPUS_SET_INBAND_FEC(fec ? 1 : 0)));
    set(opus_encoder_ctl(encoder.get(), OPUS_SET_PACKET_LOSS_PERC(packetLossPercent)));
    set(opus_encoder_ctl(encoder.get(), OPUS_SET_DTX(dtx ? 1 : 0)));
    if (maxBandwidthHz != 0) {
      set(opus_encoder_ctl(encoder.get(), OPUS_SET_MAX_BANDWIDTH(bandwidthOf(maxBandwidthHz))));
    }
  }
  const double frameLength = sampleRateHz * frameMs / 1000.0;
  const int frameSamples = static_cast<int>(frameLength);
  Napi::Array packets = Napi::Array::New(env);
  std::vector<unsigned char> packet(kMostBytesPerPacket);
  const std::size_t step = static_cast<std::size_t>(frameSamples) * static_cast<std::size_t>(channels);
  std::uint32_t count = 0;
  // What does not fill a frame at the end is left out.
  for (std::size_t at = 0; status == OPUS_OK && at + step <= samples.ElementLength(); at += step) {
    const opus_int32 size =
        opus_encode_float(encoder.get(), samples.Data() + at, frameSamples, packet.data(), kMostBytesPerPacket);
    if (size < 0) {
      status = size;
      break;
    }
    Napi::Uint8Array bytes = Napi::Uint8Array::New(env, static_cast<std::size_t>(size));
    std::memcpy(bytes.Data(), packet.data(), static_cast<std::size_t>(size));
    packets.Set(count++, bytes);
  }
  if (status != OPUS_OK) {
    reader.rangeError("libopus does not encode " + std::to_string(sampleRateHz) + " Hz, frameMs " +
                      std::to_string(frameMs) + ", application " + std::to_string(application) + ": " +
                      opus_strerror(status));
    return env.Undefined();
  }
  return packets;
}

Napi::Value decodeOpus(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Reader reader(env);
  const Napi::Array packets = reader.array(info[0], "packets");
  if (!reader.ok()) return env.Undefined();

  int status = OPUS_OK;
  const Decoder decoder(opus_decoder_create(kSampleRateHz, 1, &status), opus_decoder_destroy);
  std::vector<float> samples;
  for (std::uint32_t i = 0; status == OPUS_OK && i < packets.Length(); ++i) {
    const std::string name = "packets[" + std::to_string(i) + "]";
    const Napi::Uint8Array packet = reader.uint8Array(reader.element(packets, i), name);
    if (!reader.ok()) return env.Undefined();
    if (packet.ByteLength() == 0) {
      reader.rangeError(name + " is empty");
      return env.Undefined();
    }
    const std::size_t end = samples.size();
    samples.resize(end + kMostSamplesPerPacket);
    const int decoded = opus_decode_float(decoder.get(), packet.Data(), static_cast<opus_int32>(packet.ByteLength()),
                                          samples.data() + end, kMostSamplesPerPacket, 0);
    samples.resize(end + static_cast<std::size_t>(decoded > 0 ? decoded : 0));
    if (decoded < 0) status = decoded;
    if (status != OPUS_OK) {
      reader.rangeError(name + " is no Opus packet: " + opus_strerror(status));
      return env.Undefined();
    }
  }
  Napi::Float32Array result = Napi::Float32Array::New(env, samples.size());
  if (!samples.empty()) std::memcpy(result.Data(), samples.data(), samples.size() * sizeof(float));
  return result;
}

Napi::Value decodeOpusStreams(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Reader reader(env);
  const Napi::Array clips = reader.array(info[0], "clips");
  const auto streams = static_cast<std::size_t>(reader.integer(info[1], "streams", 1, 100000));
  const auto packetsPerStream = static_cast<std::size_t>(reader.integer(info[2], "packetsPerStream", 1, 1e6));
  std::vector<std::vector<std::vector<unsigned char>>> encoded;
  for (std::uint32_t i = 0; reader.ok() && i < clips.Length(); ++i) {
    const std::string name = "clips[" + std::to_string(i) + "]";
    const Napi::Array packets = reader.array(reader.element(clips, i), name);
    encoded.emplace_back();
    for (std::uint32_t k = 0; reader.ok() && k < packets.Length(); ++k) {
      const Napi::Uint8Array packet = reader.uint8Array(reader.element(packets, k), name + "[" + std::to_string(k) + "]");
      if (!reader.ok()) break;
      if (packet.ByteLength() == 0) reader.rangeError(name + "[" + std::to_string(k) + "] is empty");
      encoded.back().emplace_back(packet.Data(), packet.Data() + packet.ByteLength());
    }
    if (reader.ok() && encoded.back().empty()) reader.rangeError(name + " has no packets");
  }
  if (reader.ok() && encoded.empty()) reader.rangeError("clips is empty");
  if (!reader.ok()) return env.Undefined();

  int status = OPUS_OK;
  std::vector<Decoder> decoders;
  for (std::size_t i = 0; i < streams; ++i) {
    decoders.emplace_back(opus_decoder_create(kSampleRateHz, 1, &status), opus_decoder_destroy);
  }
  std::vector<float> samples(kMostSamplesPerPacket);
  double total = 0;
  for (std::size_t k = 0; status == OPUS_OK && k < packetsPerStream; ++k) {
    for (std::size_t i = 0; status == OPUS_OK && i < streams; ++i) {
      constexpr std::size_t kStagger = 37;  // packets: no two streams have the same audio at a time
      const auto& clip = encoded[i % encoded.size()];
      const auto& packet = clip[(i * kStagger + k) % clip.size()];
      const int decoded = opus_decode_float(decoders[i].get(), packet.data(), static_cast<opus_int32>(packet.size()),
                                            samples.data(), kMostSamplesPerPacket, 0);
      if (decoded < 0) status = decoded;
      total += decoded;
    }
  }
  if (status != OPUS_OK) {
    reader.rangeError(std::string("a packet of clips is no Opus packet: ") + opus_strerror(status));
    return env.Undefined();
  }
  return Napi::Number::New(env, total);
}

}  // namespace mos
