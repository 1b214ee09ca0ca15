#include "fft512.h"

#include <cmath>
#include <cstring>

#include "vectorise.h"

// 512 real samples are 256 complex ones z[n] = x[2n] + i x[2n+1]. 256 = 16 x 16: with n = 16 a + b and k = c + 16 d
//   Z[c + 16 d] = sum_b W16^(b d) W256^(b c) sum_a W16^(a c) z[16 a + b],   WN = exp(-2 pi i / N),
// so two rounds of sixteen 16-point transforms, each round done on all sixteen at once in vectors of sixteen floats,
// with a transposition in between.

namespace mos {
namespace {

constexpr int kSide = 16;

struct Block {
  Row re[kSide];
  Row im[kSide];
};

struct Twiddles {
  Block turn;                    // W256^(row * column)
  float splitRe[kSide * kSide];  // W512^k, k = 0 to 255
  float splitIm[kSide * kSide];

  Twiddles() {
    const double unit = 2.0 * M_PI / kFftSize;
    for (int row = 0; row < kSide; ++row) {
      for (int column = 0; column < kSide; ++column) {
        const double angle = 2.0 * unit * row * column;
        turn.re[row][column] = static_cast<float>(std::cos(angle));
        turn.im[row][column] = static_cast<float>(-std::sin(angle));
        const int k = row * kSide + column;
        splitRe[k] = static_cast<float>(std::cos(unit * k));
        splitIm[k] = static_cast<float>(-std::sin(unit * k));
      }
    }
  }
};

const Twiddles& twiddles() {
  static const Twiddles tables;
  return tables;
}

MOS_INLINE void butterfly4(Row& re0, Row& im0, Row& re1, Row& im1, Row& re2, Row& im2, Row& re3, Row& im3) {
  const Row sumRe02 = re0 + re2, sumIm02 = im0 + im2, differenceRe02 = re0 - re2, differenceIm02 = im0 - im2;
  const Row sumRe13 = re1 + re3, sumIm13 = im1 + im3, differenceRe13 = re1 - re3, differenceIm13 = im1 - im3;
  re0 = sumRe02 + sumRe13;
  im0 = sumIm02 + sumIm13;
  re1 = differenceRe02 + differenceIm13;
  im1 = differenceIm02 - differenceRe13;
  re2 = sumRe02 - sumRe13;
  im2 = sumIm02 - sumIm13;
  re3 = differenceRe02 - differenceIm13;
  im3 = differenceIm02 + differenceRe13;
}

MOS_INLINE void turnBy(Row& re, Row& im, float cosine, float sine) {  // times cosine - i sine
  const Row turned = re * cosine + im * sine;
  im = im * cosine - re * sine;
  re = turned;
}

// Down the rows, in place; row q + 4 r of the result is left in row 4 q + r.
MOS_INLINE void transform16(Block& block) {
  constexpr float c1 = 0.92387953251128675613f, s1 = 0.38268343236508977173f, h = 0.70710678118654752440f;
  Row* re = block.re;
  Row* im = block.im;
  for (int b = 0; b < 4; ++b) {
    butterfly4(re[b], im[b], re[b + 4], im[b + 4], re[b + 8], im[b + 8], re[b + 12], im[b + 12]);
  }
  turnBy(re[5], im[5], c1, s1);
  turnBy(re[6], im[6], h, h);
  turnBy(re[7], im[7], s1, c1);
  turnBy(re[9], im[9], h, h);
  turnBy(re[10], im[10], 0.0f, 1.0f);
  turnBy(re[11], im[11], -h, h);
  turnBy(re[13], im[13], s1, c1);
  turnBy(re[14], im[14], -h, h);
  turnBy(re[15], im[15], -c1, -s1);
  for (int q = 0; q < 16; q += 4) {
    butterfly4(re[q], im[q], re[q + 1], im[q + 1], re[q + 2], im[q + 2], re[q + 3], im[q + 3]);
  }
}

constexpr int resultRow(int k) { return 4 * (k % 4) + k / 4; }

// Row i with row i + 8, number by number: done four times, rows have become columns.
MOS_INLINE void interleave(const Row* from, Row* to) {
  for (int i = 0; i < kSide / 2; ++i) {
    const Row a = from[i], b = from[i + kSide / 2];
    to[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    to[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
}

MOS_INLINE void transpose(Row* rows) {
  Row between[kSide];
  interleave(rows, between);
  interleave(between, rows);
  interleave(rows, between);
  interleave(between, rows);
}

}  // namespace

MOS_VECTORISED void powerSpectrum512(const float* samples, float* power) {
  const Twiddles& tables = twiddles();
  Block columns;
  for (int row = 0; row < kSide; ++row) {
    Row a, b;
    std::memcpy(&a, samples + 2 * kSide * row, sizeof a);
    std::memcpy(&b, samples + 2 * kSide * row + kSide, sizeof b);
    columns.re[row] = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    columns.im[row] = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  }
  transform16(columns);

  Block rows;
  for (int c = 0; c < kSide; ++c) {
    const Row re = columns.re[resultRow(c)], im = columns.im[resultRow(c)];
    rows.re[c] = re * tables.turn.re[c] - im * tables.turn.im[c];
    rows.im[c] = re * tables.turn.im[c] + im * tables.turn.re[c];
  }
  transpose(rows.re);
  transpose(rows.im);
  transform16(rows);

  float re[kFftBins], im[kFftBins];
  for (int d = 0; d < kSide; ++d) {
    std::memcpy(re + d * kSide, &rows.re[resultRow(d)], sizeof(Row));
    std::memcpy(im + d * kSide, &rows.im[resultRow(d)], sizeof(Row));
  }
  re[kFftBins - 1] = re[0];
  im[kFftBins - 1] = im[0];

  // Even and odd samples apart again: X[k] = E[k] + W512^k O[k].
  for (int k = 0; k < kFftBins - 1; ++k) {
    const int mirror = kFftBins - 1 - k;
    const float evenRe = 0.5f * (re[k] + re[mirror]), evenIm = 0.5f * (im[k] - im[mirror]);
    const float oddRe = 0.5f * (im[k] + im[mirror]), oddIm = 0.5f * (re[mirror] - re[k]);
    const float sumRe = evenRe + oddRe * tables.splitRe[k] - oddIm * tables.splitIm[k];
    const float sumIm = evenIm + oddRe * tables.splitIm[k] + oddIm * tables.splitRe[k];
    power[k] = sumRe * sumRe + sumIm * sumIm;
  }
  const float nyquist = re[0] - im[0];
  power[kFftBins - 1] = nyquist * nyquist;
}

}  // namespace mos
