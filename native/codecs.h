#pragma once
// The codecs that are decoded here. Each registers itself from the file that implements it: nothing else lists them.
#include <cstdint>
#include <memory>

#include "audio_decoder.h"

namespace mos {

enum class Codec : std::uint8_t { Opus = 1, Pcmu = 2, Pcma = 3, ComfortNoise = 4, TelephoneEvent = 5, Red = 6 };

struct CodecDefinition {
  Codec id;
  // Null: carries no audio of its own; time passes in silence.
  std::unique_ptr<AudioDecoder> (*makeDecoder)();
};

// At namespace scope in the codec's own file.
class CodecRegistration {
 public:
  explicit CodecRegistration(const CodecDefinition& definition);
};

// Null when there is none.
const CodecDefinition* findCodec(Codec id);

}  // namespace mos
