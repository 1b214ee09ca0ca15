#include "playout.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "audio_decoder_g711.h"
#include "audio_decoder_opus.h"
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
    if (type.codec == Codec::Opus && !opus_) opus_ = std::make_unique<OpusAudioDecoder>();
    if (type.codec == Codec::Pcmu && !pcmu_) pcmu_ = std::make_unique<G711AudioDecoder>(G711Law::Mu);
    if (type.codec == Codec::Pcma && !pcma_) pcma_ = std::make_unique<G711AudioDecoder>(G711Law::A);
  }
}

AudioDecoder* Playout::decoderOf(Codec codec) const {
  switch (codec) {
    case Codec::Opus: return opus_.get();
    case Codec::Pcmu: return pcmu_.get();
    case Codec::Pcma: return pcma_.get();
    case Codec::ComfortNoise:
    case Codec::TelephoneEvent: break;
  }
  return nullptr;
}

std::size_t Playout::decoderBytes() const {
  std::size_t sum = 0;
  for (const AudioDecoder* decoder : {opus_.get(), pcmu_.get(), pcma_.get()}) sum += decoder ? decoder->bytes() : 0;
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
  check_.reset();
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
    if (type_->codec == Codec::Opus) check_.failed();
    return;
  }
  if (type_->codec == Codec::Opus) check_.decoded(audio.data(), info.samples);
  nextPosition_ += info.samples;
  quiet_ = info.silent;
  if (info.silent) {
    pause(info.samples);
  } else {
    stats_.decodedMs += msOf(info.samples);
    sound(audio.data(), info.samples, startMs, Origin::Received);
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
    check_.clockChanged();
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
  const bool ours = lost > 0 && packet.ownDrops != lastOwnDrops_;
  if (ours) {
    stats_.packetsOverload += static_cast<std::uint64_t>(lost);
  } else if (lost > 0) {
    stats_.packetsLost += static_cast<std::uint64_t>(lost);
    stats_.packetsExpected += static_cast<std::uint64_t>(lost);
    ++stats_.lossBursts;
  }
  ++stats_.packetsExpected;
  hole_.packets += lost;
  hole_.ours = hole_.ours || ours;
  nextSequence_ = packet.sequence + 1;
  lastOwnDrops_ = packet.ownDrops;
}

// Lost time is made up only as fast as time goes by.
void Playout::earnCredit(double arrivalMs) {
  if (arrivalMs <= lastArrivalMs_) return;
  creditMs_ = std::min(kMostCreditMs, creditMs_ + arrivalMs - lastArrivalMs_);
  lastArrivalMs_ = arrivalMs;
}

// While payloads are not what they say they are, nothing is decoded.
bool Playout::believable(const MediaPacket& packet, std::int64_t position) {
  if (type_->codec != Codec::Opus) return true;
  if (packet.payloadSize == 0) return !stats_.undecodable;
  check_.add(packet.payload, packet.payloadSize, packet.sequence, rescale(position, kSampleRateHz, 48000));
  const bool before = std::exchange(stats_.undecodable, check_.undecodable());
  if (stats_.undecodable == before) return !stats_.undecodable;
  hush();
  opus_->reset();
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
