import type {
  CallReport,
  ModelIdentity,
  NetworkQuality,
  NoScoreReason,
  QualityChange,
  QualityState,
  StreamNoScore,
  StreamScore,
  WarningName,
} from '../events.ts';
import { poolingMethod, TemporalPooling } from './pooling.ts';

interface WarningTally {
  count: number;
  /** Time of those that were cleared, ms. */
  totalMs: number;
  /** Since when it is raised, ms; undefined = it is not. */
  since: number | undefined;
}

/**
 * Scores, reasons and changes in, a report out, at any time. Keeps sums: its memory does not grow with the call. Has no
 * clock: every call takes the time, Unix ms.
 */
export class CallSummary {
  readonly #startMs: number;
  readonly #pooling = new TemporalPooling();
  readonly #scoresOf = { good: 0, fair: 0, poor: 0, unknown: 0 };
  readonly #noScoreMs: Partial<Record<NoScoreReason, number>> = {};
  readonly #warnings = new Map<WarningName, WarningTally>();
  readonly #models = new Map<string, ModelIdentity & { scores: number }>();
  readonly #network = { events: 0, lossRatio: 0, worstLossRatio: 0, jitterMs: 0, mosCqe: 0, worstMosCqe: 4.5 };
  #scores = 0;
  #mosSum = 0;
  #lowest = 5;
  #noScore: { reason: NoScoreReason; since: number } | undefined;

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** `state`: how it sounds by now, this score included. */
  score(
    { mosLqo, network, model }: Pick<StreamScore, 'mosLqo' | 'network' | 'model'>,
    state: QualityState,
    nowMs: number,
  ) {
    this.pause(nowMs);
    this.#scores++;
    this.#scoresOf[state]++;
    this.#pooling.add(mosLqo);
    this.#mosSum += mosLqo;
    this.#lowest = Math.min(this.#lowest, mosLqo);
    const key = JSON.stringify([model.name, model.version]);
    const known = this.#models.get(key) ?? { ...model, scores: 0 };
    known.scores++;
    this.#models.set(key, known);
    this.#addNetwork(network);
  }

  noScore({ reason, network }: Pick<StreamNoScore, 'reason' | 'network'>, nowMs: number): void {
    this.pause(nowMs);
    this.#noScore = { reason, since: nowMs };
    this.#addNetwork(network);
  }

  /** It is not listened to until the next score or reason. */
  pause(nowMs: number): void {
    if (this.#noScore === undefined) return;
    const { reason, since } = this.#noScore;
    this.#noScoreMs[reason] = (this.#noScoreMs[reason] ?? 0) + Math.max(0, nowMs - since);
    this.#noScore = undefined;
  }

  change(change: QualityChange, nowMs: number): void {
    if (change.type === 'state') return;
    const tally = this.#warnings.get(change.name) ?? { count: 0, totalMs: 0, since: undefined };
    if (change.type === 'warning') {
      tally.count++;
      tally.since = nowMs;
    } else if (tally.since !== undefined) {
      tally.totalMs += Math.max(0, nowMs - tally.since);
      tally.since = undefined;
    }
    this.#warnings.set(change.name, tally);
  }

  report(nowMs: number, final: boolean): CallReport {
    const { events, lossRatio, worstLossRatio, jitterMs, mosCqe, worstMosCqe } = this.#network;
    const mosLqo = this.#pooling.mos;
    return {
      final,
      start: this.#startMs,
      end: nowMs,
      scores: this.#scores,
      ...(mosLqo === undefined ? {} : { mosLqo, meanMosLqo: this.#mosSum / this.#scores, lowestMosLqo: this.#lowest }),
      method: poolingMethod,
      stateShares: {
        good: this.#shareOf('good'),
        fair: this.#shareOf('fair'),
        poor: this.#shareOf('poor'),
        unknown: this.#shareOf('unknown'),
      },
      noScoreMs: this.#noScoreMsBy(nowMs),
      warnings: [...this.#warnings].map(([name, { count, totalMs, since }]) => ({
        name,
        count,
        totalMs: totalMs + (since === undefined ? 0 : Math.max(0, nowMs - since)),
        open: since !== undefined,
      })),
      models: [...this.#models.values()].map((model) => ({ ...model })),
      ...(events === 0
        ? {}
        : {
            network: {
              lossRatio: lossRatio / events,
              worstLossRatio,
              jitterMs: jitterMs / events,
              mosCqe: mosCqe / events,
              worstMosCqe,
            },
          }),
    };
  }

  #shareOf(state: QualityState): number {
    return this.#scores === 0 ? 0 : this.#scoresOf[state] / this.#scores;
  }

  #noScoreMsBy(nowMs: number): CallReport['noScoreMs'] {
    if (this.#noScore === undefined) return { ...this.#noScoreMs };
    const { reason, since } = this.#noScore;
    return { ...this.#noScoreMs, [reason]: (this.#noScoreMs[reason] ?? 0) + Math.max(0, nowMs - since) };
  }

  #addNetwork({ lossRatio, jitterMs, mosCqe }: NetworkQuality): void {
    const sums = this.#network;
    sums.events++;
    sums.lossRatio += lossRatio;
    sums.worstLossRatio = Math.max(sums.worstLossRatio, lossRatio);
    sums.jitterMs += jitterMs;
    sums.mosCqe += mosCqe;
    sums.worstMosCqe = Math.min(sums.worstMosCqe, mosCqe);
  }
}
