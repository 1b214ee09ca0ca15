import type { CallReport, StreamEvent } from '../../src/events.ts';
import { CallSummary } from '../../src/quality/call-summary.ts';
import { QualityMonitor } from '../../src/quality/monitor.ts';
import { defaultThresholds } from '../../src/quality/thresholds.ts';
import type { ScoringSession } from '../../src/scoring/session.ts';
import { type Recording, sampleRateHz } from './decode.ts';

/** A second of a recording: the newest score or reason at its end. */
export interface CurvePoint {
  /** Counted from 0. */
  readonly second: number;
  readonly mosLqo?: number;
  readonly lower?: number;
  readonly upper?: number;
  /** Why there is no score. */
  readonly reason?: string;
  /** Probability of each cause that the model tells of. */
  readonly causes?: Readonly<Record<string, number>>;
}

/** What was heard in a recording. */
export interface RecordingScore {
  readonly seconds: number;
  /** As of a call. */
  readonly report: Omit<CallReport, 'final' | 'start' | 'end' | 'network'>;
  readonly curve: readonly CurvePoint[];
}

const tickMs = 100;
const tickSamples = (sampleRateHz * tickMs) / 1000;
/** The time of a recording's first sample, Unix ms: a session takes 0 for "never". */
const startMs = Date.UTC(2000, 0, 1);
const streamId = 'recording';

/**
 * Hears a recording as if it was a live call, as fast as it can be computed.
 *
 * @param session - without a stream of this name; it may be used again
 * @param onSeconds - is told how much was heard, s
 */
export async function scoreRecording(
  session: ScoringSession,
  recording: Recording,
  onSeconds: (seconds: number) => void = () => {},
): Promise<RecordingScore> {
  const summary = new CallSummary(startMs);
  const monitor = new QualityMonitor(defaultThresholds);
  const curve: CurvePoint[] = [];
  let newest: Omit<CurvePoint, 'second'> = { reason: 'too-short' };
  let samplesHeard = 0;
  let nowMs = startMs;

  const note = (event: StreamEvent) => {
    const changes = event.type === 'score' ? monitor.score(event, nowMs) : monitor.noScore(nowMs);
    if (event.type === 'score') summary.score(event, monitor.state, nowMs);
    else summary.noScore(event, nowMs);
    for (const change of changes) summary.change(change, nowMs);
    newest = pointOf(event);
  };
  const passTo = async (untilMs: number) => {
    nowMs = untilMs;
    for (const event of await session.tick(nowMs)) note(event);
    for (const change of monitor.advance(nowMs)) summary.change(change, nowMs);
  };
  const hear = async (samples: Float32Array) => {
    session.pushPcm(streamId, samples, nowMs);
    samplesHeard += samples.length;
    await passTo(startMs + (1000 * samplesHeard) / sampleRateHz);
    if (samplesHeard % sampleRateHz === 0 || samples.length < tickSamples) {
      const second = Math.ceil(samplesHeard / sampleRateHz) - 1;
      curve.push({ second, ...newest });
      onSeconds(samplesHeard / sampleRateHz);
    }
  };

  session.addStream({ streamId }, startMs);
  try {
    for await (const piece of inTicks(recording.samples)) await hear(piece);
  } finally {
    session.removeStream(streamId);
  }
  if (samplesHeard === 0) throw new Error('has no samples');
  const { final: _, start: __, end: ___, network: ____, ...report } = summary.report(nowMs, true);
  return { seconds: samplesHeard / sampleRateHz, report, curve };
}

function pointOf(event: StreamEvent): Omit<CurvePoint, 'second'> {
  if (event.type === 'noscore') return { reason: event.reason };
  const { mosLqo, interval, causes } = event;
  return { mosLqo, lower: interval.lower, upper: interval.upper, ...(causes === undefined ? {} : { causes }) };
}

/** The same samples in pieces of one tick; the last may be shorter. */
async function* inTicks(pieces: AsyncIterable<Float32Array>): AsyncGenerator<Float32Array> {
  let held = new Float32Array(0);
  for await (const piece of pieces) {
    const bad = piece.findIndex((sample) => !Number.isFinite(sample));
    if (bad >= 0) throw new Error('has a sample that is not a number');
    const all = new Float32Array(held.length + piece.length);
    all.set(held);
    all.set(piece, held.length);
    const whole = all.length - (all.length % tickSamples);
    for (let at = 0; at < whole; at += tickSamples) yield all.subarray(at, at + tickSamples);
    held = all.slice(whole);
  }
  if (held.length > 0) yield held;
}
