import type { types } from 'mediasoup';
import { mosEventTypes } from '../../plugin/feeds/event-types.ts';
import { createMosObserver, type MosObserver, Scorer, type ScorerOptions } from '../../plugin/index.ts';
import { createRouter, createTalker, startWorker, type Talker } from '../../test/support/media-server.ts';
import { opusPackets } from '../../test/support/speech.ts';
import { until } from '../../test/support/waiting.ts';

/** A call through a real mediasoup worker, everybody in it talks. */
export class Call {
  readonly worker: types.Worker;
  readonly router: types.Router;
  readonly observer: MosObserver;
  readonly scorer: Scorer;
  readonly talkers: Talker[] = [];
  /** Scores by producer, since `forget`. */
  readonly scores = new Map<string, number>();
  /** Reasons for having none, since `forget`. */
  readonly reasons = new Map<string, number>();
  readonly #sequences = new Map<string, number>();
  /** Numbers of events that are missing or out of order. */
  holes = 0;

  private constructor(worker: types.Worker, router: types.Router, observer: MosObserver, scorer: Scorer) {
    this.worker = worker;
    this.router = router;
    this.observer = observer;
    this.scorer = scorer;
    const number = ({ producerId, sequence }: { producerId: string; sequence: number }) => {
      if (sequence !== (this.#sequences.get(producerId) ?? -1) + 1) this.holes++;
      this.#sequences.set(producerId, sequence);
    };
    for (const name of mosEventTypes) observer.on(name, number);
    observer.on('score', ({ producerId }) => {
      this.scores.set(producerId, (this.scores.get(producerId) ?? 0) + 1);
    });
    observer.on('noscore', ({ reason }) => {
      this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
    });
  }

  static async start(talkers: number, options: ScorerOptions = {}, scorer?: Scorer): Promise<Call> {
    const worker = await startWorker();
    const router = await createRouter(worker);
    const scores = scorer ?? (await Scorer.create(options));
    const observer = await createMosObserver({ router, scorer: scores, autoAdd: true });
    const call = new Call(worker, router, observer, scores);
    for (let index = 0; index < talkers; index++) {
      const talker = await createTalker(router, opusPackets(index % 2 === 0 ? 'speech/woman-1' : 'speech/man-1'));
      talker.sender.start();
      call.talkers.push(talker);
    }
    await call.everybodyScored();
    return call;
  }

  /** Scores of all, since `forget`. */
  get scoreCount(): number {
    return [...this.scores.values()].reduce((sum, count) => sum + count, 0);
  }

  forget(): void {
    this.scores.clear();
    this.reasons.clear();
  }

  /** Resolves with the ms that it took until each talker has a score, from now on. */
  async everybodyScored(timeoutMs = 40_000): Promise<number> {
    const startMs = performance.now();
    this.forget();
    await until('everybody is scored', () => this.scores.size >= this.talkers.length, timeoutMs);
    return performance.now() - startMs;
  }

  async pid(): Promise<number> {
    const { pid } = (await this.scorer.getStats()).processes[0] ?? {};
    if (pid === undefined) throw new Error('there is no scorer process');
    return pid;
  }

  /** @param options.keepScorer - it goes on without the call */
  async close({ keepScorer = false } = {}): Promise<void> {
    this.observer.close();
    for (const talker of this.talkers) await talker.close();
    this.worker.close();
    if (!keepScorer) await this.scorer.close();
  }
}
