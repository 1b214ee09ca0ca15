import {
  type Crossing,
  type QualityChange,
  type QualityState,
  type WarningCleared,
  type WarningName,
  type WarningRaised,
  warningNames,
} from '../events.ts';
import { crossingOf, type ScoreFields } from './crossings.ts';
import { Hysteresis } from './hysteresis.ts';
import { stateMosOf } from './limit.ts';
import type { Thresholds } from './thresholds.ts';

interface Warning {
  readonly name: WarningName;
  readonly holds: Hysteresis;
  /** The newest time that a score was beyond its limits. */
  crossing: Crossing | undefined;
  /** Since when it is raised, ms; undefined = it is not. */
  since: number | undefined;
}

/** Scores in, changes of state and warnings out, for one talker. Has no clock: every call takes the time, Unix ms. */
export class QualityMonitor {
  readonly #thresholds: Thresholds;
  readonly #belowGood: Hysteresis;
  readonly #belowFair: Hysteresis;
  readonly #warnings: Warning[];
  #state: QualityState = 'unknown';
  #noScoreSince: number | undefined;

  constructor(thresholds: Thresholds) {
    const { hysteresis, warnings } = thresholds;
    this.#thresholds = thresholds;
    this.#belowGood = new Hysteresis(hysteresis, undefined);
    this.#belowFair = new Hysteresis(hysteresis, undefined);
    this.#warnings = warningNames
      .filter((name) => warnings[name] !== false)
      .map((name) => ({ name, holds: new Hysteresis(hysteresis, false), crossing: undefined, since: undefined }));
  }

  get state(): QualityState {
    return this.#state;
  }

  score(score: ScoreFields, nowMs: number): QualityChange[] {
    const changes = this.advance(nowMs);
    this.#noScoreSince = undefined;
    const { good, fair } = this.#thresholds.states;
    const mos = stateMosOf(score.mosLqo, score.network);
    this.#belowGood.observe(mos < good, nowMs);
    this.#belowFair.observe(mos < fair, nowMs);
    changes.push(...this.#enter(this.#heardState()));
    for (const warning of this.#warnings) changes.push(...this.#judge(warning, score, nowMs));
    return changes;
  }

  noScore(nowMs: number): QualityChange[] {
    this.#noScoreSince ??= nowMs;
    return this.advance(nowMs);
  }

  /** Lets time pass: after long enough without a score the state is unknown. */
  advance(nowMs: number): QualityChange[] {
    const { unknownAfterMs } = this.#thresholds;
    if (this.#noScoreSince === undefined || nowMs - this.#noScoreSince < unknownAfterMs) return [];
    return this.forget();
  }

  /** Nothing is known any more. `reason`: why warnings do not hold. */
  forget(reason: WarningCleared['reason'] = 'unknown'): QualityChange[] {
    this.#noScoreSince = undefined;
    this.#belowGood.reset();
    this.#belowFair.reset();
    const cleared = this.#warnings.flatMap((warning) => {
      warning.holds.reset();
      return clear(warning, reason);
    });
    return [...this.#enter('unknown'), ...cleared];
  }

  #heardState(): QualityState {
    if (this.#belowFair.value === undefined || this.#belowGood.value === undefined) return 'unknown';
    if (this.#belowFair.value) return 'poor';
    return this.#belowGood.value ? 'fair' : 'good';
  }

  #enter(state: QualityState): QualityChange[] {
    if (state === this.#state) return [];
    const previous = this.#state;
    this.#state = state;
    return [{ type: 'state', state, previous }];
  }

  #judge(warning: Warning, score: ScoreFields, nowMs: number): QualityChange[] {
    const crossing = crossingOf(warning.name, score, this.#thresholds);
    if (crossing === undefined) return [];
    warning.holds.observe(crossing !== null, nowMs);
    warning.crossing = crossing ?? warning.crossing;
    if (!warning.holds.value) return clear(warning, 'recovered');
    if (warning.since !== undefined || warning.crossing === undefined) return [];
    warning.since = nowMs;
    const raised: WarningRaised = { type: 'warning', name: warning.name, ...warning.crossing };
    return [raised];
  }
}

function clear(warning: Warning, reason: WarningCleared['reason']): WarningCleared[] {
  const { name, since } = warning;
  if (since === undefined) return [];
  warning.since = undefined;
  return [{ type: 'warningcleared', name, since, reason }];
}
