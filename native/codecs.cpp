#include "codecs.h"

#include <algorithm>

namespace mos {
namespace {

// Made on first use: registrations of other files may run before this one's.
std::vector<CodecDefinition>& registered() {
  static std::vector<CodecDefinition> all;
  return all;
}

template <typename Predicate>
const CodecDefinition* find(Predicate matches) {
  const auto& all = registered();
  const auto found = std::find_if(all.begin(), all.end(), matches);
  return found == all.end() ? nullptr : &*found;
}

const CodecRegistration kComfortNoise({Codec::ComfortNoise, "audio/cn", nullptr});                // RFC 3389
const CodecRegistration kTelephoneEvent({Codec::TelephoneEvent, "audio/telephone-event", nullptr});  // RFC 4733

}  // namespace

CodecRegistration::CodecRegistration(const CodecDefinition& definition) { registered().push_back(definition); }

const std::vector<CodecDefinition>& codecs() { return registered(); }

const CodecDefinition* findCodec(Codec id) {
  return find([&](const CodecDefinition& codec) { return codec.id == id; });
}

const CodecDefinition* findCodec(const std::string& mimeType) {
  return find([&](const CodecDefinition& codec) { return mimeType == codec.mimeType; });
}

}  // namespace mos
