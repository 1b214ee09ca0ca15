import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { format } from 'node:util';
import type { types } from 'mediasoup';
import { mosEventTypes } from '../../plugin/feeds/event-types.ts';
import {
  createMosObserver,
  type MosCloseEvent,
  type MosEvent,
  type MosNoScoreEvent,
  type MosObserver,
  type MosObserverOptions,
  type MosScoreEvent,
  type MosStateEvent,
  type MosStatusEvent,
  type MosWarningClearedEvent,
  type MosWarningEvent,
  mosEvent,
  setLogger,
} from '../../plugin/index.ts';
import { Scorer } from '../../src/index.ts';
import {
  createRouter,
  createTalker,
  opusProducer,
  startWorker,
  type Talker,
  vp8Producer,
} from '../support/media-server.ts';
import { randomModel } from '../support/models.ts';
import { opusPackets } from '../support/speech.ts';
import { nextEvent, until } from '../support/waiting.ts';

const loopback: types.TransportListenInfo = { protocol: 'udp', ip: '127.0.0.1' };
const speech = opusPackets('speech/woman-1');

describe('MosObserver', () => {
  let worker: types.Worker;
  let scorer: Scorer;
  let router: types.Router;
  let observer: MosObserver;
  const closing: (() => unknown)[] = [];

  const talk = async (appData?: types.AppData): Promise<Talker> => {
    const talker = await createTalker(router, speech, appData);
    closing.push(() => talker.close());
    return talker;
  };
  const observe = async (options: Partial<MosObserverOptions> = {}): Promise<MosObserver> => {
    observer = await createMosObserver({ router, scorer, ...options });
    const mine = observer;
    closing.push(() => mine.close());
    return mine;
  };
  const streams = async () => (await scorer.getStats()).streams;

  before(async () => {
    worker = await startWorker();
    scorer = await Scorer.create();
  });
  after(async () => {
    worker.close();
    await scorer?.close();
  });
  beforeEach(async () => {
    router = await createRouter(worker);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    router.close();
    assert.equal(await streams(), 0, 'every stream is closed');
  });

  describe('works', () => {
    it('scores who speaks, within 6 s, and says why not before', async () => {
      await observe({ identify: ({ appData }) => appData.name as string });
      const { producer, sender } = await talk({ name: 'ada' });
      const events: MosStatusEvent[] = [];
      observer.on('score', (event) => events.push(event)).on('noscore', (event) => events.push(event));
      await observer.addProducer({ producerId: producer.id });
      sender.start();
      const startMs = Date.now();
      const score = await nextEvent<MosScoreEvent>(observer, 'score', { timeoutMs: 6000 });
      const second = await nextEvent<MosScoreEvent>(observer, 'score');
      assert.equal(score.producerId, producer.id);
      assert.equal(score.routerId, router.id);
      assert.equal(score.participantId, 'ada');
      assert.ok(score.mosLqo >= 1 && score.mosLqo <= 5, `${score.mosLqo}`);
      assert.ok(score.interval.lower <= score.mosLqo && score.mosLqo <= score.interval.upper);
      assert.ok(score.windowStart >= startMs - 100 && score.windowEnd <= Date.now());
      assert.ok(score.speechMs >= 1500);
      assert.equal(score.network.lossRatio, 0);
      assert.deepEqual(score.model, scorer.model);
      assert.ok(second.windowEnd > score.windowEnd);
      assert.deepEqual(
        events.map(({ sequence }) => sequence),
        events.map((_, index) => index),
      );
      assert.deepEqual(observer.current, [events.at(-1)]);
      assert.ok(events.some((event) => event.type === 'noscore' && event.reason === 'too-short'));
      assert.ok(!('streamId' in score));
    });

    it('says muted, and no number, while the producer is paused', async () => {
      await observe();
      const { producer, sender } = await talk();
      await observer.addProducer({ producerId: producer.id });
      sender.start();
      await nextEvent(observer, 'score');
      const muted = nextEvent<MosNoScoreEvent>(observer, 'noscore', {
        fits: ({ reason }) => reason === 'muted',
        timeoutMs: 2000,
      });
      await producer.pause();
      await muted;
      const whileMuted: MosStatusEvent[] = [];
      const keep = (event: MosStatusEvent) => whileMuted.push(event);
      observer.on('score', keep).on('noscore', keep);
      await new Promise((resolve) => setTimeout(resolve, 2500));
      assert.deepEqual(whileMuted, []);
      observer.off('score', keep).off('noscore', keep);
      const back = nextEvent(observer, 'score');
      await producer.resume();
      await back;
    });

    it('says producerclose when a producer leaves, and forgets it', async () => {
      await observe();
      const { producer } = await talk();
      await observer.addProducer({ producerId: producer.id, participantId: 'ada' });
      const closed = nextEvent<MosCloseEvent>(observer, 'producerclose');
      producer.close();
      const { sequence, time, ...rest } = await closed;
      assert.deepEqual(rest, {
        type: 'producerclose',
        producerId: producer.id,
        routerId: router.id,
        participantId: 'ada',
      });
      assert.ok(sequence > 0 && time <= Date.now());
      assert.deepEqual(observer.current, []);
      await assert.rejects(observer.removeProducer({ producerId: producer.id }), new RegExp(producer.id));
    });

    it('adds and removes by hand, and tells observer', async () => {
      await observe();
      const { producer } = await talk();
      const seen: unknown[] = [];
      observer.observer.on('addproducer', (added) => seen.push(added));
      observer.observer.on('removeproducer', (removed) => seen.push(removed));
      await observer.addProducer({ producerId: producer.id });
      await observer.addProducer({ producerId: producer.id });
      await observer.removeProducer({ producerId: producer.id });
      assert.deepEqual(seen, [producer, producer]);
      assert.equal(await streams(), 0);
    });

    it('finds a producer from before the observer', async () => {
      const { producer } = await talk();
      await observe();
      const noScore = nextEvent<MosNoScoreEvent>(observer, 'noscore');
      await observer.addProducer({ producerId: producer.id });
      assert.equal((await noScore).producerId, producer.id);
    });

    it('takes a name later', async () => {
      await observe();
      const { producer } = await talk();
      await observer.addProducer({ producerId: producer.id });
      await observer.addProducer({ producerId: producer.id, participantId: 'ada' });
      const closed = nextEvent<{ participantId?: string }>(observer, 'producerclose');
      await observer.removeProducer({ producerId: producer.id });
      assert.equal((await closed).participantId, 'ada');
    });

    it('pause stops the events, resume begins anew', async () => {
      await observe();
      const { producer, sender } = await talk();
      await observer.addProducer({ producerId: producer.id });
      sender.start();
      await nextEvent(observer, 'score');
      const seen: string[] = [];
      observer.observer.on('pause', () => seen.push('pause'));
      observer.observer.on('resume', () => seen.push('resume'));
      await observer.pause();
      await observer.pause();
      assert.equal(observer.paused, true);
      assert.equal(await streams(), 0);
      const reason = nextEvent<MosNoScoreEvent>(observer, 'noscore');
      await observer.resume();
      await observer.resume();
      assert.equal(observer.paused, false);
      await reason;
      await nextEvent(observer, 'score');
      assert.deepEqual(seen, ['pause', 'resume']);
    });

    it('keeps application data', async () => {
      await observe({ appData: { room: 5 } });
      assert.deepEqual(observer.appData, { room: 5 });
    });

    it('changes the model of its scorer, or keeps it and says why', async () => {
      const own = await createMosObserver({ router, sockets: 1 });
      await own.setModel(randomModel);
      assert.equal(own.scorer.model.name, 'random-streaming');
      await assert.rejects(own.setModel('nonesuch'), { code: 'ERR_MODEL_NOT_FOUND' });
      assert.equal(own.scorer.model.name, 'random-streaming');
      own.close();
      await assert.rejects(own.setModel(randomModel), { code: 'ERR_INVALID_STATE' });
      await own.scorer.close();
    });

    it('has a scorer of its own when it is given none', async () => {
      const own = await createMosObserver({ router, sockets: 1 });
      assert.notEqual(own.scorer, scorer);
      own.close();
      await own.scorer.close();
      assert.equal(own.scorer.closed, true);
    });

    it('shares a scorer with other observers, without a trace after close', async () => {
      const listeners = () => scorer.eventNames().reduce((sum, name) => sum + scorer.listenerCount(name), 0);
      const beforeMs = listeners();
      const { producer } = await talk();
      const one = await observe();
      const two = await observe();
      await one.addProducer({ producerId: producer.id });
      await two.addProducer({ producerId: producer.id });
      assert.equal(await streams(), 2);
      one.close();
      assert.equal(await streams(), 1);
      assert.equal(scorer.closed, false);
      two.close();
      assert.equal(listeners(), beforeMs);
      assert.equal(producer.observer.listenerCount('close'), 0);
      assert.equal(router.observer.listenerCount('newtransport'), 0);
      assert.equal(router.observer.listenerCount('close'), 0);
      await until('only the transport of the talker', async () => (await router.dump()).transportIds.length === 1);
    });
  });

  describe('states, warnings and reports', () => {
    it('tells the state, a warning of loss when packets are lost, and sums up the call at its end', async () => {
      await observe({ identify: ({ appData }) => appData.name as string });
      const { producer, sender } = await talk({ name: 'ada' });
      const events: MosEvent[] = [];
      const keep = (event: MosEvent) => events.push(event);
      for (const name of mosEventTypes) observer.on(name, keep);
      await observer.addProducer({ producerId: producer.id });
      sender.start();
      const { state, previous } = await nextEvent<MosStateEvent>(observer, 'state');
      assert.deepEqual([previous, state], ['unknown', 'good']);

      sender.loses = (index) => index % 5 === 0;
      const warning = await nextEvent<MosWarningEvent>(observer, 'warning', {
        fits: ({ name }) => name === 'loss',
        timeoutMs: 30_000,
      });
      assert.equal(warning.quantity, 'lossRatio');
      assert.ok(warning.value >= warning.threshold);
      const [known] = observer.snapshot;
      assert.ok(known?.warnings.some(({ name }) => name === 'loss'));
      assert.equal(known?.nextSequence, events.length);

      sender.loses = () => false;
      const { reason, since } = await nextEvent<MosWarningClearedEvent>(observer, 'warningcleared', {
        fits: ({ name }) => name === 'loss',
        timeoutMs: 40_000,
      });
      assert.deepEqual([reason, since], ['recovered', warning.time]);

      const soFar = observer.report(producer.id);
      assert.equal(soFar.final, false);
      producer.close();
      const [report, close] = events.slice(-2);
      assert.ok(report?.type === 'report' && close?.type === 'producerclose');
      assert.equal(report.final, true);
      assert.equal(report.scores, events.filter(({ type }) => type === 'score').length);
      assert.ok(report.mosLqo !== undefined && report.mosLqo >= 1 && report.mosLqo <= 5);
      assert.ok(report.warnings.some(({ name, count, open }) => name === 'loss' && count === 1 && !open));
      assert.ok((report.network?.worstLossRatio ?? 0) > 0.1);
      assert.ok((report.noScoreMs['too-short'] ?? 0) > 0);
      assert.deepEqual(report.models, [{ ...scorer.model, scores: report.scores }]);
      assert.deepEqual(
        events.map(({ sequence }) => sequence),
        events.map((_, index) => index),
      );
      for (const event of events) assert.deepEqual(mosEvent.parse(event), event);
      assert.throws(() => observer.report(producer.id), new RegExp(producer.id));
    });

    it('tells the level of the talk and the bandwidth of the codec', async () => {
      await observe();
      const { producer, sender } = await talk();
      await observer.addProducer({ producerId: producer.id });
      sender.start();
      const { signal } = await nextEvent<MosScoreEvent>(observer, 'score');
      assert.equal(signal?.bandwidthHz, 8000);
      assert.ok(signal.levelDbov > -40 && signal.levelDbov < -20, `${signal.levelDbov}`);
    });

    it('says unknown when the talker has said nothing for long, and when the observer is paused', async () => {
      await observe({ thresholds: { unknownAfterMs: 1000 } });
      const { producer, sender } = await talk();
      await observer.addProducer({ producerId: producer.id });
      sender.start();
      const good = () => nextEvent<MosStateEvent>(observer, 'state', { fits: ({ state }) => state !== 'unknown' });
      await good();
      const silent = nextEvent<MosStateEvent>(observer, 'state');
      await producer.pause();
      assert.equal((await silent).state, 'unknown');
      const again = good();
      await producer.resume();
      await again;
      const paused = nextEvent<MosStateEvent>(observer, 'state');
      await observer.pause();
      assert.equal((await paused).state, 'unknown');
      assert.equal(observer.snapshot[0]?.state, 'unknown');
    });

    it('takes thresholds of the application', async () => {
      const hasty = { needed: 1, outOf: 1, holdMs: 0 };
      const warnings = { level: { minDbov: 0, maxDbov: 0 }, 'low-mos': false } as const;
      await observe({ thresholds: { states: { good: 5, fair: 5 }, hysteresis: hasty, warnings } });
      const { producer, sender } = await talk();
      await observer.addProducer({ producerId: producer.id });
      sender.start();
      const state = nextEvent<MosStateEvent>(observer, 'state');
      const warning = nextEvent<MosWarningEvent>(observer, 'warning');
      assert.equal((await state).state, 'poor');
      assert.equal((await warning).name, 'level');
    });
  });

  describe('autoAdd', () => {
    it('hears every audio producer, from before and later, on old transports and new', async () => {
      const early = await talk();
      const video = await early.transport.produce(vp8Producer(5));
      const added: string[] = [];
      await observe({ autoAdd: true });
      observer.observer.on('addproducer', ({ id }) => added.push(id));
      const onOldTransport = await early.transport.produce(opusProducer(6));
      const late = await talk();
      await early.transport.produce(vp8Producer(7));
      await until('three producers', () => added.length === 3);
      assert.deepEqual(new Set(added), new Set([early.producer.id, onOldTransport.id, late.producer.id]));
      assert.equal(video.closed, false);
      await assert.rejects(observer.removeProducer({ producerId: video.id }), new RegExp(video.id));
    });

    it('leaves producers that come over a PipeTransport to their home router, early and late', async () => {
      const home = router;
      const otherWorker = await startWorker();
      closing.push(() => otherWorker.close());
      const other = await createRouter(otherWorker);
      const [early, late] = [await talk(), await talk()];
      await home.pipeToRouter({ producerId: early.producer.id, router: other });
      router = other;
      await observe({ autoAdd: true });
      router = home;
      await home.pipeToRouter({ producerId: late.producer.id, router: other });
      await observer.addProducer({ producerId: late.producer.id });
      assert.equal(await streams(), 1);
    });

    it('tells by producererror when identify throws', async () => {
      const mistake = new Error('no such user');
      const identify = () => {
        throw mistake;
      };
      await observe({ autoAdd: true, identify });
      const told = nextEvent<{ origin: object; error: Error }>(observer, 'producererror');
      const { producer } = await talk();
      const { origin, error } = await told;
      assert.deepEqual(origin, { producerId: producer.id, routerId: router.id });
      assert.equal(error, mistake);
    });

    it('takes a name that comes later', async () => {
      await observe({ identify: async ({ appData }) => appData.name as string });
      const { producer, sender } = await talk({ name: 'ada' });
      await observer.addProducer({ producerId: producer.id });
      sender.start();
      const { participantId } = await nextEvent<MosNoScoreEvent>(observer, 'noscore');
      assert.equal(participantId, 'ada');
    });

    for (const [what, identify, message] of [
      ['rejects', () => Promise.reject(new Error('database away')), /^database away$/],
      ['gives no string', () => 5, /^identify\(\) must return a non-empty string or undefined, got number$/],
      ['gives an empty string', async () => '', /^identify\(\) must return a non-empty string or undefined, got ''$/],
      [
        'gives a long string',
        () => 'x'.repeat(257),
        /^the participantId of identify\(\) must have at most 256 char.*257$/,
      ],
    ] as const) {
      it(`tells by producererror and in the log when identify ${what}`, async () => {
        const lines: string[] = [];
        const write = (_fields: object, text: string, ...args: unknown[]) => lines.push(format(text, ...args));
        setLogger({ debug: () => {}, warn: write, error: write });
        try {
          await observe({ autoAdd: true, identify: identify as never });
          const told = nextEvent<{ origin: object; error: Error }>(observer, 'producererror');
          const { producer } = await talk();
          const { origin, error } = await told;
          assert.deepEqual(origin, { producerId: producer.id, routerId: router.id });
          assert.match(error.message, message);
          const line = `producer ${producer.id} is not scored: identify failed for it: ${error.message}`;
          assert.ok(lines.includes(line), lines.join('\n'));
        } finally {
          setLogger(undefined);
        }
      });
    }

    it('warns of a producer that cannot be scored where nobody listens', async () => {
      await observe({ autoAdd: true, identify: () => Promise.reject(new Error('database away')) });
      const warned = nextEvent<Error>(process as never, 'warning', { fits: ({ message }) => /database/.test(message) });
      const { producer } = await talk();
      const { message } = await warned;
      assert.equal(message, `producer ${producer.id} is not scored: identify failed for it: database away`);
    });
  });

  describe('wrong arguments', () => {
    const wrong: [string, object, RegExp][] = [
      ['router', { router: {} }, /router must be a mediasoup Router/],
      ['scorer', { scorer: {} }, /scorer must be a Scorer/],
      ['autoAdd', { autoAdd: 'yes' }, /autoAdd/],
      ['identify', { identify: 'name' }, /identify must be a function/],
      ['thresholds', { thresholds: { states: { good: 7 } } }, /thresholds\.states\.good must be 2\.5 to 5, got 7/],
      ['appData', { appData: 5 }, /appData must be an object/],
      ['an option of the scorer beside a scorer', { intervalMs: 500 }, /intervalMs/],
      ['an unknown option', { scorer: undefined, autoad: true }, /autoad/],
      ['a wrong option of the scorer', { scorer: undefined, processes: 0 }, /processes/],
    ];
    for (const [what, options, message] of wrong) {
      it(what, async () => {
        await assert.rejects(
          observe(options as never),
          (error: Error) => (error instanceof TypeError || error instanceof RangeError) && message.test(error.message),
        );
      });
    }

    it('a router that is closed', async () => {
      router.close();
      await assert.rejects(observe(), { code: 'ERR_INVALID_STATE', message: new RegExp(router.id) });
    });

    it('a scorer that is closed', async () => {
      const closed = await Scorer.create({ sockets: 1 });
      await closed.close();
      await assert.rejects(observe({ scorer: closed }), { code: 'ERR_INVALID_STATE' });
    });

    it('ids', async () => {
      await observe();
      const participantId = 'x'.repeat(257);
      await assert.rejects(observer.addProducer({ producerId: 'a', participantId }), {
        name: 'RangeError',
        message: 'participantId must have at most 256 characters, got 257',
      });
      await assert.rejects(observer.addProducer({} as never), /producerId/);
      await assert.rejects(observer.addProducer({ producerId: 5 } as never), TypeError);
      await assert.rejects(observer.addProducer({ producerId: 'x', participantId: '' }), /participantId/);
      await assert.rejects(observer.removeProducer({ producerId: 'nobody' }), /nobody/);
      assert.throws(() => observer.report('nobody'), /nobody/);
      assert.throws(() => observer.report(undefined as never), TypeError);
    });

    it('a producer that the router does not have, as one of another router', async () => {
      const { producer } = await talk();
      const home = router;
      router = await createRouter(worker);
      closing.push(() => router.close());
      await observe();
      const elsewhere = router;
      router = home;
      closing.push(() => elsewhere.close());
      await assert.rejects(observer.addProducer({ producerId: producer.id }), (error: Error) => {
        return error.message.includes(producer.id) && error.message.includes(elsewhere.id);
      });
    });

    it('a video producer, from before and later', async () => {
      const transport = await router.createPlainTransport({ listenInfo: loopback });
      const early = await transport.produce(vp8Producer(1));
      await observe();
      const late = await (await router.createPlainTransport({ listenInfo: loopback })).produce(vp8Producer(2));
      for (const { id } of [early, late]) {
        await assert.rejects(observer.addProducer({ producerId: id }), (error: Error) => {
          return error instanceof TypeError && error.message.includes(id) && /audio/.test(error.message);
        });
      }
    });
  });

  describe('closed', () => {
    it('close is told once, and calls are refused afterwards', async () => {
      await observe();
      const { producer } = await talk();
      await observer.addProducer({ producerId: producer.id });
      let told = 0;
      observer.observer.on('close', () => {
        told += 1;
      });
      observer.close();
      observer.close();
      assert.equal(told, 1);
      assert.equal(observer.closed, true);
      const closed = { code: 'ERR_INVALID_STATE' };
      await assert.rejects(observer.addProducer({ producerId: producer.id }), closed);
      await assert.rejects(observer.removeProducer({ producerId: producer.id }), closed);
      assert.throws(() => observer.report(producer.id), closed);
      await assert.rejects(observer.pause(), closed);
      await assert.rejects(observer.resume(), closed);
      assert.equal(producer.closed, false);
    });

    it('by its router: routerclose', async () => {
      await observe();
      const { producer } = await talk();
      await observer.addProducer({ producerId: producer.id });
      const seen: string[] = [];
      observer.on('producerclose', () => seen.push('producerclose'));
      observer.on('routerclose', () => seen.push('routerclose'));
      observer.observer.on('close', () => seen.push('close'));
      router.close();
      assert.deepEqual(seen, ['producerclose', 'routerclose', 'close']);
      assert.equal(observer.closed, true);
    });

    it('by its scorer: scorerclose, and the call goes on', async () => {
      const mine = await Scorer.create({ sockets: 1 });
      await observe({ scorer: mine });
      const { producer } = await talk();
      await observer.addProducer({ producerId: producer.id });
      const told = nextEvent(observer, 'scorerclose');
      await mine.close();
      await told;
      assert.equal(observer.closed, true);
      assert.equal(producer.closed, false);
    });
  });

  describe('faults', () => {
    it('a media worker that dies ends the observer like a closed router', async () => {
      const doomed = await startWorker();
      router = await createRouter(doomed);
      await observe();
      const { producer } = await talk();
      await observer.addProducer({ producerId: producer.id });
      const told = nextEvent(observer, 'routerclose');
      process.kill(doomed.pid, 'SIGKILL');
      await told;
      assert.equal(observer.closed, true);
    });

    describe('a scorer process that is killed', () => {
      let own: Scorer;
      const kill = async () => {
        const died = nextEvent(own, 'processdied');
        const pid = (await own.getStats()).processes[0]?.pid as number;
        process.kill(pid, 'SIGKILL');
        await died;
      };
      beforeEach(async () => {
        own = await Scorer.create({ sockets: 1 });
        closing.push(() => own.close());
      });

      it('is back within 3 s, said so, and the call goes on', async () => {
        await observe({ scorer: own });
        const { producer, sender } = await talk();
        await observer.addProducer({ producerId: producer.id });
        sender.start();
        await nextEvent(observer, 'score');
        const restarting = nextEvent<MosNoScoreEvent>(observer, 'noscore', {
          fits: ({ reason }) => reason === 'scorer-restarting',
        });
        const restarted = nextEvent<{ downMs: number }>(observer, 'scorerrestart', { timeoutMs: 3000 });
        await kill();
        await restarting;
        const { downMs } = await restarted;
        assert.ok(downMs > 0 && downMs < 3000, `${downMs}`);
        await nextEvent(observer, 'score');
        assert.equal(producer.closed, false);
        const [stat] = await producer.getStats();
        assert.ok((stat?.packetCount ?? 0) > 200);
      });

      it('that finds its port taken is followed to its new one', async () => {
        await observe({ scorer: own });
        const { producer, sender } = await talk();
        await observer.addProducer({ producerId: producer.id });
        sender.start();
        await nextEvent(observer, 'score');
        const { port } = own.reserveEndpoint();
        const changed = nextEvent(own, 'endpointschange');
        await kill();
        const thief = createSocket('udp4');
        closing.push(() => thief.close());
        thief.bind(port, '127.0.0.1');
        await once(thief, 'listening');
        await changed;
        assert.notEqual(own.reserveEndpoint().port, port);
        await nextEvent(observer, 'score');
      });
    });
  });
});
