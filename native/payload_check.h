#pragma once
// Notices payloads that are not of the stated codec: end-to-end encrypted, or broken. A decoder takes most of them and
// makes noise of them.
#include <cstddef>
#include <cstdint>

namespace mos {

class PayloadCheck {
 public:
  virtual ~PayloadCheck() = default;

  // The next payload in sequence. `timestamp` counts at 48 kHz.
  virtual void add(const std::uint8_t* payload, std::size_t size, std::int64_t sequence, std::int64_t timestamp) = 0;
  // The audio that the payload added last was decoded to, 16 kHz. Not called while undecodable.
  virtual void decoded(const float*, int) {}
  // The payload added last did not decode.
  virtual void failed() {}
  // Timestamps count from elsewhere from now on: what they spoke against is forgotten.
  virtual void clockChanged() {}

  virtual bool undecodable() const = 0;
  virtual void reset() = 0;
};

}  // namespace mos
