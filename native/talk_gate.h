#pragma once
// Decides, frame by frame, whether there may be speech. Permissive: music and sudden noise pass, what was speech is
// for the network to decide; silence and steady noise do not.
//
// A frame stands out when it is louder than -60 dBov and one of four bands between 200 and 4000 Hz is 9 dB over the
// lowest level that band had within the last 1.4 to 1.6 s (which is about 6 dB over the mean of a steady noise). Three
// such frames in a row open the gate; it closes 300 ms after the last one. Frames whose signal is not known (lost)
// neither open, close, nor teach it.
#include <array>
#include <cstddef>

namespace mos {

class TalkGate {
 public:
  static constexpr std::size_t kFramesBefore = 25;  // 250 ms: what belongs to talk before the gate opens
  static constexpr std::size_t kFramesAfter = 30;   // 300 ms

  TalkGate() { reset(); }

  // One received frame: its log-mel values and the level of its hop. Returns how many of the newest frames, this one
  // included, are now known to be active: 0 when this one is not.
  std::size_t update(const float* logMel, float levelDbov);
  // One lost frame.
  void updateLost();
  // Time went by without audio: the talk before it is over.
  void close();
  // Forgets everything.
  void reset();

  bool open() const { return open_; }
  // The newest received frame stood out.
  bool loud() const { return run_ > 0; }

 private:
  static constexpr int kBands = 4;
  static constexpr int kBlocks = 7;  // of kBlockFrames, and the one being filled

  bool standsOut(const float* logMel);

  bool open_;
  std::size_t run_;          // frames in a row that stand out
  std::size_t quiet_;        // received frames since the last active one
  std::size_t sinceActive_;  // all frames since the last active one
  bool heard_;
  int blockFrame_;
  int block_;
  std::array<float, kBands> level_;  // smoothed, log10 of power
  std::array<float, kBands> blockLowest_;
  std::array<std::array<float, kBands>, kBlocks> lowest_;
};

}  // namespace mos
