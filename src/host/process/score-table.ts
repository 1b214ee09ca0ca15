import { causes, type Limit, type ModelIdentity, type StreamScore, scoreLimits } from '../../events.ts';

/**
 * Scores as rows of numbers, one Float64Array a message: reading them costs the media server's main thread a small part
 * of what reading objects would. Columns:
 * stream, windowStart, windowEnd, speechMs, mosLqo, lower, upper, coverage, lossRatio, burstRatio, jitterMs,
 * mosCqe, levelDbov, bandwidthHz, effectiveLossRatio, index in `scoreLimits` (NaN = unknown), and one probability for each of `causes` (NaN = the model does not output it).
 */

const firstCause = 16;
const columns = firstCause + causes.length;

/** `streamOf`: the number under which the parent knows the event's stream. */
export function encodeScores(scores: readonly StreamScore[], streamOf: (score: StreamScore) => number): Float64Array {
  const table = new Float64Array(scores.length * columns);
  scores.forEach((score, row) => {
    const { interval, network, signal } = score;
    table.set(
      [
        streamOf(score),
        score.windowStart,
        score.windowEnd,
        score.speechMs,
        score.mosLqo,
        interval.lower,
        interval.upper,
        interval.coverage,
        network.lossRatio,
        network.burstRatio,
        network.jitterMs,
        network.mosCqe,
        signal?.levelDbov ?? Number.NaN,
        signal?.bandwidthHz ?? Number.NaN,
        network.effectiveLossRatio ?? Number.NaN,
        score.limitedBy === undefined ? Number.NaN : scoreLimits.indexOf(score.limitedBy),
        ...causes.map((cause) => score.causes?.[cause] ?? Number.NaN),
      ],
      row * columns,
    );
  });
  return table;
}

/** Which stream, and which of its events, a row becomes. */
export interface ScoreTarget {
  readonly streamId: string;
  readonly nextSequence: number;
}

/** Calls `each` for every row; `targetOf` gives its stream, or undefined when that is gone. */
export function decodeScores(
  table: Float64Array,
  model: ModelIdentity,
  targetOf: (stream: number) => ScoreTarget | undefined,
  each: (stream: number, score: StreamScore) => void,
): void {
  for (let at = 0; at < table.length; at += columns) {
    const value = (column: number) => table[at + column] as number;
    const stream = value(0);
    const target = targetOf(stream);
    if (target === undefined) continue;
    const told = causesAt(table, at + firstCause);
    const signal = signalOf(value(12), value(13));
    each(stream, {
      type: 'score',
      streamId: target.streamId,
      sequence: target.nextSequence,
      windowStart: value(1),
      windowEnd: value(2),
      speechMs: value(3),
      mosLqo: value(4),
      interval: { lower: value(5), upper: value(6), coverage: value(7) },
      ...(told === undefined ? {} : { causes: told }),
      ...(signal === undefined ? {} : { signal }),
      network: {
        lossRatio: value(8),
        ...(Number.isNaN(value(14)) ? {} : { effectiveLossRatio: value(14) }),
        ...{ burstRatio: value(9), jitterMs: value(10), mosCqe: value(11) },
      },
      ...(Number.isNaN(value(15)) ? {} : { limitedBy: scoreLimits[value(15)] as Limit }),
      model,
    });
  }
}

function signalOf(levelDbov: number, bandwidthHz: number): StreamScore['signal'] {
  if (Number.isNaN(levelDbov)) return undefined;
  return Number.isNaN(bandwidthHz) ? { levelDbov } : { levelDbov, bandwidthHz };
}

function causesAt(table: Float64Array, at: number): StreamScore['causes'] {
  let told: StreamScore['causes'];
  causes.forEach((cause, index) => {
    const probability = table[at + index] as number;
    if (!Number.isNaN(probability)) {
      told ??= {};
      told[cause] = probability;
    }
  });
  return told;
}
