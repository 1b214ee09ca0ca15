import { z } from 'zod';
import { ModelLoadError } from '../base/errors.ts';
import { causes } from '../events.ts';

/**
 * What stands next to a network, `NAME.json` to `NAME.onnx`: everything that must be known to feed it and to read its
 * outputs, and where it comes from. A field that is not named here is an error, so that a misspelt one cannot pass.
 */

const name = z.string().min(1);
const positive = z.number().positive();
const count = z.number().int().positive();
const ratio = z.number().min(0).max(1);

/** How long a window may be, in steps of the input. */
const lengths = z
  .strictObject({ min: count, max: count, multipleOf: count })
  .refine(({ min, max }) => min <= max, { error: 'expected min <= max' })
  .refine(({ max, multipleOf }) => max % multipleOf === 0, { error: 'expected max to be a multiple of multipleOf' });

const input = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('logmel'),
    /** Of the network's input, float32 [batch, frames, mels]. */
    name,
    sampleRateHz: count,
    fftSize: count,
    /** Samples of the periodic Hann window. */
    windowSize: count,
    hopSize: count,
    mels: count,
    lowHz: z.number().min(0),
    highHz: positive,
    /** Added to the power before log10. */
    powerFloor: positive,
    /** `peak`: as if the waveform of the window had been divided by its largest absolute sample. */
    normalisation: z.enum(['peak', 'none']),
    /** After normalisation nothing is lower: log10 of power. */
    floorLog10: z.number(),
    frames: lengths,
  }),
  z.strictObject({
    kind: z.literal('waveform'),
    /** Of the network's input, float32 [batch, samples], -1 to 1. */
    name,
    sampleRateHz: count,
    normalisation: z.enum(['peak', 'none']),
    samples: lengths,
  }),
]);

const outputs = z
  .strictObject({
    /** Name of the output [batch] that holds the MOS. */
    mos: name,
    /** Name of the output [batch] that holds the natural logarithm of the variance ... */
    logVariance: name.optional(),
    /** ... or the variance itself. One of the two. */
    variance: name.optional(),
    /**
     * Share [batch] of the window with speech, 0 to 1; below `threshold` it is `no-speech`. In streaming form
     * the mean over the window of the trunk's output for each step, which it names.
     */
    speech: z.strictObject({ name, threshold: ratio }).optional(),
    /** Probabilities [batch, order.length] of what is wrong. */
    causes: z
      .strictObject({
        name,
        order: z.array(z.enum(causes)).min(1),
      })
      .optional(),
  })
  .refine(({ logVariance, variance }) => (logVariance === undefined) !== (variance === undefined), {
    error: 'expected one of logVariance and variance',
  });

const interval = z.strictObject({
  /** Nominal coverage of the intervals that are sent. */
  coverage: z.number().gt(0).lt(1),
  /** The network's standard deviation is multiplied by this. */
  sigmaScale: positive,
  /** How the scale was found. */
  calibration: z.strictObject({
    method: name,
    set: name,
    n: count,
    /** Share of the set inside the interval with sigmaScale 1 ... */
    coverageUncalibrated: ratio,
    /** ... and on windows that the scale was not fitted to. */
    coverageMeasured: ratio,
  }),
  /** How panels of listeners differ from the scores; absent: the interval is that of the calibration set. */
  panel: z
    .strictObject({
      /** Standard deviation in addition to the network's own, MOS. */
      sigma: z.number().min(0),
      method: name,
      /** Rated sets, and the share of each inside the interval with the sigma of the others. */
      sets: z.array(z.strictObject({ set: name, n: count, coverageLeftOut: ratio })).min(2),
    })
    .optional(),
});

/**
 * How a network is used that computes each frame once. `file` is its trunk, run on new frames in whole steps: the state of
 * the stream goes in with them (all zero at first) and the next one comes out; nothing enters before there is enough for
 * a score. The heads are run once per score, on the newest steps of the stream. A frame's gain is fixed when it enters the trunk: it is normalised by the peak of the newest
 * `gainFrames` frames, those that enter with it included.
 */
const streaming = z.strictObject({
  /** File and hash of the heads, next to the manifest. */
  heads: z.strictObject({ file: z.string().regex(/^[^/\\]+\.onnx$/), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  /** Input and output [batch, values] of the trunk. */
  state: z.strictObject({ input: name, output: name, values: count }),
  /** Output of the trunk and input of the heads [batch, steps, width]; `window`: how many steps a score looks at. */
  steps: z.strictObject({ name, width: count, framesPerStep: count, window: lengths }),
  /** Output [batch, steps] of the trunk: probability of speech in a step ... */
  speech: name,
  /** ... who is taken to speak from this on. */
  stepThreshold: ratio.default(0.5),
  gainFrames: count,
});

const accuracy = z.strictObject({
  set: name,
  /** What the scores are compared with: a teacher's or people's. */
  reference: name,
  n: count,
  pcc: z.number().min(-1).max(1),
  srcc: z.number().min(-1).max(1),
  rmse: z.number().min(0),
});

const fields = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  version: z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/),
  description: name,
  /** SPDX expression of the network. */
  licence: name,
  /** File of the network, next to the manifest. */
  file: z.string().regex(/^[^/\\]+\.onnx$/),
  /** Of that file, lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** `windowed`: every score looks at a whole window. `streaming`: each frame is computed once. */
  form: z.enum(['windowed', 'streaming']),
  input,
  outputs,
  streaming: streaming.optional(),
  /** What the number means. */
  scale: z.strictObject({ quantity: z.literal('MOS-LQO'), min: z.literal(1), max: z.literal(5) }),
  interval,
  provenance: z.strictObject({
    corpora: z.array(name).min(1),
    teachers: z.array(name).min(1),
    seeds: z.array(z.number().int()).optional(),
    commit: name.optional(),
    notes: name.optional(),
    /** What made the weights, in this order. */
    made: z.array(z.enum(['distilled', 'pruned'])).optional(),
  }),
  accuracy: z.array(accuracy),
  cost: z.strictObject({
    parameters: count,
    /** One core, one window of the largest length. */
    msPerWindow: positive,
    /** One core, one stream that is scored once a second. */
    msPerAudioSecond: positive.optional(),
    measuredOn: name,
  }),
});

const manifestSchema = fields.refine(({ form, streaming }) => (form === 'streaming') === (streaming !== undefined), {
  error: 'expected streaming with form streaming, and only with it',
  path: ['streaming'],
});

export type ModelManifest = z.infer<typeof manifestSchema>;
export type ModelInput = ModelManifest['input'];

/**
 * Reads the text of a manifest. `file` is only named in errors.
 *
 * @throws {ModelLoadError} ERR_MODEL_MANIFEST, naming every field that is wrong
 */
export function parseManifest(text: string, file: string): ModelManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ModelLoadError('ERR_MODEL_MANIFEST', `${file}: not JSON: ${(cause as Error).message}`, { cause });
  }
  const result = manifestSchema.safeParse(json);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => {
    const where = issue.path.length > 0 ? issue.path.join('.') : 'the manifest';
    return `${where}: ${issue.message}, got ${shown(valueAt(json, issue.path))}`;
  });
  throw new ModelLoadError('ERR_MODEL_MANIFEST', `${file}: ${faults.join('; ')}`, { cause: result.error });
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], json);
}

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
