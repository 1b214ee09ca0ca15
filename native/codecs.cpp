#include "codecs.h"

#include <algorithm>
#include <vector>

namespace mos {
namespace {

// Made on first use: registrations of other files may run before this one's.
std::vector<CodecDefinition>& registered() {
  static std::vector<CodecDefinition> all;
  return all;
}

const CodecRegistration kComfortNoise({Codec::ComfortNoise, nullptr});      // RFC 3389
const CodecRegistration kTelephoneEvent({Codec::TelephoneEvent, nullptr});  // RFC 4733

}  // namespace

CodecRegistration::CodecRegistration(const CodecDefinition& definition) { registered().push_back(definition); }

const CodecDefinition* findCodec(Codec id) {
  const auto& all = registered();
  const auto found = std::find_if(all.begin(), all.end(), [&](const CodecDefinition& codec) { return codec.id == id; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace mos
