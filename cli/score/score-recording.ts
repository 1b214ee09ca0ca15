import type { CallReport, StreamEvent, StreamScore } from '../../src/events.ts';
import { resolveScorerOptions } from '../../src/host/scorer-options.ts';
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
  /** Probability of each cause that the model outputs. */
  readonly causes?: Readonly<Record<string, number>>;
}

/** Scores of a recording. */
export interface RecordingScore {
  readonly seconds: number;
  /** What is odd about the file; absent when nothing is. */
  readonly notes?: readonly string[];
  /** As of a call. */
  readonly report: Omit<CallReport, 'final' | 'start' | 'end' | 'network'>;
  readonly curve: readonly CurvePoint[];
}

/** Speech that a recording must hold to be scored, ms. */
export const leastSpeechMs = 500;
/** Talk up to which a recording that is too short for the model is repeated, ms. */
const repeatedTalkMs = 3000;
/** Sound that is kept to be repeated, s. */
const keptSeconds = 30;
const tickMs = 100;
const tickSamples = (sampleRateHz * tickMs) / 1000;
/** The time of a recording's first sample, Unix ms: a session takes 0 for "never". */
const startMs = Date.UTC(2000, 0, 1);
const streamId = 'recording';

/**
 * Scores a recording as a live call would be, as fast as it can be computed.
 *
 * @param session - that scores from `leastSpeechMs` of speech, without a stream of this name; it may be used again
 * @param onSeconds - called with how much was decoded, s
 */
export async function scoreRecording(
  session: ScoringSession,
  recording: Recording,
  onSeconds: (seconds: number) => void = () => {},
): Promise<RecordingScore> {
  // As live, and with scores of less speech than that: only used where there is no other.
  const live = new Track(resolveScorerOptions({}).minSpeechMs);
  const lenient = new Track(leastSpeechMs);
  let samplesHeard = 0;
  let nowMs = startMs;
  let kept: Float32Array[] = [];
  let talkMs = 0;

  const passTo = async (untilMs: number) => {
    nowMs = untilMs;
    const events = await session.tick(nowMs);
    for (const track of [live, lenient]) track.pass(events, nowMs);
  };
  /** Keeps the first talk, with a second before it, while it may be too little to be scored. */
  const keep = (samples: Float32Array) => {
    if (live.scored) {
      kept = [];
      return;
    }
    talkMs = session.streamStats(streamId).talkMs;
    if (kept.length < (1000 * keptSeconds) / tickMs) kept.push(samples.slice());
    if (talkMs === 0 && kept.length > 1000 / tickMs) kept.shift();
  };
  const hear = async (samples: Float32Array) => {
    session.pushPcm(streamId, samples, nowMs);
    samplesHeard += samples.length;
    await passTo(startMs + (1000 * samplesHeard) / sampleRateHz);
    keep(samples);
    if (samplesHeard % sampleRateHz === 0) endSecond();
  };
  const endSecond = () => {
    const second = Math.ceil(samplesHeard / sampleRateHz) - 1;
    for (const track of [live, lenient]) track.endSecond(second);
    onSeconds(samplesHeard / sampleRateHz);
  };

  session.addStream({ streamId }, startMs);
  try {
    for await (const piece of inTicks(recording.samples)) await hear(piece);
    if (samplesHeard % sampleRateHz !== 0) endSecond();
  } finally {
    session.removeStream(streamId);
  }
  if (samplesHeard === 0) throw new Error('has no samples');
  const notes = recording.notes.length > 0 ? { notes: recording.notes } : {};
  const seconds = samplesHeard / sampleRateHz;
  if (!live.scored && talkMs > 0 && talkMs < repeatedTalkMs) {
    // Talk is noticed late: with less than it takes, the end of the recording is not in `talkMs`.
    const repeats = Math.ceil(repeatedTalkMs / Math.max(talkMs, leastSpeechMs));
    const score = await scoreRepeated(session, kept, repeats);
    if (score !== undefined) return { seconds, ...notes, ...live.concluded(score, nowMs) };
  }
  return { seconds, ...notes, ...(live.scored ? live : lenient).result(nowMs) };
}

/**
 * The last score of sound that is repeated: on pieces of 0.5 s of the test recordings within 0.4 MOS (RMSE) of the score of
 * 7.68 s; undefined when it holds too little speech.
 */
async function scoreRepeated(
  session: ScoringSession,
  pieces: readonly Float32Array[],
  repeats: number,
): Promise<StreamScore | undefined> {
  let score: StreamScore | undefined;
  let samplesHeard = 0;
  session.addStream({ streamId, repeats }, startMs);
  try {
    for (let pass = 0; pass < repeats; pass++) {
      for (const samples of pieces) {
        session.pushPcm(streamId, samples, startMs + (1000 * samplesHeard) / sampleRateHz);
        samplesHeard += samples.length;
        for (const event of await session.tick(startMs + (1000 * samplesHeard) / sampleRateHz)) {
          if (event.type === 'score' && event.speechMs >= leastSpeechMs) score = event;
        }
      }
    }
  } finally {
    session.removeStream(streamId);
  }
  return score;
}

/** What becomes of the events of a recording when a score takes so much speech, ms. */
class Track {
  readonly #minSpeechMs: number;
  readonly #summary = new CallSummary(startMs);
  readonly #monitor = new QualityMonitor(defaultThresholds);
  readonly #curve: CurvePoint[] = [];
  #newest: Omit<CurvePoint, 'second'> = { reason: 'too-short' };
  #scored = false;

  constructor(minSpeechMs: number) {
    this.#minSpeechMs = minSpeechMs;
  }

  get scored(): boolean {
    return this.#scored;
  }

  /** Time passes, with these events. */
  pass(events: readonly StreamEvent[], nowMs: number): void {
    for (const event of events) {
      const enough = event.type === 'noscore' || event.speechMs >= this.#minSpeechMs;
      this.#note(enough ? event : { ...event, type: 'noscore', reason: 'too-short', since: nowMs }, nowMs);
    }
    for (const change of this.#monitor.advance(nowMs)) this.#summary.change(change, nowMs);
  }

  endSecond(second: number): void {
    this.#curve.push({ second, ...this.#newest });
  }

  /** The result with a score of the whole, at its end. */
  concluded(score: StreamScore, nowMs: number): Pick<RecordingScore, 'report' | 'curve'> {
    this.#note(score, nowMs);
    const last = this.#curve.pop();
    if (last !== undefined) this.endSecond(last.second);
    return this.result(nowMs);
  }

  result(nowMs: number): Pick<RecordingScore, 'report' | 'curve'> {
    const { final: _, start: __, end: ___, network: ____, ...report } = this.#summary.report(nowMs, true);
    return { report, curve: this.#curve };
  }

  #note(event: StreamEvent, nowMs: number): void {
    const changes = event.type === 'score' ? this.#monitor.score(event, nowMs) : this.#monitor.noScore(nowMs);
    if (event.type === 'score') this.#summary.score(event, this.#monitor.state, nowMs);
    else this.#summary.noScore(event, nowMs);
    for (const change of changes) this.#summary.change(change, nowMs);
    if (event.type === 'score') this.#scored = true;
    this.#newest = pointOf(event);
  }
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
