import * as z from 'zod';
import { causes, noScoreReasons, qualityStates, scoreLimits, warningNames } from './event-words.ts';

export * from './event-words.ts';

/**
 * The events of a stream: their fields with their schemas. Needs nothing of
 * Node.js, so that browsers may check what they receive. Times are Unix milliseconds of the server's clock.
 *
 * Schemas take unknown fields without complaint: a newer server may send more than an older client knows.
 */

const time = z.number().min(0);
const ms = z.number().min(0);
const ratio = z.number().min(0).max(1);
const mos = z.number().min(1).max(5);
const count = z.int().min(0);
const dbov = z.number().min(-127).max(0);

export const noScoreReason = z.enum(noScoreReasons);
export const qualityState = z.enum(qualityStates);
export const warningName = z.enum(warningNames);

/** Counts the events of one subject from 0, without gaps. */
export const sequence = count.describe('counts the events of the producer from 0: a hole is a score that was left out');

export const modelIdentity = z
  .object({ name: z.string(), version: z.string().describe('semantic version') })
  .describe('which model made a score');

export const interval = z
  .object({ lower: mos, upper: mos, coverage: ratio })
  .describe('the MOS of a panel of listeners lies from `lower` to `upper` with probability `coverage`');

export const networkQuality = z
  .object({
    lossRatio: ratio.describe('packets lost on the way / packets expected; losses inside the host are not counted'),
    effectiveLossRatio: ratio
      .optional()
      .describe(
        'packets neither received in time nor recovered by FEC / packets expected; 0 = nothing is missing in the sound',
      ),
    burstRatio: z
      .number()
      .min(0)
      .describe('mean length of loss bursts / that of the same loss at random (BurstR, ITU-T G.107); 1 = random'),
    jitterMs: ms.describe('interarrival jitter, ms (RFC 3550)'),
    mosCqe: z
      .number()
      .min(1)
      .max(4.5)
      .describe('MOS estimated from the effective loss alone (wide-band E-model, ITU-T G.107.1), no delay'),
  })
  .describe('quality of the network by packets alone, over about the last 8 s');

export const signalQuality = z
  .object({
    levelDbov: dbov.describe('mean level of the talk since the score before, dBov (0 = full-scale square wave)'),
    bandwidthHz: z
      .number()
      .positive()
      .optional()
      .describe('audio bandwidth of the newest packet, Hz; 4000 = narrowband. Absent for pushed samples'),
  })
  .describe('properties of the decoded signal');

const causeProbabilities = z
  .partialRecord(z.enum(causes), ratio)
  .describe('probability of each cause that the model outputs');

/** The fields of a score, without those of its origin. */
export const scoreFields = {
  windowStart: time.describe('start of the window. Pauses in talk may lie in between: see `speechMs`'),
  windowEnd: time.describe('end of the window'),
  speechMs: ms.describe('speech inside the window, ms; all its talk with a model that does not detect speech'),
  mosLqo: mos.describe('objective listening quality (ITU-T P.800.1 MOS-LQO)'),
  interval,
  causes: causeProbabilities.optional(),
  signal: signalQuality.optional(),
  network: networkQuality,
  limitedBy: z
    .enum(scoreLimits)
    .optional()
    .describe('what keeps it from being good (3.5): none, content (room, microphone), network (loss), both'),
  model: modelIdentity,
};

/** There is no score, for this reason; holds until the next score or noscore. */
export const noScoreFields = {
  reason: noScoreReason,
  since: time,
  network: networkQuality,
  model: modelIdentity.describe('the model that would have scored'),
};

/** The state that holds from now on. */
export const stateFields = {
  state: qualityState,
  previous: qualityState,
};

/** What was measured, and on which side of which limit it is; `quantity` names its unit. */
const crossingFields = {
  quantity: z
    .enum(['mosLqo', 'probability', 'lossRatio', 'bandwidthHz', 'levelDbov'])
    .describe('what was measured; probability: of the cause'),
  value: z.number().describe('its newest value beyond the limit'),
  threshold: z.number().describe('the limit that it crossed'),
};

