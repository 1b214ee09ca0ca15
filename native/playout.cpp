#include "playout.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "sequence_number.h"

namespace mos {
namespace {

constexpr std::int64_t kSamplesPerMs = kSampleRateHz / 1000;

constexpr std::int64_t kSlackSamples = 40;  // 2.5 ms: less than the shortest frame is an uneven clock

// So that a few packets with wide gaps between them are not turned into minutes of audio.
constexpr double kMostCreditMs = 5000;

double msOf(std::int64_t samples) {
  return static_cast<double>(samples) / kSamplesPerMs;
}

// What a loudspeaker can be given: decoded noise, which encrypted payloads are until they are noticed,
// may have any value.
float playable(float sample) {
  const float bounded = std::min(1.0f, std::max(-1.0f, sample));
  return sample == sample ? bounded : 0.0f;
}

std::int64_t samplesOf(double ms) {
  return static_cast<std::int64_t>(ms * kSamplesPerMs);
}

}  // namespace

Playout::Playout(const RtpStreamOptions& options, AudioSink& sink, RtpStreamStats& stats)
    : sink_(sink),
      stats_(stats),
      concealSamples_(samplesOf(options.concealMs)),
      gapSamples_(samplesOf(options.gapMs)) {
  for (const PayloadType& type : options.payloadTypes) {
    const CodecDefinition* codec = findCodec(type.codec);
    if (!codec || !codec->makeDecoder || decoderOf(type.codec)) continue;
    decoders_.push_back({type.codec, codec->makeDecoder()});
  }
  decoders_.shrink_to_fit();
}

AudioDecoder* Playout::decoderOf(Codec codec) const {
  for (const CodecDecoder& each : decoders_) {
    if (each.codec == codec) return each.decoder.get();
  }
  return nullptr;
}

double Playout::durationMs(const PayloadType& type, const std::uint8_t* payload, std::size_t size) const {
  const AudioDecoder* decoder = decoderOf(type.codec);
  return decoder ? msOf(decoder->inspect(payload, size).samples) : 0;
}

std::size_t Playout::decoderBytes() const {
  std::size_t sum = decoders_.capacity() * sizeof(CodecDecoder);
  for (const CodecDecoder& each : decoders_) sum += each.decoder->bytes();
  return sum;
}

void Playout::begin(std::int64_t sequence, std::uint64_t ownDrops) {
  nextSequence_ = sequence;
  lastOwnDrops_ = ownDrops;
}

void Playout::reset() {
  hush();
  type_ = nullptr;  // the decoder is reset when it is next used
  following_ = false;
  quiet_ = false;
  hole_ = {};
  for (const CodecDecoder& each : decoders_) each.decoder->check().reset();
  lastRecovered_ = false;
  timestamps_.reset();
  clock_.reset();
  stats_.undecodable = false;
  stats_.timestampClock = TimestampClock::Steady;
}

void Playout::play(const MediaPacket& packet) {
  countLoss(packet);
  if (!isAudio(packet.type)) {
    earnCredit(packet.arrivalMs);
    hush();
    hole_ = {};
    quiet_ = true;
    if (!packet.type) following_ = false;
    return;
  }
  AudioDecoder& decoder = *decoderOf(packet.type->codec);
  if (!type_ || packet.type->codec != type_->codec || packet.type->clockRateHz != type_->clockRateHz) {
    reset();
    decoder.reset();
    type_ = packet.type;
  }
  std::array<float, kMaxPacketSamples> audio;
  PayloadInfo info = decoder.inspect(packet.payload, packet.payloadSize);
  if (packet.payloadSize == 0) info.silent = true;
  const std::int64_t position = locate(packet, info);
  earnCredit(packet.arrivalMs);
  const double startMs = clock_.map(msOf(position), packet.arrivalMs);
  if (!believable(packet, position)) return;

  if (info.samples == 0 && !info.silent) {
    ++stats_.packetsMalformed;
    ++hole_.packets;  // the packet after it may restore it
    return;
  }
  if (following_) bridge(packet, info, position - nextPosition_, startMs, audio.data());
  hole_ = {};
  nextPosition_ = position;
  if (info.samples == 0) {
    hush();
    quiet_ = true;
    return;
  }
  following_ = true;
  lastSamples_ = info.samples;
  stats_.bandwidthHz = info.bandwidthHz;
  if (!decoder.decode(packet.payload, packet.payloadSize, audio.data())) {
    ++stats_.packetsMalformed;
    ++hole_.packets;
    decoder.check().failed();
    return;
  }
  decoder.check().decoded(audio.data(), info.samples);
  nextPosition_ += info.samples;
  quiet_ = info.silent;
  if (info.silent) {
    pause(info.samples);
  } else {
    (packet.redundant ? stats_.fecRecoveredMs : stats_.decodedMs) += msOf(info.samples);
    sound(audio.data(), info.samples, startMs, packet.redundant ? Origin::FecRecovered : Origin::Received);
  }
}

// Where the packet begins on the timeline of the stream.
std::int64_t Playout::locate(const MediaPacket& packet, const PayloadInfo& info) {
  const auto clockRateHz = std::int64_t{type_->clockRateHz};
  const TimestampClock before = timestamps_.clock();
  timestamps_.add(packet.sequence, 1000.0 * static_cast<double>(packet.timestamp) / static_cast<double>(clockRateHz),
                  msOf(info.samples), info.silent, packet.arrivalMs);
  const TimestampClock now = timestamps_.clock();
  stats_.timestampClock = now;
  stats_.timestampRateHz = timestamps_.rate() * static_cast<double>(clockRateHz);
  const bool steady = now == TimestampClock::Steady;
  if (now != before) {
    decoderOf(type_->codec)->check().clockChanged();
    clock_.reset();
  }

  const std::int64_t lost = hole_.packets * std::max(lastSamples_, info.samples);
  const std::int64_t stated = rescale(packet.timestamp, clockRateHz, kSampleRateHz);
  if (steady) {
    if (now != before) nextPosition_ = stated - lost;
    return stated;
  }
  if (!following_) {
    clock_.reset();
    return nextPosition_;
  }
  const double expectedMs = packetMs() + msOf(lost), elapsedMs = packet.arrivalMs - lastArrivalMs_;
  const std::int64_t paused = elapsedMs > expectedMs + kArrivalPauseMs ? samplesOf(elapsedMs - expectedMs) : 0;
  return nextPosition_ + lost + paused;
}

void Playout::countLoss(const MediaPacket& packet) {
  const std::int64_t lost = packet.sequence - nextSequence_;
  const bool ours = packet.ownDrops != lastOwnDrops_;
  if (lost > 0) count(static_cast<std::uint64_t>(lost), ours);
  if (packet.redundant) count(1, ours);
  else ++stats_.packetsExpected;
  lastRecovered_ = packet.redundant;
  hole_.packets += lost;
  hole_.ours = hole_.ours || (lost > 0 && ours);
  nextSequence_ = packet.sequence + 1;
  lastOwnDrops_ = packet.ownDrops;
}

// Packets lost right before the next one.
void Playout::count(std::uint64_t lost, bool ours) {
  if (ours) {
    stats_.packetsOverload += lost;
    return;
  }
  stats_.packetsLost += lost;
  stats_.packetsExpected += lost;
  if (!std::exchange(lastRecovered_, true)) ++stats_.lossBursts;
}

// Lost time is made up only as fast as time goes by.
void Playout::earnCredit(double arrivalMs) {
  if (arrivalMs <= lastArrivalMs_) return;
  creditMs_ = std::min(kMostCreditMs, creditMs_ + arrivalMs - lastArrivalMs_);
  lastArrivalMs_ = arrivalMs;
}

// While payloads are not of the stated codec, nothing is decoded.
bool Playout::believable(const MediaPacket& packet, std::int64_t position) {
  if (packet.payloadSize == 0) return !stats_.undecodable;
  AudioDecoder& decoder = *decoderOf(type_->codec);
  PayloadCheck& check = decoder.check();
  check.add(packet.payload, packet.payloadSize, packet.sequence, rescale(position, kSampleRateHz, 48000));
  const bool before = std::exchange(stats_.undecodable, check.undecodable());
  if (stats_.undecodable == before) return !stats_.undecodable;
  hush();
  decoder.reset();
  following_ = false;
  hole_ = {};
  return !stats_.undecodable;
}

void Playout::bridge(const MediaPacket& packet, const PayloadInfo& info, std::int64_t jump, double packetStartMs,
                     float* audio) {
  const Hole missing = std::exchange(hole_, {});
  if (std::abs(jump) < kSlackSamples) return;
  if (missing.packets == 0 && !quiet_ && std::abs(jump) < lastSamples_) return;
  if (jump < 0) return hush();
  if (missing.packets == 0) return pause(jump);
  if (jump > gapSamples_) return hush();

  const std::int64_t lost = std::min(jump, missing.packets * std::max(lastSamples_, info.samples));
  if (msOf(lost) > creditMs_) return hush();
  creditMs_ -= msOf(lost);
  const std::int64_t restored = info.recoverable <= lost ? info.recoverable : 0;
  const Origin origin = missing.ours ? Origin::Overload : Origin::Concealed;
  const bool pauseFirst = quiet_;
  if (lost < jump && pauseFirst) pause(jump - lost);
  makeUp(lost - restored, packetStartMs - msOf(pauseFirst ? lost : jump), origin, audio);
  if (lost < jump && !pauseFirst) pause(jump - lost);
  if (restored == 0) return;
  const double startMs = packetStartMs - msOf(restored);
  if (!decoderOf(type_->codec)->recover(packet.payload, packet.payloadSize, audio)) {
    return makeUp(restored, startMs, origin, audio);
  }
  stats_.fecRecoveredMs += msOf(restored);
  sound(audio, static_cast<int>(restored), startMs, Origin::FecRecovered);
}

void Playout::makeUp(std::int64_t samples, double startMs, Origin origin, float* audio) {
  AudioDecoder& decoder = *decoderOf(type_->codec);
  const int step = decoder.concealStep();
  const std::int64_t concealed = std::min(samples, concealSamples_) / step * step;
  const auto most = static_cast<std::int64_t>(std::max(step, lastSamples_ / step * step));
  for (std::int64_t done = 0; done < samples;) {
    const bool silence = done >= concealed;
    const auto count = static_cast<int>(std::min((silence ? samples : concealed) - done, most));
    if (silence) std::fill_n(audio, count, 0.0f);
    else decoder.conceal(count, audio);
    sound(audio, count, startMs + msOf(done), origin);
    if (origin == Origin::Concealed) (silence ? stats_.silenceMs : stats_.concealedMs) += msOf(count);
    done += count;
  }
}

void Playout::sound(float* audio, int samples, double startMs, Origin origin) {
  for (int i = 0; i < samples; ++i) audio[i] = playable(audio[i]);
  const double delayMs = decoderOf(type_->codec)->delayMs();
  sink_.onAudio({audio, static_cast<std::size_t>(samples), startMs - delayMs, origin});
  sounding_ = true;
}

void Playout::pause(std::int64_t samples) {
  hush();
  stats_.dtxMs += msOf(samples);
}

void Playout::hush() {
  if (sounding_) sink_.onBreak();
  sounding_ = false;
}

}  // namespace mos
