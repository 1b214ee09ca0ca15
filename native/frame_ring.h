#pragma once
// The newest frames of one stream, in memory of a fixed size.
//
// Log-mel values are kept as 16-bit fixed point over -14 to 6 (log10 of power): steps of 3.05e-4, so a value is off by
// at most 1.6e-4 (float16 would be off by up to 3.9e-3 there). PCM is kept as 16-bit samples.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mos {

enum class RingKind : std::uint8_t { LogMel = 1, Pcm = 2 };

enum FrameFlag : std::uint8_t {
  kFrameActive = 1,    // signal, not the margin around it
  kFrameLost = 2,      // stands for lost packets
  kFrameOverload = 4,  // stands for packets lost inside this host
};

struct FrameInfo {
  double startMs;  // Unix ms
  float peak;      // largest absolute sample of its hop
  std::uint8_t flags;
};

struct WindowInfo {
  double startMs;  // of the first frame
  double endMs;    // end of the last frame
  float peak;
  std::size_t activeFrames;
  std::size_t lostFrames;
  std::size_t overloadFrames;
};

// What is known of a step: some frames that follow each other.
struct StepInfo {
  double startMs;  // of its first frame
  double peak;
  double lostFrames;
  double overloadFrames;
};

class FrameRing {
 public:
  FrameRing(RingKind kind, std::size_t capacity);

  // 64 log-mel values or 160 samples.
  std::size_t valuesPerFrame() const { return valuesPerFrame_; }
  // Overwrites the oldest frame when full.
  void push(const float* values, const FrameInfo& info);
  // Moves all frames of a ring of the same kind to the end of this one.
  void take(FrameRing& from);
  // Sets flags of the newest `frames` frames (or all, when there are fewer).
  void flagNewest(std::size_t frames, std::uint8_t flags);
  // Drops the frames that started before a moment (Unix ms).
  void forgetBefore(double moment);
  void clear();

  std::size_t size() const { return size_; }
  std::size_t activeFrames() const { return activeFrames_; }
  std::size_t lostFrames() const { return lostFrames_; }
  std::size_t overloadFrames() const { return overloadFrames_; }
  // Start of the newest frame pushed since clear(), Unix ms; 0 = none.
  double newestMs() const { return newestMs_; }
  // Frames overwritten since creation, because the ring was full.
  std::uint64_t overrunFrames() const { return overrunFrames_; }

  // Copies the newest `frames` (1 to size()) frames to out [frames][valuesPerFrame]. `normalise` divides by the peak
  // of these frames (not when it is 0); log-mel values are then raised to `floor` at least.
  WindowInfo read(std::size_t frames, bool normalise, float floor, float* out) const;

  // Moves the oldest `frames` (1 to size(), a multiple of `framesPerStep`) frames to out [frames][valuesPerFrame], and what
  // is known of them to `steps`. `normalise` divides by the peak of these frames, or by `loudest` when that is larger (not
  // when both are 0). Returns the end of the last frame, Unix ms.
  double moveOldest(std::size_t frames, std::size_t framesPerStep, bool normalise, float loudest, float floor, float* out,
                    StepInfo* steps);

  // Memory, fixed at construction.
  std::size_t bytes() const;

 private:
  // When a frame starts, in steps of 0.1 ms, wrapping (right within 7 hours of the newest frame), and its flags below.
  static std::uint32_t stamp(double startMs, std::uint8_t flags);

  std::size_t slotOf(std::size_t age) const;  // 0 = newest
  double startMsOf(std::size_t slot) const;
  std::uint8_t flagsOf(std::size_t slot) const;
  void count(std::uint8_t flags, int sign);
  void advanceHead();
  void dropOldest();
  void makeRoom();
  // Frames of which `oldest` is the age of the first one; `peak`: what to divide by, 0 = nothing.
  void copy(std::size_t oldest, std::size_t frames, float peak, float floor, float* out) const;

  RingKind kind_;
  std::size_t valuesPerFrame_;
  std::size_t capacity_;
  std::size_t head_ = 0;  // slot of the next frame
  std::size_t size_ = 0;
  std::size_t activeFrames_ = 0;
  std::size_t lostFrames_ = 0;
  std::size_t overloadFrames_ = 0;
  double newestMs_ = 0;
  std::uint64_t overrunFrames_ = 0;
  std::vector<std::uint16_t> values_;
  std::vector<float> peaks_;
  std::vector<std::uint32_t> stamps_;
};

}  // namespace mos
