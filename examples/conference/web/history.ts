import type { NoScoreReason } from '../../../src/events.ts';

export interface ScorePoint {
  readonly atMs: number;
  readonly mosLqo: number;
  readonly lower: number;
  readonly upper: number;
}

export interface NoScoreSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly reason: NoScoreReason;
}

type Entry = ({ type: 'score' } & ScorePoint) | { type: 'noscore'; atMs: number; reason: NoScoreReason };

/** What was said of one participant in the last `spanMs`. */
export class History {
  readonly spanMs: number;
  #entries: Entry[] = [];

  constructor(spanMs: number) {
    this.spanMs = spanMs;
  }

  addScore(point: ScorePoint): void {
    this.#add({ type: 'score', ...point });
  }

  addNoScore(atMs: number, reason: NoScoreReason): void {
    const last = this.#entries.at(-1);
    if (last?.type === 'noscore' && last.reason === reason) return;
    this.#add({ type: 'noscore', atMs, reason });
  }

  /** Scores that follow each other without anything in between. */
  runs(nowMs: number): ScorePoint[][] {
    const runs: ScorePoint[][] = [];
    let run: ScorePoint[] | undefined;
    for (const entry of this.#since(nowMs - this.spanMs)) {
      if (entry.type === 'noscore') run = undefined;
      else if (run) run.push(entry);
      else {
        run = [entry];
        runs.push(run);
      }
    }
    return runs;
  }

  /** When there was no score; each lasts until the next score or reason. */
  spans(nowMs: number): NoScoreSpan[] {
    const startMs = nowMs - this.spanMs;
    const entries = this.#since(startMs);
    return entries.flatMap((entry, index) => {
      if (entry.type === 'score') return [];
      const toMs = entries[index + 1]?.atMs ?? nowMs;
      return toMs < startMs ? [] : [{ fromMs: Math.max(entry.atMs, startMs), toMs, reason: entry.reason }];
    });
  }

  #add(entry: Entry): void {
    this.#entries = [...this.#since(entry.atMs - this.spanMs), entry];
  }

  /** With the last entry before, which holds until the first one inside. */
  #since(startMs: number): Entry[] {
    const first = this.#entries.findIndex(({ atMs }) => atMs >= startMs);
    return this.#entries.slice(first === -1 ? -1 : Math.max(0, first - 1));
  }
}
