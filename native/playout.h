#pragma once
// Packets in sequence to audio: which decoder, what stands for the packets that are missing, and what
// is no loss at all.
//
// Between consecutive sequence numbers:
//   the timestamp jumps ahead by a packet or more  -> a pause (discontinuous transmission, mute): onBreak(), nothing is made up
//   it differs by less                             -> an uneven clock: the audio goes on
// Where sequence numbers are missing, the time between the packets around them is lost, at most the longer of their
// durations for each; what is over was a pause. Of lost time
//   the last frame is restored by the in-band FEC of the packet after it, when it carries it;
//   before that the decoder conceals, one call for each packet of the duration of the last one, up to concealMs;
//   the rest is digital silence.
// A jump beyond gapMs is a break only, and so is lost time that adds up to more than went by between the arrivals of packets
// (give or take 5 s). Comfort noise, telephone events and unknown payload types are breaks; losses next to them are counted,
// but nothing is made up for them.
//
// Timestamps that do not count the time of the audio (timestamp_check.h) are not used: packets follow each other by sequence
// number, each lost one lasts as long as the one before it, and a pause is what took more than 200 ms longer to arrive.
#include <cstdint>
#include <memory>
#include <vector>

#include "audio_decoder.h"
#include "audio_sink.h"
#include "reorder_buffer.h"
#include "rtp_stream.h"
#include "sender_clock.h"
#include "timestamp_check.h"

namespace mos {

class Playout {
 public:
  Playout(const RtpStreamOptions& options, AudioSink& sink, RtpStreamStats& stats);

  // The decoder of a payload type of the stream, when it carries audio.
  bool isAudio(const PayloadType* type) const { return type && decoderOf(type->codec); }

  // Duration that a payload claims, ms; 0 when it is none of its type.
  double durationMs(const PayloadType& type, const std::uint8_t* payload, std::size_t size) const;

  // Nothing before this packet is missing.
  void begin(std::int64_t sequence, std::uint64_t ownDrops);

  // The next packet; sequence numbers between the last one and this one are lost.
  void play(const MediaPacket& packet);

  // Forgets earlier audio. Ends what is sounding.
  void reset();

  // Duration of the last packet, ms.
  double packetMs() const { return 1000.0 * lastSamples_ / kSampleRateHz; }

  std::size_t decoderBytes() const;

 private:
  struct Hole {
    std::int64_t packets = 0;
    bool ours = false;
  };

  AudioDecoder* decoderOf(Codec codec) const;
  void countLoss(const MediaPacket& packet);
  void count(std::uint64_t lost, bool ours);
  void earnCredit(double arrivalMs);
  std::int64_t locate(const MediaPacket& packet, const PayloadInfo& info);
  bool believable(const MediaPacket& packet, std::int64_t position);
  void bridge(const MediaPacket& packet, const PayloadInfo& info, std::int64_t jump, double packetStartMs, float* audio);
  void makeUp(std::int64_t samples, double startMs, Origin origin, float* audio);
  void sound(float* audio, int samples, double startMs, Origin origin);
  void pause(std::int64_t samples);
  void hush();

  AudioSink& sink_;
  RtpStreamStats& stats_;
  std::int64_t concealSamples_;
  std::int64_t gapSamples_;
  struct CodecDecoder {
    Codec codec;
    std::unique_ptr<AudioDecoder> decoder;
  };
  std::vector<CodecDecoder> decoders_;  // one for each codec of the stream that carries audio

  std::int64_t nextSequence_ = 0;
  std::uint64_t lastOwnDrops_ = 0;
  bool lastRecovered_ = false;  // the last packet was lost, and restored from a redundant payload
  Hole hole_;  // before the next packet
  const PayloadType* type_ = nullptr;  // of the decoder in use
  bool following_ = false;             // nextPosition_ is known
  // On the stream's timeline, in samples at 16 kHz: timestamps where they are steady, else a count.
  std::int64_t nextPosition_ = 0;
  TimestampCheck timestamps_;
  SenderClock clock_;
  int lastSamples_ = 0;    // duration of the last packet
  bool quiet_ = false;     // the last packet was a silent one
  double creditMs_ = 0;    // of lost time that may still be made up
  double lastArrivalMs_ = 0;  // latest so far
  bool sounding_ = false;  // audio went to the sink since the last break
};

}  // namespace mos
