import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { loadNative } from '../../src/engine/load.ts';
import type { StreamEvent } from '../../src/events.ts';
import { loadModel } from '../../src/model/load.ts';
import type { Model } from '../../src/model/model.ts';
import { ScoringSession } from '../../src/scoring/session.ts';
import { readClip } from '../support/clips.ts';
import { deferredStreaming, deferredWindowed } from '../support/deferred-model.ts';
import { randomModel, windowedModel } from '../support/models.ts';
import { PoisonedEngine } from '../support/poisoned-engine.ts';
import { offlineEngine, opusPayloadType, opusPayloadTypes, story } from '../support/recorded-call.ts';
import { rtpPacket } from '../support/rtp-packet.ts';
import { encode } from '../support/speech.ts';

const speech = readClip('speech/woman-1');
const packets = encode(speech);
const perMs = 16;
const packetMs = 20;

const changes = ['add', 'remove', 'pause', 'resume', 'reset', 'sender', 'model'] as const;
type Kind = (typeof changes)[number] | 'push' | 'poison' | 'cure' | 'tick';

/** Something that happens to the stream of a slot. */
interface Act {
  readonly kind: Kind;
  readonly slot: number;
  readonly amount: number;
}

interface Talker {
  readonly streamId: string;
  readonly rtp: boolean;
  readonly handle: number;
  ssrc: number;
  paused: boolean;
  /** Of the packets. */
  sent: number;
}

const slots = 6;
const longestQuarantineMs = 300_000;

let forms: ((meanwhile: () => void) => Model)[];
before(async () => {
  const { features } = loadNative();
  const streaming = await loadModel(randomModel, features);
  const windowed = await loadModel(windowedModel, features);
  assert.ok(streaming.form === 'streaming' && windowed.form === 'windowed');
  forms = [
    (meanwhile) => deferredStreaming(streaming, meanwhile),
    (meanwhile) => deferredWindowed(windowed, meanwhile),
  ];
});

/** Works off acts: at the call of `next`, which the networks make while they run too. */
class Storm {
  readonly #acts: Act[];
  readonly #models: Model[];
  readonly #poison: PoisonedEngine;
  readonly session: ScoringSession;
  readonly #talkers = new Map<number, Talker>();
  readonly #everPoisoned = new Set<string>();
  readonly #sequences = new Map<string, number>();
  readonly #settings: Promise<unknown>[] = [];
  #nowMs = 1_800_000_000_000;
  #names = 0;
  insideTicks = 0;
  scores = 0;
  faults = 0;

