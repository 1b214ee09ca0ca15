import { checkInteger, checkKeys, checkNumber } from '../base/options.ts';
import { type WarningName, warningNames } from '../events.ts';
import type { HysteresisOptions } from './hysteresis.ts';

/** A limit, or false = not looked at. */
type Limit = number | false;

/** Limits of each warning. Cause probabilities only count with models that output them. */
export interface WarningLimits {
  /** Below this MOS-LQO, 1 to 5. Default 2.5: closer to "poor" than to "fair" (ITU-T P.800). */
  'low-mos': { mosLqo: Limit };
  /** From this probability of the cause `noise`, 0 to 1. Default 0.5. */
  noise: { probability: Limit };
  /** From this probability of the cause `reverberation`. Default 0.5. */
  reverberation: { probability: Limit };
  /**
   * From this share of packets lost, 0 to 1, default 0.03 (ITU-T G.1010 Table I.1: conversational voice, less than 3 %);
   * or from this probability of the cause `loss`, default 0.5: losses on a way before the one that is measured.
   */
  loss: { lossRatio: Limit; probability: Limit };
  /** From this probability of the cause `clipping`. Default 0.5. */
  clipping: { probability: Limit };
  /**
   * Up to this audio bandwidth of the codec, Hz, default 4000: that of narrowband telephony; or from this probability
   * of the cause `band-limit`, default 0.5: a wideband codec that carries narrowband sound.
   */
  'band-limit': { bandwidthHz: Limit; probability: Limit };
  /**
   * Talk quieter than `minDbov`, default -46, or louder than `maxDbov`, default -10: 20 dB below and 16 dB above the
   * nominal -26 dBov of listening tests (ITU-T P.800, P.56); the distances are ours.
   */
  level: { minDbov: Limit; maxDbov: Limit };
}

/** When a state changes and a warning is raised. */
export interface Thresholds {
  /**
   * `good` from this MOS, default 3.5; `fair` from this one, default 2.5; else `poor`. The middles between the
   * categories of ITU-T P.800 (5 excellent, 4 good, 3 fair, 2 poor, 1 bad), excellent being good and bad poor. ITU-T
   * G.107 Annex B has lines close by: many users dissatisfied below 3.60, the end of its table at 2.58. The MOS is the
   * lower of `mosLqo` and `network.mosCqe` where packets are lost for good, else `mosLqo`.
   */
  states: { good: number; fair: number };
  /** What must be seen before anything changes. Default: 3 of the last 5 scores, and that for 5000 ms. */
  hysteresis: HysteresisOptions;
  /** Without a score for this long, ms, the state is `unknown` and warnings are cleared. Default 10000. */
  unknownAfterMs: number;
  /** false = never raised. */
  warnings: { readonly [Name in WarningName]: WarningLimits[Name] | false };
}

/** What may be given; the rest is default. */
export interface ThresholdOptions {
  readonly states?: Partial<Thresholds['states']>;
  readonly hysteresis?: Partial<HysteresisOptions>;
  readonly unknownAfterMs?: number;
  readonly warnings?: { readonly [Name in WarningName]?: Partial<WarningLimits[Name]> | false };
}

export const defaultThresholds = {
  states: { good: 3.5, fair: 2.5 },
  hysteresis: { needed: 3, outOf: 5, holdMs: 5000 },
  unknownAfterMs: 10_000,
  warnings: {
    'low-mos': { mosLqo: 2.5 },
    noise: { probability: 0.5 },
    reverberation: { probability: 0.5 },
    loss: { lossRatio: 0.03, probability: 0.5 },
    clipping: { probability: 0.5 },
    'band-limit': { bandwidthHz: 4000, probability: 0.5 },
    level: { minDbov: -46, maxDbov: -10 },
  },
} as const satisfies Thresholds;

/** Legal values of each limit. */
const ranges: Readonly<Record<string, readonly [min: number, max: number]>> = {
  mosLqo: [1, 5],
  probability: [0, 1],
  lossRatio: [0, 1],
  bandwidthHz: [0, 24_000],
  minDbov: [-127, 0],
  maxDbov: [-127, 0],
};

/**
 * Fills in the defaults and checks every threshold.
 *
 * @throws {TypeError | RangeError} naming the threshold and the value
 */
export function resolveThresholds(options: ThresholdOptions = {}): Thresholds {
  checkKeys('thresholds', options, Object.keys(defaultThresholds));
  const { unknownAfterMs = defaultThresholds.unknownAfterMs, warnings = {} } = options;
  const states = merged('thresholds.states', defaultThresholds.states, options.states);
  const hysteresis = merged('thresholds.hysteresis', defaultThresholds.hysteresis, options.hysteresis);
  checkNumber('thresholds.states.fair', states.fair, 1, 5);
  checkNumber('thresholds.states.good', states.good, states.fair, 5);
  checkInteger('thresholds.hysteresis.outOf', hysteresis.outOf, 1, 100);
  // More than half, so that the scores cannot mean both.
  checkInteger(
    'thresholds.hysteresis.needed',
    hysteresis.needed,
    Math.floor(hysteresis.outOf / 2) + 1,
    hysteresis.outOf,
  );
  checkNumber('thresholds.hysteresis.holdMs', hysteresis.holdMs, 0, 3_600_000);
  checkNumber('thresholds.unknownAfterMs', unknownAfterMs, 0, 3_600_000);
  checkKeys('thresholds.warnings', warnings, warningNames);
  const limits = warningNames.map((name) => [name, warningLimits(name, warnings[name])]);
  return { states, hysteresis, unknownAfterMs, warnings: Object.fromEntries(limits) };
}

function warningLimits(name: WarningName, given: object | false | undefined): object | false {
  if (given === false) return false;
  const where = `thresholds.warnings.${name}`;
  const limits: Record<string, Limit> = merged(where, defaultThresholds.warnings[name], given);
  for (const [key, limit] of Object.entries(limits)) {
    const [min, max] = ranges[key] as readonly [number, number];
    if (limit !== false) checkNumber(`${where}.${key}`, limit, min, max);
  }
  return limits;
}

/** `given`, with defaults for what it does not have. */
function merged<T extends object>(what: string, defaults: T, given: object | undefined): { [K in keyof T]: number } {
  if (given !== undefined) checkKeys(what, given, Object.keys(defaults));
  const known = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(known) } as { [K in keyof T]: number };
}
