#pragma once
// What the tests of packets and audio share: speech, libopus used plainly, RTP packets, a sink that remembers.
#include <doctest/doctest.h>
#include <opus/opus.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "audio_sink.h"
#include "rtp_stream.h"

namespace mos::test {

using Bytes = std::vector<std::uint8_t>;
using Samples = std::vector<float>;

// 16 kHz mono clip of test/fixtures/speech; tests run in the repository's root.
inline Samples readSpeech(const std::string& name) {
  const std::string path = "test/fixtures/speech/" + name + ".wav";
  std::FILE* file = std::fopen(path.c_str(), "rb");
  REQUIRE_MESSAGE(file != nullptr, path);
  std::vector<std::int16_t> pcm(16000 * 60);
  std::fseek(file, 44, SEEK_SET);
  pcm.resize(std::fread(pcm.data(), sizeof(std::int16_t), pcm.size(), file));
  std::fclose(file);
  Samples out;
  for (const std::int16_t sample : pcm) out.push_back(static_cast<float>(sample) / 32768.0f);
  return out;
}

// To 48 kHz by straight lines: leaves images above 8 kHz, which gives the encoder a full band to code.
inline Samples to48k(const Samples& in) {
  Samples out;
  for (std::size_t i = 0; i + 1 < in.size(); ++i) {
    for (int k = 0; k < 3; ++k) out.push_back(in[i] + (in[i + 1] - in[i]) * static_cast<float>(k) / 3.0f);
  }
  return out;
}

enum class ForcedMode { None = 0, Silk = 1000, Hybrid = 1001, Celt = 1002 };

struct Encoding {
  double frameMs = 20;
  int bitrate = 24000;
  int channels = 1;
  bool fec = false;
  int lossPercent = 0;
  bool dtx = false;
  bool vbr = true;
  int complexity = 9;
  int application = OPUS_APPLICATION_VOIP;
  ForcedMode mode = ForcedMode::None;
};

struct OpusDestroy {
  void operator()(OpusEncoder* encoder) const { opus_encoder_destroy(encoder); }
  void operator()(OpusDecoder* decoder) const { opus_decoder_destroy(decoder); }
};
using EncoderHandle = std::unique_ptr<OpusEncoder, OpusDestroy>;
using DecoderHandle = std::unique_ptr<OpusDecoder, OpusDestroy>;

// Encodes at 48 kHz; stereo gets the clip on one side and a fainter, delayed one on the other.
inline std::vector<Bytes> encode(const Samples& speech16k, const Encoding& how) {
  constexpr int kForceMode = 11002;  // OPUS_SET_FORCE_MODE, not in the public header
  const Samples mono = to48k(speech16k);
  int error = 0;
  EncoderHandle encoder(opus_encoder_create(48000, how.channels, how.application, &error));
  REQUIRE(error == OPUS_OK);
  const int bandwidth = how.mode == ForcedMode::Silk ? OPUS_BANDWIDTH_WIDEBAND : OPUS_BANDWIDTH_FULLBAND;
  REQUIRE(opus_encoder_ctl(encoder.get(), OPUS_SET_BITRATE(how.bitrate)) == OPUS_OK);
  REQUIRE(opus_encoder_ctl(encoder.get(), OPUS_SET_INBAND_FEC(how.fec ? 1 : 0)) == OPUS_OK);
  REQUIRE(opus_encoder_ctl(encoder.get(), OPUS_SET_PACKET_LOSS_PERC(how.lossPercent)) == OPUS_OK);
  REQUIRE(opus_encoder_ctl(encoder.get(), OPUS_SET_DTX(how.dtx ? 1 : 0)) == OPUS_OK);
  REQUIRE(opus_encoder_ctl(encoder.get(), OPUS_SET_VBR(how.vbr ? 1 : 0)) == OPUS_OK);
  REQUIRE(opus_encoder_ctl(encoder.get(), OPUS_SET_COMPLEXITY(how.complexity)) == OPUS_OK);
  if (how.mode != ForcedMode::None) {
    REQUIRE(opus_encoder_ctl(encoder.get(), kForceMode, static_cast<opus_int32>(how.mode)) == OPUS_OK);
    REQUIRE(opus_encoder_ctl(encoder.get(), OPUS_SET_BANDWIDTH(bandwidth)) == OPUS_OK);
  }
  const auto frame = static_cast<std::size_t>(how.frameMs * 48);
  const auto channels = static_cast<std::size_t>(how.channels);
  std::vector<Bytes> packets;
  Samples in(frame * channels);
  for (std::size_t at = 0; at + frame <= mono.size(); at += frame) {
    for (std::size_t i = 0; i < frame; ++i) {
      in[i * channels] = mono[at + i];
      if (channels == 2) in[2 * i + 1] = at + i >= 48 ? 0.4f * mono[at + i - 48] : 0.0f;
    }
    Bytes packet(1276 * 3);
    const int size = opus_encode_float(encoder.get(), in.data(), static_cast<int>(frame), packet.data(),
                                       static_cast<opus_int32>(packet.size()));
    REQUIRE(size > 0);
    packet.resize(static_cast<std::size_t>(size));
    packets.push_back(packet);
  }
  return packets;
}

// libopus used plainly, as the reference.
class PlainOpus {
 public:
  PlainOpus() {
    int error = 0;
    decoder_.reset(opus_decoder_create(kSampleRateHz, 1, &error));
    REQUIRE(error == OPUS_OK);
  }
  Samples decode(const Bytes& packet) { return run(packet.data(), packet.size(), 1920, 0); }
  Samples conceal(int samples) { return run(nullptr, 0, samples, 0); }
  Samples recover(const Bytes& next, int samples) { return run(next.data(), next.size(), samples, 1); }

