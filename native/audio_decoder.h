#pragma once
// What RtpStream asks of a codec. All counts are samples at 16 kHz mono; all state is taken at construction.
#include <cstddef>
#include <cstdint>

#include "payload_check.h"

namespace mos {

// 200 ms: the most that a receiver should expect in one packet (RFC 3551 §4.2); Opus stops at 120 ms.
constexpr int kMaxPacketSamples = 3200;

// What is known of a payload before it is decoded.
struct PayloadInfo {
  int samples = 0;        // duration it claims, at most kMaxPacketSamples; 0: not a payload of this codec
  bool silent = false;    // no audio in it: the encoder's discontinuous transmission
  int recoverable = 0;    // samples right before it that it can restore (in-band FEC)
  int bandwidthHz = 0;    // audio bandwidth
};

class AudioDecoder {
 public:
  virtual ~AudioDecoder() = default;

  virtual PayloadInfo inspect(const std::uint8_t* payload, std::size_t size) const = 0;

  // Writes PayloadInfo::samples; false when the payload is broken.
  virtual bool decode(const std::uint8_t* payload, std::size_t size, float* out) = 0;

  // Writes PayloadInfo::recoverable samples, to be called right before decode() of the same payload;
  // false when the payload is broken.
  virtual bool recover(const std::uint8_t* payload, std::size_t size, float* out) = 0;

  // The unit in which conceal() can be asked for.
  virtual int concealStep() const = 0;

  // Makes up `count` samples: a multiple of concealStep(), at most kMaxPacketSamples.
  virtual void conceal(int count, float* out) = 0;

  // Forgets all earlier audio.
  virtual void reset() = 0;

  // Judges payloads before they are decoded.
  virtual PayloadCheck& check() = 0;

  // How much later a sample comes out than it went in.
  virtual double delayMs() const = 0;

  virtual std::size_t bytes() const = 0;
};

}  // namespace mos
