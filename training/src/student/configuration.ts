import { z } from 'zod';
import { causes } from '../../../src/events.ts';

/** Outputs of a window besides the MOS, in order. */
export const causeNames = causes;

const count = z.number().int().positive();

const convolution = z
  .strictObject({
    channels: count,
    /** Frames and bands that it sees. */
    kernel: z.tuple([count, count]).default([3, 3]),
    /** Frames and bands per output. */
    stride: z.tuple([count, count]).default([1, 1]),
    /** One filter per channel, then a 1 x 1 mixture of the channels. */
    separable: z.boolean().default(false),
  })
  .refine(({ kernel, stride }) => kernel[0] >= stride[0] && kernel[1] >= stride[1], {
    error: 'expected kernel >= stride in both directions',
  });

const memory = z.discriminatedUnion('kind', [
  /** Recurrent: in principle it remembers everything. */
  z.strictObject({ kind: z.literal('lstm') }),
  /**
   * Time-delay layers (causal convolutions over steps): what is older than the sum of (kernel - 1) x dilation steps is
   * forgotten by construction.
   */
  z.strictObject({ kind: z.literal('time-delay'), kernel: count.default(3), dilations: z.array(count).min(1) }),
]);

/**
 * Shape of a student: log-mel frames -> normalisation per band -> convolutions, causal in time -> `width` values per step
 * -> causal memory -> attention pooling over the steps of a window -> heads.
 */
export const networkSchema = z.strictObject({
  /** Bands of the front end. */
  mels: count.default(64),
  trunk: z.array(convolution).min(1),
  /** Values per step that the trunk hands over to the pooling. */
  width: count,
  memory,
  pooling: z.strictObject({
    /** Weighted averages, each with an attention of its own. */
    heads: count,
    /** Also the weighted standard deviations. */
    deviation: z.boolean().default(true),
  }),
  /** Units between pooling and outputs. */
  hidden: count,
});

export type NetworkConfiguration = z.output<typeof networkSchema>;
export type Convolution = z.output<typeof convolution>;

/** Frames per step of the trunk. */
export function framesPerStep({ trunk }: NetworkConfiguration): number {
  return trunk.reduce((product, { stride }) => product * stride[0], 1);
}

/** Bands that a convolution leaves: half a kernel of zeros is put on both sides. */
export function bandsAfter(bands: number, { kernel, stride }: Convolution): number {
  return Math.floor((bands + 2 * Math.floor(kernel[1] / 2) - kernel[1]) / stride[1]) + 1;
}

/** Bands before the first convolution, between, and after the last one. */
export function bandsOf({ mels, trunk }: NetworkConfiguration): number[] {
  const bands = [mels];
  for (const layer of trunk) bands.push(bandsAfter(bands.at(-1) as number, layer));
  return bands;
}

/** Frames that a step of the trunk sees, its memory left out. */
export function receptiveFrames({ trunk }: NetworkConfiguration): number {
  let frames = 1;
  let stride = 1;
  for (const layer of trunk) {
    frames += (layer.kernel[0] - 1) * stride;
    stride *= layer.stride[0];
  }
  return frames;
}