 private:
  Samples run(const std::uint8_t* data, std::size_t size, int samples, int fec) {
    Samples out(static_cast<std::size_t>(samples));
    const int count = opus_decode_float(decoder_.get(), data, static_cast<opus_int32>(size), out.data(), samples, fec);
    REQUIRE(count > 0);
    out.resize(static_cast<std::size_t>(count));
    return out;
  }
  DecoderHandle decoder_;
};

inline Samples decodePlainly(const std::vector<Bytes>& packets) {
  PlainOpus opus;
  Samples out;
  for (const Bytes& packet : packets) {
    const Samples audio = opus.decode(packet);
    out.insert(out.end(), audio.begin(), audio.end());
  }
  return out;
}

struct RtpFields {
  std::uint8_t payloadType = 111;
  std::uint16_t sequenceNumber = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0x1234;
  bool marker = false;
  std::vector<std::uint32_t> csrcs = {};
  std::uint16_t extensionProfile = 0;
  Bytes extension = {};  // a multiple of four bytes
  std::uint8_t padding = 0;
};

inline void put(Bytes& out, std::uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

inline Bytes rtp(const RtpFields& fields, const Bytes& payload) {
  Bytes out;
  const bool extended = fields.extensionProfile != 0;
  out.push_back(static_cast<std::uint8_t>(0x80 | (fields.padding > 0 ? 0x20 : 0) | (extended ? 0x10 : 0) |
                                          static_cast<int>(fields.csrcs.size())));
  out.push_back(static_cast<std::uint8_t>((fields.marker ? 0x80 : 0) | fields.payloadType));
  put(out, fields.sequenceNumber, 2);
  put(out, fields.timestamp, 4);
  put(out, fields.ssrc, 4);
  for (const std::uint32_t csrc : fields.csrcs) put(out, csrc, 4);
  if (extended) {
    put(out, fields.extensionProfile, 2);
    put(out, static_cast<std::uint32_t>(fields.extension.size() / 4), 2);
    out.insert(out.end(), fields.extension.begin(), fields.extension.end());
  }
  out.insert(out.end(), payload.begin(), payload.end());
  for (int i = 0; i < fields.padding; ++i) out.push_back(i + 1 == fields.padding ? fields.padding : 0);
  return out;
}

// Remembers everything it is told.
class Recorder : public AudioSink {
 public:
  struct Event {
    enum class Kind { Audio, Break, Restart } kind;
    Samples samples = {};
    double startMs = 0;
    Origin origin = Origin::Received;
  };

  void onAudio(const AudioChunk& chunk) override {
    events.push_back({Event::Kind::Audio, Samples(chunk.samples, chunk.samples + chunk.count), chunk.startMs, chunk.origin});
  }
  void onBreak() override { events.push_back({Event::Kind::Break}); }
  void onRestart() override { events.push_back({Event::Kind::Restart}); }

  int count(Event::Kind kind) const {
    int n = 0;
    for (const Event& event : events) n += event.kind == kind ? 1 : 0;
    return n;
  }
  int breaks() const { return count(Event::Kind::Break); }
  int restarts() const { return count(Event::Kind::Restart); }
  Samples audio() const {
    Samples out;
    for (const Event& event : events) out.insert(out.end(), event.samples.begin(), event.samples.end());
    return out;
  }
  Samples audio(Origin origin) const {
    Samples out;
    for (const Event& event : events) {
      if (event.kind == Event::Kind::Audio && event.origin == origin) {
        out.insert(out.end(), event.samples.begin(), event.samples.end());
      }
    }
    return out;
  }
  double ms(Origin origin) const { return static_cast<double>(audio(origin).size()) / 16.0; }

  std::vector<Event> events;
};

constexpr double kStartMs = 1.7e12;  // some Unix time
constexpr std::uint8_t kOpusType = 111;
constexpr std::uint8_t kPcmuType = 0;
constexpr std::uint8_t kPcmaType = 8;
constexpr std::uint8_t kComfortNoiseType = 13;
constexpr std::uint8_t kTelephoneEventType = 110;

inline RtpStreamOptions streamOptions() {
  RtpStreamOptions options;
  options.ssrc = 0x1234;
  options.payloadTypes = {{kOpusType, Codec::Opus, 48000},
                          {kPcmuType, Codec::Pcmu, 8000},
                          {kPcmaType, Codec::Pcma, 8000},
                          {kComfortNoiseType, Codec::ComfortNoise, 8000},
                          {kTelephoneEventType, Codec::TelephoneEvent, 48000}};
  options.audioLevelId = 1;
  return options;
}

// A stream, its sink, and a sender that numbers packets and lets its clock run.
struct Call {
  explicit Call(const RtpStreamOptions& options = streamOptions()) : stream(options, sink) {}

  // Sends the payload as the next one, or only lets its number and time pass.
  void send(const Bytes& payload, double durationMs, bool lost = false) {
    if (!lost) deliver(packet(payload));
    skip(durationMs);
  }
  Bytes packet(const Bytes& payload) const { return rtp(fields, payload); }
  void deliver(const Bytes& datagram) { stream.onPacket(datagram.data(), datagram.size(), nowMs, hostDrops); }
  void skip(double durationMs) {
    ++fields.sequenceNumber;
    pause(durationMs);
  }
  void pause(double durationMs) {
    fields.timestamp += static_cast<std::uint32_t>(std::lround(durationMs * clockKhz));
    nowMs += durationMs;
  }
  const RtpStreamStats& stats() const { return stream.stats(); }

  Recorder sink;
  RtpStream stream;
  RtpFields fields;
  double clockKhz = 48;
  double nowMs = kStartMs;
  std::uint64_t hostDrops = 0;
};

}  // namespace mos::test
