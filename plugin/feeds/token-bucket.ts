/** Allows so much at once and so much on average: a token bucket. Time is an argument. */
export class TokenBucket {
  readonly #capacity: number;
  readonly #refillMs: number;
  #tokens: number;
  #at: number | undefined;

  /**
   * @param capacity - what may be taken at once
   * @param refillMs - time in which an empty bucket fills, ms
   */
  constructor(capacity: number, refillMs: number) {
    this.#capacity = capacity;
    this.#refillMs = refillMs;
    this.#tokens = capacity;
  }

  /** Takes one; false where there is none. */
  take(nowMs: number): boolean {
    const passedMs = nowMs - (this.#at ?? nowMs);
    this.#at = nowMs;
    this.#tokens = Math.min(this.#capacity, this.#tokens + (passedMs / this.#refillMs) * this.#capacity);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
