import { SingleBar } from './packages/progress-bar.ts';

/** How finely a bar counts inside one of the things it counts. */
const steps = 1000;

/**
 * Shows on standard error how much of `total` is done and how long the rest takes: a bar on a terminal, elsewhere a line
 * every 10 s.
 */
export class Progress {
  readonly #bar: SingleBar;

  constructor(label: string, unit: string, total: number) {
    this.#bar = new SingleBar({
      stream: process.stderr,
      format: `${label} {bar} {percentage} % of ${total} ${unit} | {eta_formatted} left {note}`,
      hideCursor: true,
      clearOnComplete: true,
      noTTYOutput: true,
      notTTYSchedule: 10_000,
      barsize: 24,
    });
    this.#bar.start(total * steps, 0, { note: '' });
  }

  /** `done`: of the total, with fractions. */
  update(done: number, note = ''): void {
    this.#bar.update(Math.floor(done * steps), { note });
  }

  stop(): void {
    this.#bar.stop();
  }
}
