import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { types } from 'mediasoup';
import { createMosObserver, type MosObserver } from '../../plugin/index.ts';
import { InvalidStateError } from '../../src/base/errors.ts';
import { FakeScorer, type FakeStream } from '../support/fake-scorer.ts';
import { createRouter, createTalker, opusProducer, startWorker, type Talker } from '../support/media-server.ts';
import { nextEvent, until } from '../support/waiting.ts';

/** One frame of Opus that says nothing: TOC of 20 ms CELT, without data. */
const silence = [Uint8Array.of(0xf8, 0xff, 0xfe)];
const rejection = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => assert.fail('was expected to reject'),
    (error: Error) => error,
  );

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('the tap of a producer', () => {
  let worker: types.Worker;
  let router: types.Router;
  let scorer: FakeScorer;
  let observer: MosObserver;
  let talker: Talker;
  let tapTransports: types.Transport[];
  const producerId = () => talker.producer.id;
  const stream = () => scorer.openStreams[0] as FakeStream;

  before(async () => {
    worker = await startWorker();
  });
  after(() => worker.close());

  beforeEach(async () => {
    router = await createRouter(worker);
    scorer = await FakeScorer.create();
    observer = await createMosObserver({ router, scorer: scorer.asScorer });
    talker = await createTalker(router, silence);
    tapTransports = [];
    router.observer.on('newtransport', (transport) => tapTransports.push(transport));
  });
  afterEach(async () => {
    await talker.close();
    observer.close();
    router.close();
    await scorer.close();
  });

  describe('works', () => {
    it('tells the scorer where the packets come from, and they do come from there', async () => {
      await observer.addProducer({ producerId: producerId() });
      talker.sender.start();
      await until('packets from the stated source', () => scorer.hears(stream()));
    });

    it('leaves nothing behind when its producer closes in the very moment in which the consumer is there', async () => {
      await observer.addProducer({ producerId: producerId() });
      const [transport] = tapTransports as [types.Transport];
      const consume = transport.consume.bind(transport);
      for (let turns = 0; turns < 20; turns++) {
        const producer = await talker.transport.produce(opusProducer(1000 + turns));
        let consumer: types.Consumer | undefined;
        transport.consume = (async (options: types.ConsumerOptions) => {
          consumer = await consume(options);
          const closeAfter = (left: number): void =>
            left === 0 ? producer.close() : queueMicrotask(() => closeAfter(left - 1));
          closeAfter(turns);
          return consumer;
        }) as typeof transport.consume;
        await observer.addProducer({ producerId: producer.id }).catch(() => {});
        assert.equal(producer.closed, true);
        assert.equal(scorer.openStreams.length, 1, `streams left, closed after ${turns} microtasks`);
        assert.equal(consumer?.closed, true);
      }
    });

    it('tells the scorer the payload types of the router', async () => {
      await observer.addProducer({ producerId: producerId() });
      const opus = router.rtpCapabilities.codecs?.find(({ mimeType }) => mimeType === 'audio/opus');
      assert.deepEqual(stream().options.payloadTypes, [
        { payloadType: opus?.preferredPayloadType, mimeType: 'audio/opus', clockRateHz: 48000, channels: 2 },
      ]);
    });

    it('tells the scorer the id of the audio level extension where the sender has it', async () => {
      const uri = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
      const options = opusProducer(77);
      options.rtpParameters.headerExtensions = [{ uri, id: 1 }];
      const producer = await talker.transport.produce(options);
      await observer.addProducer({ producerId: producer.id });
      const ofRouter = router.rtpCapabilities.headerExtensions?.find((extension) => extension.uri === uri);
      assert.equal(stream().options.audioLevelExtensionId, ofRouter?.preferredId);
    });

    it('asks mediasoup for no feedback, retransmission or bandwidth estimation', async () => {
      const consumers: types.Consumer[] = [];
      router.observer.on('newtransport', ({ observer }) => observer.on('newconsumer', (c) => consumers.push(c)));
      await observer.addProducer({ producerId: producerId() });
      const [consumer] = consumers;
      assert.equal(consumers.length, 1);
      assert.deepEqual(
        consumer?.rtpParameters.codecs.map(({ rtcpFeedback }) => rtcpFeedback),
        [[]],
      );
      assert.equal(consumer?.rtpParameters.encodings?.[0]?.rtx, undefined);
      const [stats] = (await (tapTransports[0] as types.Transport).getStats()) as {
        availableOutgoingBitrate?: number;
      }[];
      assert.equal(stats?.availableOutgoingBitrate, undefined);
    });

    it('sends nothing while the process that receives is gone, of producers added meanwhile neither', async () => {
      const consumers: types.Consumer[] = [];
      router.observer.on('newtransport', ({ observer }) => observer.on('newconsumer', (each) => consumers.push(each)));
      await observer.addProducer({ producerId: producerId() });
      const allPaused = (paused: boolean) => consumers.every((consumer) => consumer.paused === paused);
      assert.equal(allPaused(false), true);
      scorer.setUp(false);
      await until('the tap is paused', () => allPaused(true));
      const second = await talker.transport.produce(opusProducer(78));
      await observer.addProducer({ producerId: second.id });
      await talker.producer.pause();
      await talker.producer.resume();
      assert.equal(consumers.length, 2);
      assert.equal(allPaused(true), true);
      scorer.setUp(true);
      await until('both taps go on', () => allPaused(false));
      talker.sender.start();
      await until('packets', () => scorer.hears(stream()));
    });

    it('uses one transport for many producers', async () => {
      const second = await talker.transport.produce(opusProducer(78));
      await Promise.all([producerId(), second.id].map((id) => observer.addProducer({ producerId: id })));
      assert.equal(scorer.openStreams.length, 2);
      assert.equal(tapTransports.length, 1);
    });

    it('tells the scorer that the producer paused and resumed', async () => {
      await observer.addProducer({ producerId: producerId() });
      await talker.producer.pause();
      await until('stream paused', () => stream().paused);
      await talker.producer.resume();
      await until('stream resumed', () => !stream().paused);
    });

    it('starts paused for a producer that is paused', async () => {
      await talker.producer.pause();
      await observer.addProducer({ producerId: producerId() });
      assert.equal(stream().paused, true);
    });

    it('counts events of a producer without gaps, over a pause of the observer too', async () => {
      const sequences: number[] = [];
      observer.on('noscore', ({ sequence }) => sequences.push(sequence));
      await observer.addProducer({ producerId: producerId() });
      stream().say({ type: 'noscore', reason: 'silence' });
      stream().say({ type: 'noscore', reason: 'too-short' });
      await observer.pause();
      assert.deepEqual(observer.current, []);
      await observer.resume();
      stream().say({ type: 'noscore', reason: 'silence' });
      assert.deepEqual(sequences, [0, 1, 2]);
    });

    it('does not hear while the observer is paused', async () => {
      await observer.pause();
      await observer.addProducer({ producerId: producerId() });
      assert.equal(scorer.streams.length, 0);
      await observer.resume();
      talker.sender.start();
      await until('packets from the stated source', () => scorer.hears(stream()));
      await observer.pause();
      assert.equal(scorer.openStreams.length, 0);
    });
  });

  describe('when the scorer moves to another endpoint', () => {
    it('sends there, on the same stream', async () => {
      await observer.addProducer({ producerId: producerId() });
      talker.sender.start();
      const before = stream();
      const firstPort = before.source.port;
      const to = await scorer.changeEndpoint();
      await until('another source', () => stream().source.endpoint.id === to.id);
      assert.equal(stream(), before);
      assert.notEqual(stream().source.port, firstPort);
      await until('packets at the new endpoint', () => scorer.hears(stream()));
      await until('old transport closed', () => tapTransports[0]?.closed === true);
    });

    it('follows also while the tap is being opened', async () => {
      const adding = observer.addProducer({ producerId: producerId() });
      const to = await scorer.changeEndpoint();
      await adding;
      talker.sender.start();
      await until('the new endpoint', () => stream().source.endpoint.id === to.id);
      await until('packets from the stated source', () => scorer.hears(stream()));
      assert.equal(scorer.openStreams.length, 1);
    });

    it('follows while the observer is paused, and hears again after resume', async () => {
      await observer.addProducer({ producerId: producerId() });
      await observer.pause();
      const to = await scorer.changeEndpoint();
      await observer.resume();
      talker.sender.start();
      await until('the new endpoint', () => stream()?.source.endpoint.id === to.id);
      await until('packets from the stated source', () => scorer.hears(stream()));
    });
  });

  describe('when something closes meanwhile', () => {
    const nothingIsLeft = async () => {
      assert.equal(scorer.openStreams.length, 0);
      if (router.closed) return;
      const consumers = async () => (await router.dump()).mapConsumerIdProducerId.length;
      await until('no consumer left', async () => (await consumers()) === 0);
    };

    it('the producer: addProducer rejects', async () => {
      const adding = rejection(observer.addProducer({ producerId: producerId() }));
      talker.producer.close();
      assert.match((await adding).message, new RegExp(producerId()));
      await nothingIsLeft();
    });

    it('the producer, as seen by autoAdd: not a word', async () => {
      const events: unknown[] = [];
      const eager = await createMosObserver({ router, scorer: scorer.asScorer, autoAdd: true });
      eager.on('producererror', (event) => events.push(event));
      eager.on('producerclose', (event) => events.push(event));
      const producer = await talker.transport.produce(opusProducer(79));
      producer.close();
      await eager.addProducer({ producerId: producerId() });
      assert.deepEqual(events, []);
      assert.equal(scorer.openStreams.length, 1);
      eager.close();
      await nothingIsLeft();
    });

    it('the producer is removed: addProducer rejects', async () => {
      await observer.addProducer({ producerId: (await talker.transport.produce(opusProducer(80))).id });
      const adding = rejection(observer.addProducer({ producerId: producerId() }));
      await observer.removeProducer({ producerId: producerId() });
      assert.equal(((await adding) as Error & { code?: string }).code, 'ERR_INVALID_STATE');
      assert.equal(scorer.openStreams.length, 1);
    });

    it('the observer: addProducer rejects', async () => {
      const adding = rejection(observer.addProducer({ producerId: producerId() }));
      observer.close();
      assert.equal(((await adding) as Error & { code?: string }).code, 'ERR_INVALID_STATE');
      await nothingIsLeft();
      await until('transports closed', () => tapTransports.every(({ closed }) => closed));
    });

    it('the router: addProducer rejects, and the observer is closed', async () => {
      const adding = rejection(observer.addProducer({ producerId: producerId() }));
      router.close();
      await adding;
      assert.equal(observer.closed, true);
      await nothingIsLeft();
    });

    it('somebody closes the transport of the tap: the producer is given up', async () => {
      await observer.addProducer({ producerId: producerId() });
      const closed = nextEvent<{ producerId: string }>(observer, 'producerclose');
      tapTransports[0]?.close();
      assert.equal((await closed).producerId, producerId());
      await nothingIsLeft();
      await observer.addProducer({ producerId: producerId() });
      talker.sender.start();
      await until('packets from the stated source', () => scorer.hears(stream()));
    });
  });

  it('survives a long muddle of joining, leaving, muting, pausing and moving', { timeout: 60_000 }, async () => {
    const seed = 20_240_611;
    const random = seeded(seed);
    const eager = await createMosObserver({ router, scorer: scorer.asScorer, autoAdd: true });
    const errors: unknown[] = [];
    eager.on('producererror', (event) => errors.push(event));
    const producers: types.Producer[] = [];
    const pick = () => producers[Math.floor(random() * producers.length)] as types.Producer;
    const steps: (() => unknown)[] = [
      async () => producers.push(await talker.transport.produce(opusProducer(10_000 + producers.length))),
      () => pick()?.close(),
      () => pick()?.pause(),
      () => pick()?.resume(),
      () => eager.pause(),
      () => eager.resume(),
      () => scorer.changeEndpoint(),
      () => eager.addProducer({ producerId: pick()?.id, participantId: 'ada' }),
      () => eager.removeProducer({ producerId: pick()?.id }),
      () => new Promise((resolve) => setTimeout(resolve, 5)),
    ];
    const weights = [6, 3, 2, 2, 1, 1, 1, 2, 1, 2].flatMap((weight, step) => Array<number>(weight).fill(step));
    const going: Promise<unknown>[] = [];
    for (let index = 0; index < 600; index += 1) {
      const step = steps[weights[Math.floor(random() * weights.length)] as number] as () => unknown;
      const done = (async () => step())().catch(() => {}); // of a producer that is not there (any more)
      going.push(done);
      if (random() < 0.4) await done;
    }
    await Promise.all(going);
    await eager.resume();
    const expected = () => producers.filter(({ closed }) => !closed).map(({ id }) => id);
    for (const producerId of expected()) await eager.addProducer({ producerId });
    const open = scorer.openStreams;
    assert.ok(expected().length > 20);
    assert.equal(open.length, expected().length + 1, `seed ${seed}`); // and the talker
    for (const producer of producers) if (!producer.closed) await producer.resume();
    await until('nobody is muted', () => open.every(({ paused }) => !paused));
    const endpoint = scorer.reserveEndpoint();
    await until('everybody moved', () => open.every(({ source }) => source.endpoint.port === endpoint.port));
    const consumersOf = async () => (await router.dump()).mapConsumerIdProducerId.length;
    await until('one consumer each', async () => (await consumersOf()) === open.length);
    talker.sender.start();
    await until('the talker is heard', () => open.some((stream) => scorer.hears(stream)));
    assert.deepEqual(errors, []);
    eager.close();
    assert.equal(scorer.openStreams.length, 0);
    await until('no consumer left', async () => (await consumersOf()) === 0);
  });

  describe('when the scorer refuses the stream', () => {
    it('addProducer rejects with its error, and the producer can be added again', async () => {
      scorer.refusal = new InvalidStateError('no more streams');
      assert.equal(await rejection(observer.addProducer({ producerId: producerId() })), scorer.refusal);
      scorer.refusal = undefined;
      await observer.addProducer({ producerId: producerId() });
      assert.equal(scorer.openStreams.length, 1);
    });

    it('later, as its process cannot have it, the producer is given up by producererror', async () => {
      await observer.addProducer({ producerId: producerId() });
      const told = nextEvent<{ origin: { producerId: string }; error: Error }>(observer, 'producererror');
      const closed = nextEvent<{ producerId: string }>(observer, 'producerclose');
      const cause = new Error('refused');
      stream().close(cause);
      assert.equal((await told).error, cause);
      assert.equal((await closed).producerId, producerId());
    });

    it('autoAdd tells by producererror', async () => {
      const eager = await createMosObserver({ router, scorer: scorer.asScorer, autoAdd: true });
      await until('tapped', () => scorer.openStreams.length === 1);
      scorer.refusal = new InvalidStateError('no more streams');
      const told = nextEvent<{ origin: { producerId: string }; error: Error }>(eager, 'producererror');
      const producer = await talker.transport.produce(opusProducer(81));
      const { origin, error } = await told;
      assert.equal(origin.producerId, producer.id);
      assert.equal(error, scorer.refusal);
      eager.close();
    });
  });
});
