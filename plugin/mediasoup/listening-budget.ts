import { checkKeys } from '../../src/base/options.ts';
import { RequestScheduler } from './request-scheduler.ts';

export interface ListeningBudgetOptions {
  /** Requests for statistics a second, 0.1 to 1000. Default 20. */
  requestsPerSecond?: number;
}

/** What may be asked for its statistics. */
export interface Askable {
  /** Never rejects. */
  ask(): Promise<void>;
}

const tickMs = 100;

/**
 * How many requests for statistics a worker gets. Observers whose routers are on one worker share one: with 200 consumers and
 * 20 requests a second, each is asked every 10 s, and one whose score changes sooner.
 */
export class ListeningBudget {
  readonly #scheduler: RequestScheduler<Askable>;
  #timer: NodeJS.Timeout | undefined;

  /** @throws TypeError | RangeError naming the option */
  constructor(options: ListeningBudgetOptions = {}) {
    checkKeys('ListeningBudget', options, ['requestsPerSecond']);
    this.#scheduler = new RequestScheduler({ requestsPerSecond: options.requestsPerSecond ?? 20 });
  }

  /** @internal */
  add(subject: Askable): void {
    this.#scheduler.add(subject);
    this.#timer ??= setInterval(this.#tick, tickMs).unref();
  }

  /** @internal */
  remove(subject: Askable): void {
    this.#scheduler.remove(subject);
    if (this.#scheduler.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** @internal */
  hint(subject: Askable): void {
    this.#scheduler.hint(subject);
  }

  readonly #tick = () => {
    for (const subject of this.#scheduler.next(performance.now())) {
      const done = () => this.#scheduler.done(subject);
      subject.ask().then(done, done);
    }
  };
}
