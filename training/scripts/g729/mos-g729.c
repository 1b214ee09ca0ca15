/*
 * G.729 with erased frames, for the study of listeners' conditions and for training clips: never linked into or shipped with the product.
 * Built against Debian's libbcg729-dev, which is under GPL-3; so is the program then.
 *
 *   cc -O2 -o mos-g729 mos-g729.c -lbcg729
 *   mos-g729 [random|bursty PERCENT SEED] < in.s16 > out.s16      (8 kHz, 16 bits, mono)
 *
 * Random: each frame of 10 ms is erased on its own. Bursty: two states of Gilbert, mean burst of three frames.
 */
#include <bcg729/decoder.h>
#include <bcg729/encoder.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { frame = 80, meanBurst = 3 };

static uint32_t state;

/* Uniform over [0, 1): xorshift of G. Marsaglia (2003). */
static double uniform(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state / 4294967296.0;
}

int main(int count, char **arguments) {
  const int bursty = count > 1 && strcmp(arguments[1], "bursty") == 0;
  const double share = count > 2 ? atof(arguments[2]) / 100 : 0;
  state = count > 3 ? 2654435761u * (uint32_t)(atoi(arguments[3]) + 1) : 1;
  bcg729EncoderChannelContextStruct *encoder = initBcg729EncoderChannel(0);
  bcg729DecoderChannelContextStruct *decoder = initBcg729DecoderChannel();
  int16_t samples[frame];
  int erased = 0;
  while (fread(samples, sizeof samples[0], frame, stdin) == frame) {
    uint8_t bits[10], length = 0;
    bcg729Encoder(encoder, samples, bits, &length);
    const double u = uniform();
    if (!bursty) erased = u < share;
    else if (erased) erased = u >= 1.0 / meanBurst;
    else erased = u < share / ((1 - share) * meanBurst);
    bcg729Decoder(decoder, bits, length, (uint8_t)erased, 0, 0, samples);
    fwrite(samples, sizeof samples[0], frame, stdout);
  }
  closeBcg729EncoderChannel(encoder);
  closeBcg729DecoderChannel(decoder);
  return 0;
}
