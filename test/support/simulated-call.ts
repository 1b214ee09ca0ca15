import type { types } from 'mediasoup';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { createMosObserver, type MosObserver } from '../../plugin/index.ts';
import type { NoScoreReason, StreamNoScore, StreamScore } from '../../src/events.ts';
import { FakeScorer, type FakeStream } from './fake-scorer.ts';
import { createRouter, opusProducer, startWorker } from './media-server.ts';

/** How somebody sounds and behaves. */
interface Voice {
  readonly mosLqo: number;
  readonly lossRatio: number;
  readonly causes?: StreamScore['causes'];
  /** Shares of time without a score; the rest is talk. */
  readonly silent: number;
  readonly muted?: number;
  /** Never a score, for this reason. */
  readonly always?: NoScoreReason;
}

const voices: readonly Voice[] = [
  { mosLqo: 4.4, lossRatio: 0, silent: 0.3 },
  { mosLqo: 2.1, lossRatio: 0.12, silent: 0.2, causes: { loss: 0.93, noise: 0.1 } },
  { mosLqo: 3.1, lossRatio: 0.01, silent: 0.4, causes: { noise: 0.81, reverberation: 0.34 } },
  { mosLqo: 4.1, lossRatio: 0, silent: 0.5, muted: 0.3 },
  { mosLqo: 4.0, lossRatio: 0.002, silent: 0.97 },
  { mosLqo: 4.0, lossRatio: 0, silent: 1, always: 'undecodable' },
  { mosLqo: 3.6, lossRatio: 0, silent: 0.6, causes: { 'band-limit': 0.7 } },
  { mosLqo: 4.2, lossRatio: 0, silent: 0.9, muted: 0.9 },
];

/** Seconds that a pause, a mute or a stretch of talk lasts on average. */
const stretchSeconds = 12;

/** One participant whose scores and reasons follow a seeded generator: a step is a second. */
class SimulatedVoice {
  readonly #stream: FakeStream;
  readonly #voice: Voice;
  readonly #random: () => number;
  #doing: 'talk' | NoScoreReason = 'too-short';
  #told = '';
  #drift = 0;

  constructor(stream: FakeStream, voice: Voice, seed: number) {
    this.#stream = stream;
    this.#voice = voice;
    const generator = xoroshiro128plus(seed);
    this.#random = () => uniformFloat64(generator);
  }

  step(): void {
    if (this.#random() < 1 / stretchSeconds || this.#doing === 'too-short') this.#doing = this.#next();
    this.#drift = 0.95 * this.#drift + 0.25 * (this.#random() - 0.5);
    if (this.#doing === 'talk') this.#score();
    else this.#noScore(this.#doing);
  }

  #next(): 'talk' | NoScoreReason {
    const { always, silent, muted = 0 } = this.#voice;
    if (always !== undefined) return always;
    const chance = this.#random();
    if (chance < muted) return 'muted';
    return chance < silent ? 'silence' : 'talk';
  }

  #score(): void {
    const { mosLqo, causes } = this.#voice;
    const clamp = (value: number) => Math.min(4.9, Math.max(1.05, value));
    const mos = clamp(mosLqo + this.#drift);
    const nowMs = Date.now();
    this.#stream.say({
      type: 'score',
      windowStart: nowMs - 9000,
      windowEnd: nowMs,
      speechMs: 7680,
      mosLqo: mos,
      interval: { lower: clamp(mos - 0.45), upper: clamp(mos + 0.45), coverage: 0.9 },
      network: this.#network(),
      ...(causes === undefined ? {} : { causes }),
    });
    this.#told = 'score';
  }

  #noScore(reason: NoScoreReason): void {
    if (this.#told === reason) return;
    this.#told = reason;
    this.#stream.say({ type: 'noscore', reason, since: Date.now(), network: this.#network() });
  }

  #network(): StreamNoScore['network'] {
    const lossRatio = this.#voice.lossRatio * (0.5 + this.#random());
    return { lossRatio, burstRatio: 1.2, jitterMs: 3 + 6 * this.#random(), mosCqe: 4.4 - 12 * lossRatio };
  }
}

/** A call whose sound is made up, in a real router with a real observer: what it says comes from a seeded generator. */
export class SimulatedCall {
  readonly observer: MosObserver;
  readonly router: types.Router;
  readonly #worker: types.Worker;
  readonly #scorer: FakeScorer;
  readonly #producers: types.Producer[] = [];
  readonly #voices: SimulatedVoice[] = [];
  #timer: NodeJS.Timeout | undefined;

  static async create(participants: number): Promise<SimulatedCall> {
    const worker = await startWorker();
    const router = await createRouter(worker);
    const scorer = await FakeScorer.create();
    const observer = await createMosObserver({ router, scorer: scorer.asScorer });
    const call = new SimulatedCall(worker, router, scorer, observer);
    const transport = await router.createDirectTransport();
    for (let number = 0; number < participants; number++) {
      const producer = await transport.produce(opusProducer(1000 + number));
      await observer.addProducer({ producerId: producer.id, participantId: `Participant ${number + 1}` });
      call.#producers.push(producer);
      const voice = voices[number % voices.length] as Voice;
      call.#voices.push(new SimulatedVoice(scorer.streams.at(-1) as FakeStream, voice, number + 1));
    }
    return call;
  }

  private constructor(worker: types.Worker, router: types.Router, scorer: FakeScorer, observer: MosObserver) {
    this.#worker = worker;
    this.router = router;
    this.#scorer = scorer;
    this.observer = observer;
  }

  /** One second of everybody. */
  step(): void {
    for (const voice of this.#voices) voice.step();
  }

  /** A step a second from now on. */
  start(): void {
    this.#timer ??= setInterval(() => this.step(), 1000);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** This participant, counted from 0, leaves. */
  leave(number: number): void {
    this.#producers[number]?.close();
  }

  async close(): Promise<void> {
    this.stop();
    this.observer.close();
    await this.#scorer.close();
    this.#worker.close();
  }
}
