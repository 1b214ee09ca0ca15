#pragma once
// One RTP stream: packets in, audio out. Time is an argument; the same packets with the same arrival
// times give the same audio, live and offline, however often advance() is called. Nothing is allocated
// after construction, and nothing that a packet contains is an error.
//
// The decoded signal is that of libopus given the same packets in sequence, DTX payloads included (their
// output is a break instead); what stands for losses, and what is a break: see playout.h.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "audio_sink.h"
#include "codecs.h"
#include "timestamp_check.h"

namespace mos {

struct PayloadType {
  std::uint8_t payloadType;
  Codec codec;
  std::uint32_t clockRateHz;
};

// Times are finite, 0 to 60,000 ms.
struct RtpStreamOptions {
  std::uint32_t ssrc = 0;
  std::vector<PayloadType> payloadTypes;  // all that the stream may carry; a clock rate of 0 makes one unknown
  std::uint8_t audioLevelId = 0;  // RFC 6464 header extension id; 0 = none
  double reorderMs = 60;          // how long a packet waits for one missing before it, at least (repair_wait.h)
  double concealMs = 120;         // how long the decoder makes audio up; then silence
  double gapMs = 1000;            // a longer jump is a break, not a loss
};

// Counted since creation. reset() keeps them.
struct RtpStreamStats {
  std::uint64_t packetsReceived = 0;  // of this SSRC, late, duplicate and unknown ones included
  std::uint64_t packetsExpected = 0;  // up to the newest one played; without those lost inside this host
  std::uint64_t packetsLost = 0;      // on the way; counted when the packet after them is played
  std::uint64_t packetsRepaired = 0;  // came again, later than reorderMs (repair_wait.h)
  std::uint64_t packetsRepairedLate = 0;  // of these: too late to be decoded, so counted in packetsLost too
  std::uint64_t packetsLate = 0;      // came after its time: counted as lost too
  std::uint64_t packetsDuplicate = 0;
  std::uint64_t packetsMalformed = 0;  // no RTP, of another SSRC, a stray sequence number, a broken payload
  std::uint64_t packetsOverload = 0;  // lost inside this host
  std::uint64_t packetsUnknownPayloadType = 0;
  std::uint64_t lossBursts = 0;  // runs of consecutive losses
  std::uint64_t rtcpPackets = 0;
  std::uint64_t restarts = 0;
  double jitterMs = 0;     // RFC 3550 §6.4.1
  double decodedMs = 0;    // from packets of their own
  double concealedMs = 0;  // made up for what was lost on the way (not for what this host lost)
  double fecRecoveredMs = 0;  // from in-band FEC or redundant payloads (RFC 2198) of later packets
  double silenceMs = 0;  // lost on the way, beyond concealment
  double dtxMs = 0;      // nothing sent, on purpose: DTX, pauses, comfort noise, telephone events
  double lastPacketMs = 0;  // arrival, Unix ms; 0 = none yet
  int unknownPayloadType = -1;  // of the newest packet, when at least 10 in a row, each within 150 ms, are none of the stream's
  int statedLevelDbov = 1;      // -127..0; 1 = not stated
  int bandwidthHz = 0;          // of the newest packet; 0 = none yet
  TimestampClock timestampClock = TimestampClock::Steady;  // Steady: as stated. Else sequence numbers are trusted instead
  double timestampRateHz = 0;   // that timestamps were found to count at; 0 = no audio yet
  bool undecodable = false;     // payloads are not of the stated codec (payload_check.h); no audio meanwhile
};

class RtpStream {
 public:
  RtpStream(const RtpStreamOptions& options, AudioSink& sink);
  ~RtpStream();
  RtpStream(const RtpStream&) = delete;
  RtpStream& operator=(const RtpStream&) = delete;

  // An RTP or RTCP packet (RFC 5761). Anything may be in it. `ownDrops` is the running count of packets
  // lost inside this host before this one: a gap across a change of it is ours, not the participant's.
  void onPacket(const std::uint8_t* data, std::size_t size, double arrivalMs, std::uint64_t ownDrops);

  // Deadlines up to nowMs come due, each as of its own time. Packets that arrived by then come first.
  void advance(double nowMs);

  // Unmuted, other source: what is held back and the decoder's memory are dropped, statistics stay.
  void reset();

  const RtpStreamStats& stats() const;

  // Fixed at construction, bytes.
  std::size_t bytes() const;
  std::size_t decoderBytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mos
