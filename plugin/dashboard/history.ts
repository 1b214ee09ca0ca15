import { type NoScoreReason, noScoreReasons } from '../../src/event-words.ts';

/** A score as it is kept: to 0.02 MOS, at the middle of its bucket. */
export interface ScorePoint {
  /** Unix ms. */
  readonly atMs: number;
  /** MOS, 1 to 5. */
  readonly mosLqo: number;
  /** Ends of the interval, MOS. */
  readonly lower: number;
  readonly upper: number;
  /** From the network alone, MOS. */
  readonly mosCqe: number;
}

/** Scores that follow each other without anything in between. */
export interface ScoreRun {
  readonly type: 'scores';
  readonly fromMs: number;
  readonly toMs: number;
  readonly points: readonly ScorePoint[];
}

/** A time without scores. */
export interface NoScoreSpan {
  readonly type: 'noscore';
  readonly fromMs: number;
  readonly toMs: number;
  readonly reason: NoScoreReason;
}

export type HistoryPart = ScoreRun | NoScoreSpan;

/** A history as bytes: records of `recordBytes` from the oldest bucket on. */
export interface PackedHistory {
  /** The first record's bucket: Unix ms / bucketMs, whole. */
  readonly firstBucket: number;
  readonly bytes: Uint8Array;
}

/** kind, mosLqo, lower, upper, mosCqe */
const recordBytes = 5;
/** Kinds of buckets: there was no event in it, there was a score, or there was none, for the reason at `kind - firstReason` of `noScoreReasons`. */
const nothing = 0;
const score = 1;
const firstReason = 2;

/** MOS 1 to 5 as 1 to 255. */
const toByte = (mos: number): number => 1 + Math.round((Math.min(5, Math.max(1, mos)) - 1) * (254 / 4));
const fromByte = (byte: number): number => 1 + (byte - 1) * (4 / 254);

/**
 * Recent events of one producer, in memory of a fixed size: a ring of buckets, five bytes each. A bucket keeps
 * its last score; where it has none, the reason. A reason lasts until the next score. Knows no clock: time is an argument
 * and does not run backwards (what comes late counts as now).
 */
export class History {
  readonly bucketMs: number;
  readonly #capacity: number;
  readonly #ring: Uint8Array;
  /** Buckets before this one are forgotten or unknown. */
  #first = 0;
  /** The newest bucket with something in it; before the first, -1. */
  #newest = -1;
  /** The kind that lasts: a reason, or `nothing` after a score. */
  #lasting = nothing;

  /**
   * @param options.bucketMs - time resolution
   * @param options.spanMs - how far back it remembers
   */
  constructor({ bucketMs, spanMs }: { bucketMs: number; spanMs: number }) {
    this.bucketMs = bucketMs;
    this.#capacity = Math.ceil(spanMs / bucketMs);
    this.#ring = new Uint8Array(this.#capacity * recordBytes);
  }

  addScore({ atMs, mosLqo, lower, upper, mosCqe }: ScorePoint): void {
    this.#advance(Math.floor(atMs / this.bucketMs));
    this.#write(this.#newest, [score, toByte(mosLqo), toByte(lower), toByte(upper), toByte(mosCqe)]);
    this.#lasting = nothing;
  }

