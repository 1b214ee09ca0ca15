/** First wait, ms; doubled with each failure that follows without a score in between, up to the longest one. */
const firstWaitMs = 10_000;
const longestWaitMs = 300_000;

/**
 * How long a stream is left alone after it could not be scored: 10 s, doubled with each failure up to 5 min; from the start
 * again after a score. Pure: time is an argument, ms.
 */
export class Quarantine {
  #waitMs = firstWaitMs;
  #untilMs: number | undefined;

  /** From `begin` to `end`. */
  get active(): boolean {
    return this.#untilMs !== undefined;
  }

  begin(nowMs: number): void {
    this.#untilMs = nowMs + this.#waitMs;
    this.#waitMs = Math.min(longestWaitMs, 2 * this.#waitMs);
  }

  /** It is active, and its time is up: the stream may be tried again. */
  isOver(nowMs: number): boolean {
    return this.#untilMs !== undefined && nowMs >= this.#untilMs;
  }

  end(): void {
    this.#untilMs = undefined;
  }

  /** The stream was scored. */
  clear(): void {
    this.#waitMs = firstWaitMs;
  }
}