  constructor(form: number, acts: readonly Act[]) {
    this.#acts = [...acts];
    const meanwhile = () => {
      // There is a tick already.
      while (this.#acts[0]?.kind === 'tick') this.#acts.shift();
      if (this.next()) this.insideTicks++;
      if (this.next()) this.insideTicks++;
    };
    this.#models = forms.map((make) => make(meanwhile));
    const model = this.#models[form] as Model;
    this.#poison = new PoisonedEngine(offlineEngine(model));
    const onFault = ({ streamId, error }: { streamId: string; error: unknown }) => {
      this.faults++;
      assert.ok(this.#everPoisoned.has(streamId), `${streamId}: ${(error as Error).stack}`);
    };
    this.session = new ScoringSession({ engine: this.#poison.engine, model, onFault });
  }

  /** The next act that is not a tick; false when a tick is next, or nothing. */
  next(): boolean {
    if (this.#acts.length === 0 || this.#acts[0]?.kind === 'tick') return false;
    this.#perform(this.#acts.shift() as Act);
    return true;
  }

  async run(): Promise<void> {
    while (this.#acts.length > 0) {
      if (this.next()) continue;
      await this.tick(100 + (this.#acts.shift() as Act).amount);
    }
    await Promise.all(this.#settings);
    await this.calm();
  }

  /** Once the streams are let be, each of them is scored. */
  async calm(): Promise<void> {
    this.#poison.poisoned.clear();
    await this.tick(longestQuarantineMs);
    const talkers = [...this.#talkers.values()];
    for (const talker of talkers) {
      this.session.resume(talker.streamId, this.#nowMs);
      talker.paused = false;
    }
    const events: StreamEvent[] = [];
    for (let ms = 0; ms < 7000; ms += 500) {
      for (const talker of talkers) this.#push(talker, 500);
      events.push(...(await this.tick(500)));
    }
    for (const { streamId } of talkers) {
      const own = events.filter((event) => event.streamId === streamId);
      assert.equal(story(own).at(-1), 'score', `${streamId}: ${story(own)}`);
    }
    assert.equal(this.session.toJSON().streams, talkers.length);
    this.session.close();
  }

  async tick(passedMs: number): Promise<StreamEvent[]> {
    this.#nowMs += passedMs;
    const events = await this.session.tick(this.#nowMs, { maxWindows: 4 });
    for (const { streamId, sequence, type } of events) {
      assert.equal(sequence, this.#sequences.get(streamId), streamId);
      this.#sequences.set(streamId, sequence + 1);
      if (type === 'score') this.scores++;
    }
    return events;
  }

  #perform({ kind, slot, amount }: Act): void {
    const talker = this.#talkers.get(slot);
    if (kind === 'model') {
      this.#settings.push(this.session.setModel(this.#models[amount % this.#models.length] as Model));
    } else if (talker === undefined) {
      if (kind !== 'remove') this.#add(slot);
    } else if (kind === 'remove') {
      this.session.removeStream(talker.streamId);
      this.#talkers.delete(slot);
    } else if (kind === 'pause' || kind === 'resume') {
      this.session[kind](talker.streamId, this.#nowMs);
      talker.paused = kind === 'pause';
    } else if (kind === 'reset') {
      this.session.reset(talker.streamId);
    } else if (kind === 'push') {
      this.#push(talker, 4 * amount);
    } else if (kind === 'sender') {
      talker.ssrc++;
      this.#push(talker, 4 * packetMs);
    } else if (kind === 'poison') {
      this.#everPoisoned.add(talker.streamId);
      this.#poison.poisoned.add(talker.handle);
    } else {
      this.#poison.poisoned.delete(talker.handle);
    }
  }

  #add(slot: number): void {
    const streamId = `${slot}-${this.#names++}`;
    const rtp = slot % 2 === 0;
    this.#sequences.set(streamId, 0);
    this.session.addStream({ streamId, payloadTypes: rtp ? opusPayloadTypes : [] }, this.#nowMs);
    this.#talkers.set(slot, { streamId, rtp, handle: this.#poison.handle, ssrc: 1, paused: false, sent: 0 });
  }

  /** Speech of the last `durationMs`. */
  #push(talker: Talker, durationMs: number): void {
    const { streamId, rtp, ssrc } = talker;
    const fromMs = this.#nowMs - durationMs;
    if (!rtp) {
      this.session.pushPcm(streamId, speech.subarray(0, durationMs * perMs), fromMs);
      return;
    }
    for (let ms = 0; ms + packetMs <= durationMs; ms += packetMs) {
      const sequenceNumber = talker.sent++;
      const payload = packets[sequenceNumber % packets.length] as Uint8Array;
      const timestamp = sequenceNumber * packetMs * 48;
      const packet = rtpPacket({ payloadType: opusPayloadType, sequenceNumber, timestamp, ssrc, payload });
      this.session.pushRtp(streamId, packet, fromMs + ms);
    }
  }
}

const acts = (more: readonly Kind[]) =>
  fc.array(
    fc.record({
      kind: fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(...changes, ...more) },
        { weight: 8, arbitrary: fc.constant('push' as const) },
        { weight: 4, arbitrary: fc.constant('tick' as const) },
      ),
      slot: fc.nat(slots - 1),
      amount: fc.nat(900),
    }),
    { minLength: 100, maxLength: 300, size: 'max' },
  );

const total = { steps: 0, insideTicks: 0, scores: 0, faults: 0 };

async function endures(form: number, list: readonly Act[]): Promise<void> {
  const storm = new Storm(form, list);
  await storm.run();
  total.steps += list.length;
  total.insideTicks += storm.insideTicks;
  total.scores += storm.scores;
  total.faults += storm.faults;
}

describe('streams, senders and models come and go between ticks and while a network runs', () => {
  const parameters = { numRuns: 25, seed: 20_211, endOnFailure: true };
  for (const [form, name] of ['streaming', 'windowed'].entries()) {
    it(`and every tick ends well, beginning with the ${name} form`, async () => {
      await fc.assert(
        fc.asyncProperty(acts([]), (list) => endures(form, list)),
        parameters,
      );
    });

    it(`and what fails is the fault of one stream, beginning with the ${name} form`, async () => {
      await fc.assert(
        fc.asyncProperty(acts(['poison', 'cure']), (list) => endures(form, list)),
        parameters,
      );
    });
  }

  after(() => {
    assert.ok(total.steps > 10_000 && total.insideTicks > 1000 && total.faults > 20, JSON.stringify(total));
  });
});
