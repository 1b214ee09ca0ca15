import { checkNumber } from '../../src/base/options.ts';

export interface RequestSchedulerOptions {
  /** Requests a second in all, 0.1 to 1000. */
  readonly requestsPerSecond: number;
  /** One subject is asked again after this time at the earliest, ms. Default 2000. */
  readonly minIntervalMs?: number;
}

/** Requests without an answer at a time: a worker that does not answer is not asked more. */
const maxInFlight = 32;

interface Subject {
  inFlight: boolean;
  askedMs: number;
}

/**
 * Whom to ask next, at a bounded rate. In turn, the longest not asked first; every other request goes to a subject with a hint,
 * while there is one, so that hints cannot starve the others. Has no clock: every call takes the time, ms.
 */
export class RequestScheduler<T> {
  readonly #perMs: number;
  readonly #minIntervalMs: number;
  /** In the order in which they were asked, the longest ago first. */
  readonly #subjects = new Map<T, Subject>();
  readonly #hinted = new Set<T>();
  #tokens = 1;
  #refilledMs: number | undefined;
  #inFlight = 0;
  #hintsTurn = true;

  /** @throws TypeError | RangeError naming the option */
  constructor({ requestsPerSecond, minIntervalMs = 2000 }: RequestSchedulerOptions) {
    checkNumber('requestsPerSecond', requestsPerSecond, 0.1, 1000);
    checkNumber('minIntervalMs', minIntervalMs, 0, 3_600_000);
    this.#perMs = requestsPerSecond / 1000;
    this.#minIntervalMs = minIntervalMs;
  }

  get size(): number {
    return this.#subjects.size;
  }

  add(subject: T): void {
    if (this.#subjects.has(subject)) return;
    this.#subjects.set(subject, { inFlight: false, askedMs: Number.NEGATIVE_INFINITY });
  }

  /** Forgets it, with its request if one is under way. */
  remove(subject: T): void {
    if (this.#subjects.get(subject)?.inFlight) this.#inFlight--;
    this.#subjects.delete(subject);
    this.#hinted.delete(subject);
  }

  /** Something changed for it. */
  hint(subject: T): void {
    if (this.#subjects.has(subject)) this.#hinted.add(subject);
  }

  /** Its request ended, well or not. */
  done(subject: T): void {
    const state = this.#subjects.get(subject);
    if (!state?.inFlight) return;
    state.inFlight = false;
    this.#inFlight--;
  }

  /** Whom to ask now; each is in flight until `done`. */
  next(nowMs: number): T[] {
    const passedMs = Math.max(0, nowMs - (this.#refilledMs ?? nowMs));
    this.#refilledMs = nowMs;
    // Not more than a second's worth at once, whatever pause there was.
    this.#tokens = Math.min(Math.max(1, this.#perMs * 1000), this.#tokens + passedMs * this.#perMs);
    const chosen: T[] = [];
    while (this.#tokens >= 1 && this.#inFlight < maxInFlight) {
      const subject = this.#choose(nowMs);
      if (subject === undefined) break;
      this.#tokens--;
      chosen.push(subject);
    }
    return chosen;
  }

  #choose(nowMs: number): T | undefined {
    const first = this.#hintsTurn ? this.#firstDue(this.#hinted, nowMs) : undefined;
    this.#hintsTurn = first === undefined;
    const subject = first ?? this.#firstDue(this.#subjects.keys(), nowMs);
    if (subject === undefined) return undefined;
    this.#hinted.delete(subject);
    this.#subjects.delete(subject); // to the end of the order
    this.#subjects.set(subject, { inFlight: true, askedMs: nowMs });
    this.#inFlight++;
    return subject;
  }

  #firstDue(subjects: Iterable<T>, nowMs: number): T | undefined {
    for (const subject of subjects) {
      const state = this.#subjects.get(subject);
      if (state === undefined) continue;
      if (!state.inFlight && nowMs - state.askedMs >= this.#minIntervalMs) return subject;
    }
    return undefined;
  }
}