  addNoScore(atMs: number, reason: NoScoreReason): void {
    const kind = firstReason + noScoreReasons.indexOf(reason);
    this.#advance(Math.floor(atMs / this.bucketMs));
    if (this.#kind(this.#newest) !== score) this.#write(this.#newest, [kind, 0, 0, 0, 0]);
    this.#lasting = kind;
  }

  /** Events between two times, oldest first. */
  parts(fromMs: number, toMs: number): HistoryPart[] {
    if (this.#newest < 0) return [];
    const parts: HistoryPart[] = [];
    let run: { type: 'scores'; fromMs: number; toMs: number; points: ScorePoint[] } | undefined;
    const from = Math.max(this.#first, Math.floor(fromMs / this.bucketMs));
    const to = Math.min(this.#newest, Math.floor(toMs / this.bucketMs));
    for (let bucket = from; bucket <= to; bucket++) {
      const kind = this.#kind(bucket);
      if (kind === score) {
        const toMs = (bucket + 1) * this.bucketMs;
        if (run === undefined) {
          run = { type: 'scores', fromMs: bucket * this.bucketMs, toMs, points: [] };
          parts.push(run);
        }
        run.points.push(this.#point(bucket));
        run.toMs = toMs;
      } else if (kind !== nothing) {
        run = undefined;
        this.#extend(parts, kind, bucket * this.bucketMs, (bucket + 1) * this.bucketMs);
      }
    }
    const newestEndMs = (this.#newest + 1) * this.bucketMs;
    if (this.#lasting !== nothing && toMs > newestEndMs) {
      this.#extend(parts, this.#lasting, Math.max(newestEndMs, fromMs), toMs);
    }
    return parts;
  }

  /** For another `History` of the same `bucketMs`, as of `nowMs`. */
  pack(nowMs: number): PackedHistory {
    if (this.#newest < 0) return { firstBucket: 0, bytes: new Uint8Array(0) };
    if (this.#lasting !== nothing) this.#advance(Math.floor(nowMs / this.bucketMs));
    const bytes = new Uint8Array((this.#newest - this.#first + 1) * recordBytes);
    const older = this.#ring.subarray(this.#offset(this.#first)).subarray(0, bytes.length);
    bytes.set(older);
    bytes.set(this.#ring.subarray(0, bytes.length - older.length), older.length);
    return { firstBucket: this.#first, bytes };
  }

  /** Replaces everything by what was packed elsewhere. */
  unpack({ firstBucket, bytes }: PackedHistory): void {
    this.#newest = -1;
    this.#lasting = nothing;
    for (let at = 0; at + recordBytes <= bytes.length; at += recordBytes) {
      const record = [...bytes.subarray(at, at + recordBytes)];
      const [kind = nothing] = record;
      if (kind >= firstReason + noScoreReasons.length) throw new RangeError(`history: unknown kind ${kind}`);
      if (kind === nothing) continue;
      this.#advance(firstBucket + at / recordBytes);
      this.#write(this.#newest, record);
      this.#lasting = kind === score ? nothing : kind;
    }
  }

  /** Makes this bucket the newest; what lasts fills those skipped, and old ones are forgotten. */
  #advance(bucket: number): void {
    if (this.#newest < 0) {
      this.#first = bucket;
      this.#newest = bucket;
      this.#write(bucket, [nothing, 0, 0, 0, 0]);
      return;
    }
    const skippedFrom = Math.max(this.#newest + 1, bucket - this.#capacity + 1);
    for (let skipped = skippedFrom; skipped <= bucket; skipped++) this.#write(skipped, [this.#lasting, 0, 0, 0, 0]);
    this.#newest = Math.max(this.#newest, bucket);
    this.#first = Math.max(this.#first, this.#newest - this.#capacity + 1);
  }

  #extend(parts: HistoryPart[], kind: number, fromMs: number, toMs: number): void {
    const reason = noScoreReasons[kind - firstReason] as NoScoreReason;
    const last = parts.at(-1);
    if (last?.type === 'noscore' && last.reason === reason) parts[parts.length - 1] = { ...last, toMs };
    else parts.push({ type: 'noscore', fromMs, toMs, reason });
  }

  #point(bucket: number): ScorePoint {
    const at = this.#offset(bucket);
    const mos = (index: number) => fromByte(this.#ring[at + index] as number);
    return { atMs: (bucket + 0.5) * this.bucketMs, mosLqo: mos(1), lower: mos(2), upper: mos(3), mosCqe: mos(4) };
  }

  #kind(bucket: number): number {
    return this.#ring[this.#offset(bucket)] as number;
  }

  #write(bucket: number, record: readonly number[]): void {
    this.#ring.set(record, this.#offset(bucket));
  }

  #offset(bucket: number): number {
    return (bucket % this.#capacity) * recordBytes;
  }
}