/** Something is wrong, and has been for a while. */
export const warningFields = {
  name: warningName,
  ...crossingFields,
};

/** A warning holds no longer. */
export const warningClearedFields = {
  name: warningName,
  since: time.describe('when the warning was raised'),
  reason: z
    .enum(['recovered', 'unknown', 'closed'])
    .describe('recovered: it is well again; unknown: no score for a while; closed: the producer left'),
};

/** Summary of a call, or of a call so far. */
export const reportFields = {
  final: z.boolean().describe('false: the producer goes on'),
  start: time.describe('since when the producer is listened to'),
  end: time.describe('end of what is summed up'),
  scores: count.describe('scores summed up'),
  mosLqo: mos
    .optional()
    .describe('quality of the whole, by `method`: bad passages and the end weigh more. Absent without scores'),
  method: z.string().describe('how `mosLqo` was made of the scores'),
  meanMosLqo: mos.optional().describe('plain mean of the scores'),
  lowestMosLqo: mos.optional().describe('lowest score'),
  stateShares: z
    .record(qualityState, ratio)
    .describe('share of the scored talk in each state; adds up to 1, or all 0 without scores'),
  noScoreMs: z.partialRecord(noScoreReason, ms).describe('time without a score, by reason, ms'),
  warnings: z
    .array(
      z.object({
        name: warningName,
        count: z.int().min(1).describe('how often it was raised'),
        totalMs: ms.describe('for how long it was open, in all, ms'),
        open: z.boolean(),
      }),
    )
    .describe('warnings that were raised'),
  models: z.array(z.object({ ...modelIdentity.shape, scores: count })).describe('what made the scores'),
  network: z
    .object({
      lossRatio: ratio.describe('mean over scores and reasons'),
      worstLossRatio: ratio.describe('largest of them'),
      jitterMs: ms.describe('mean over them, ms'),
      mosCqe: z.number().min(1).max(4.5).describe('mean over them'),
      worstMosCqe: z.number().min(1).max(4.5).describe('lowest of them'),
    })
    .optional()
    .describe('absent while there is neither a score nor a reason'),
};

const streamId = z.string().min(1);

/** A live score of one stream. */
export const streamScore = z.object({ type: z.literal('score'), streamId, sequence, ...scoreFields });

/** The stream has no score, from `since` on, for `reason`. Sent when the reason changes. */
export const streamNoScore = z.object({ type: z.literal('noscore'), streamId, sequence, ...noScoreFields });

/** Which model made a score. */
export interface ModelIdentity extends Readonly<z.infer<typeof modelIdentity>> {}
/** The MOS of a panel of listeners lies from `lower` to `upper` with probability `coverage`. */
export interface Interval extends Readonly<z.infer<typeof interval>> {}
/** Quality of the network by packets alone, over the wall-clock span of the window. */
export interface NetworkQuality extends Readonly<z.infer<typeof networkQuality>> {}
/** Properties of the decoded signal. */
export interface SignalQuality extends Readonly<z.infer<typeof signalQuality>> {}
/** A live score of one stream. */
export interface StreamScore extends Readonly<z.infer<typeof streamScore>> {}
/** The stream has no score, and why. */
export interface StreamNoScore extends Readonly<z.infer<typeof streamNoScore>> {}
export type StreamEvent = StreamScore | StreamNoScore;

type Fields<T extends z.core.$ZodLooseShape> = Readonly<z.infer<z.ZodObject<T>>>;

/** A quantity that is beyond its limit. */
export interface Crossing extends Fields<typeof crossingFields> {}
/** How it sounds has changed for a while. */
export interface StateChange extends Fields<typeof stateFields> {
  readonly type: 'state';
}
/** Something is wrong with the sound, and has been for a while. */
export interface WarningRaised extends Fields<typeof warningFields> {
  readonly type: 'warning';
}
/** A warning holds no longer. */
export interface WarningCleared extends Fields<typeof warningClearedFields> {
  readonly type: 'warningcleared';
}
export type QualityChange = StateChange | WarningRaised | WarningCleared;
/** Summary of a call, or of a call so far. */
export interface CallReport extends Fields<typeof reportFields> {}
