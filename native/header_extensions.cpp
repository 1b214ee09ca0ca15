#include "header_extensions.h"

namespace mos {
namespace {

constexpr std::uint16_t kOneByteProfile = 0xbede;
constexpr std::uint16_t kTwoByteProfile = 0x1000;  // the low four bits are "appbits"

}  // namespace

HeaderExtensions::HeaderExtensions(const RtpPacket& packet) : data_(packet.extension), size_(packet.extensionSize) {
  if (packet.extensionProfile == kOneByteProfile) form_ = Form::OneByte;
  else if ((packet.extensionProfile & 0xfff0) == kTwoByteProfile) form_ = Form::TwoByte;
  else size_ = 0;
}

std::optional<HeaderExtension> HeaderExtensions::next() {
  while (offset_ < size_ && data_[offset_] == 0) ++offset_;  // padding
  if (offset_ >= size_) return std::nullopt;

  HeaderExtension element;
  if (form_ == Form::OneByte) {
    element.id = data_[offset_] >> 4;
    element.size = std::size_t{data_[offset_] & 0x0fu} + 1;
    offset_ += 1;
  } else {
    if (size_ - offset_ < 2) {
      offset_ = size_;
      return std::nullopt;
    }
    element.id = data_[offset_];
    element.size = data_[offset_ + 1];
    offset_ += 2;
  }
  const bool stop = form_ == Form::OneByte && (element.id == 0 || element.id == 15);
  if (stop || element.size > size_ - offset_) {
    offset_ = size_;
    return std::nullopt;
  }
  element.data = data_ + offset_;
  offset_ += element.size;
  return element;
}

std::optional<AudioLevel> readAudioLevel(const RtpPacket& packet, std::uint8_t id) {
  if (id == 0) return std::nullopt;
  HeaderExtensions extensions(packet);
  while (const auto element = extensions.next()) {
    if (element->id != id || element->size == 0) continue;
    return AudioLevel{-(element->data[0] & 0x7f), (element->data[0] & 0x80) != 0};
  }
  return std::nullopt;
}

}  // namespace mos
