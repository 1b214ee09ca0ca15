import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import type { types } from 'mediasoup';
import { createClient } from 'redis';
import { MosClient } from '../../plugin/client/index.ts';
import {
  allowAll,
  attachMosNamespace,
  createMosObserver,
  type MosNamespace,
  surviveOutages,
} from '../../plugin/index.ts';
import { createTalker, startWorker } from '../support/media-server.ts';
import { type ObservedRouter, startObservedRouter } from '../support/observed-router.ts';
import { RedisServer } from '../support/redis-server.ts';
import { opusPackets } from '../support/speech.ts';
import { until } from '../support/waiting.ts';

/** A media server of several: its own socket.io server, router and observer; Redis is what they share. */
interface Node extends ObservedRouter {
  readonly feed: MosNamespace;
  connect(): MosClient;
}

async function startNode(worker: types.Worker, redisServer: RedisServer): Promise<Node> {
  const redis = createClient(redisServer.clientOptions);
  redis.on('error', () => {}); // an application logs it
  await redis.connect();
  let feed: MosNamespace | undefined;
  const observed = await startObservedRouter(worker, {
    adapter: createAdapter(surviveOutages(redis, { onReturn: () => feed?.resync() }), { blockTimeInMs: 100 }),
    connectionStateRecovery: {},
  });
  const { server, observer } = observed;
  const attached = attachMosNamespace({ io: server.io, observers: [observer], authorize: allowAll });
  feed = attached;
  const clients: MosClient[] = [];
  return {
    ...observed,
    feed: attached,
    connect() {
      const client = new MosClient(`${server.url}/mos`, {
        transports: ['websocket'],
        forceNew: true,
        reconnectionDelay: 50,
      });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      attached.close();
      await observed.close();
      redis.destroy();
    },
  };
}

/** The reasons that a client was told, in order. */
function reasonsOf(mos: MosClient): string[] {
  const reasons: string[] = [];
  mos.on('noscore', ({ reason }) => reasons.push(reason));
  return reasons;
}

const statusOf = (mos: MosClient, { id }: types.Producer) => {
  const status = mos.producers.get(id)?.status;
  return status?.type === 'noscore' ? status.reason : status?.mosLqo;
};

describe('several nodes over Redis', () => {
  let worker: types.Worker;
  let redis: RedisServer;
  let here: Node;
  let there: Node;

  before(async () => {
    worker = await startWorker();
  });
  after(() => worker.close());

  const start = async (options?: { persistent: boolean }) => {
    redis = await RedisServer.start(options);
    here = await startNode(worker, redis);
    there = await startNode(worker, redis);
  };
  beforeEach(() => start());
  const stop = async () => {
    await Promise.all([here.close(), there.close()]);
    await redis.close();
  };
  afterEach(stop);

  describe('works', () => {
    it('a subscriber is told what is known on another node, then what happens there', async () => {
      const { producer, stream } = await there.addProducer('ada');
      stream.say({ type: 'noscore', reason: 'too-short' });
      const mos = here.connect();
      await mos.subscribe({ routerId: there.router.id });
      await until('snapshot', () => statusOf(mos, producer) === 'too-short');
      stream.say({ type: 'score', mosLqo: 4.2 });
      await until('a score', () => statusOf(mos, producer) === 4.2);
      stream.say({ type: 'noscore', reason: 'silence' });
      await until('a reason', () => statusOf(mos, producer) === 'silence');
      producer.close();
      await until('close', () => mos.producers.size === 0);
    });

    it('a participant is heard from wherever it is', async () => {
      const [one, two] = [await here.addProducer('ada'), await there.addProducer('ada')];
      const mos = here.connect();
      await mos.subscribe({ participantId: 'ada' });
      for (const { stream } of [one, two]) stream.say({ type: 'noscore', reason: 'silence' });
      await until('both', () => mos.producers.size === 2);
    });

    it('every score that comes at once is sent', async () => {
      const streams = [];
      for (let n = 0; n < 20; n++) streams.push((await there.addProducer(`${n}`)).stream);
      const mos = here.connect();
      await mos.subscribe({ routerId: there.router.id });
      let scores = 0;
      mos.on('score', () => {
        scores += 1;
      });
      for (const stream of streams) stream.say({ type: 'score' });
      streams[0]?.say({ type: 'noscore' });
      await until('the last', () => [...mos.producers.values()].some(({ status }) => status?.type === 'noscore'));
      assert.equal(scores, 20);
    });

    it('a connection that is recovered is sent what it missed from another node', async () => {
      const { stream } = await there.addProducer('ada');
      const mos = here.connect();
      await mos.subscribe({ routerId: there.router.id });
      const reasons = reasonsOf(mos);
      stream.say({ type: 'noscore', reason: 'silence' });
      await until('the first', () => reasons.length === 1);
      const back = new Promise<void>((resolve) => mos.on('connect', resolve));
      mos.socket.io.engine.close();
      stream.say({ type: 'noscore', reason: 'no-speech' });
      stream.say({ type: 'noscore', reason: 'gap' });
      await back;
      assert.equal(mos.socket.recovered, true);
      await until('the rest', () => reasons.length === 3);
      assert.deepEqual(reasons, ['silence', 'no-speech', 'gap']);
    });

    it('closing the feed of one node leaves the clients of the other', async () => {
      const mos = there.connect();
      await mos.subscribe({ routerId: there.router.id });
      here.feed.close();
      const { stream } = await there.addProducer('ada');
      stream.say({ type: 'noscore' });
      await until('a reason', () => mos.producers.size === 1);
      assert.equal(mos.connected, true);
    });
  });

  describe('Redis is killed and comes back', () => {
    for (const persistent of [false, true]) {
      it(`${persistent ? 'with' : 'without'} its data: no change is lost, on either node`, {
        timeout: 60_000,
      }, async () => {
        await stop();
        await start({ persistent });
        const { stream } = await there.addProducer('ada');
        const [far, near] = [here.connect(), there.connect()];
        for (const mos of [far, near]) await mos.subscribe({ routerId: there.router.id });
        const heard = [reasonsOf(far), reasonsOf(near)] as const;
        const told: string[] = [];
        const say = (reason: 'silence' | 'no-speech') => {
          told.push(reason);
          stream.say({ type: 'noscore', reason });
        };
        const talk = setInterval(() => say(told.length % 2 === 0 ? 'silence' : 'no-speech'), 5);
        await until('both hear', () => heard.every(({ length }) => length > 20));
        await redis.kill();
        const saidBefore = told.length;
        await until('the near one hears while Redis is away', () => heard[1].length > saidBefore + 50);
        assert.ok(heard[0].length < told.length - 30);
        await redis.start();
        const saidAtReturn = told.length;
        await until('both hear again', () => heard.every(({ length }) => length > saidAtReturn + 50));
        clearInterval(talk);
        await until('both have all', () => heard.every(({ length }) => length >= told.length));
        assert.deepEqual(heard[0], told);
        assert.deepEqual(heard[1], told);
      });
    }

    it('in the middle of what is said: that stays in order', { timeout: 60_000 }, async () => {
      const { stream } = await there.addProducer('ada');
      const far = here.connect();
      await far.subscribe({ routerId: there.router.id });
      const reasons = reasonsOf(far);
      stream.say({ type: 'noscore', reason: 'silence' });
      await until('the nodes know each other', () => reasons.length === 1);
      redis.freeze();
      stream.say({ type: 'noscore', reason: 'no-speech' });
      await delay(100); // written, and never answered
      const death = redis.kill();
      stream.say({ type: 'noscore', reason: 'gap' });
      await Promise.resolve();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200); // the connection ends before this is written
      await death;
      await redis.start();
      await until('the rest', () => reasons.length >= 3);
      assert.deepEqual(reasons, ['silence', 'no-speech', 'gap']);
    });

    it('who subscribes while it is away is told what is known here, and elsewhere once it is back', async () => {
      const [mine, other] = [await here.addProducer('ada'), await there.addProducer('bob')];
      for (const { stream } of [mine, other]) stream.say({ type: 'noscore', reason: 'silence' });
      await redis.kill();
      const mos = here.connect();
      await mos.subscribe({ participantId: 'ada' });
      await mos.subscribe({ participantId: 'bob' });
      assert.equal(mos.producers.size, 1);
      await redis.start();
      await until('bob', () => mos.producers.size === 2);
    });

    it('killed again and again, with clients that come and go: the processes live', { timeout: 60_000 }, async () => {
      const { producer, stream } = await there.addProducer('ada');
      for (let round = 0; round < 5; round++) {
        const mos = here.connect();
        await mos.subscribe({ routerId: there.router.id });
        stream.say({ type: 'noscore', reason: round % 2 === 0 ? 'silence' : 'gap' });
        await redis.kill();
        mos.socket.io.engine.close(); // a session is kept, or not
        stream.say({ type: 'noscore', reason: 'no-speech' });
        await redis.start();
        await until('all is told', () => statusOf(mos, producer) === 'no-speech');
        mos.close();
      }
    });

    it('no call notices: it is scored, and heard of on its node, all the time', { timeout: 60_000 }, async () => {
      const live = await createMosObserver({ router: here.router, autoAdd: true, sockets: 1, intervalMs: 250 });
      here.feed.add(live);
      const talker = await createTalker(here.router, opusPackets('speech/man-1'));
      try {
        const mos = here.connect();
        await mos.subscribe({ producerId: talker.producer.id });
        let scores = 0;
        mos.on('score', () => {
          scores += 1;
        });
        talker.sender.start();
        await until('scores', () => scores >= 2, 30_000);
        await redis.kill();
        const before = scores;
        await until('scores without Redis', () => scores >= before + 5);
        await redis.start();
        const then = scores;
        await until('scores with Redis', () => scores >= then + 5);
        assert.equal(talker.producer.closed, false);
        assert.equal(live.closed, false);
      } finally {
        await talker.close();
        live.close();
        await live.scorer.close();
      }
    });
  });

  it('Redis that does not answer holds up nobody for long, and nothing is lost', { timeout: 60_000 }, async () => {
    const { stream } = await there.addProducer('ada');
    const [far, near] = [here.connect(), there.connect()];
    for (const mos of [far, near]) await mos.subscribe({ routerId: there.router.id });
    const [farReasons, nearReasons] = [reasonsOf(far), reasonsOf(near)];
    const goOn = redis.freeze();
    stream.say({ type: 'noscore', reason: 'silence' });
    await until('the near one', () => nearReasons.length === 1);
    stream.say({ type: 'noscore', reason: 'gap' });
    await until('the near one', () => nearReasons.length === 2);
    goOn();
    await until('the far one', () => farReasons.length === 2);
    assert.deepEqual(farReasons, ['silence', 'gap']);
  });

  it('a node that closes while Redis is away does not go on trying to reach it', async () => {
    const { stream } = await there.addProducer('ada');
    stream.say({ type: 'noscore' });
    const mos = here.connect();
    await mos.subscribe({ routerId: there.router.id });
    await until('the nodes know each other', () => mos.producers.size === 1);
    await redis.kill();
    await delay(500); // until they wait for Redis to answer, not for an answer that it owed
    await Promise.all([here.close(), there.close()]);
    await rm(redis.path);
    let attempts = 0;
    const listener = createServer(() => {
      attempts += 1;
    }).listen(redis.path);
    await delay(1000); // enough for twenty
    listener.close();
    assert.equal(attempts, 0);
    await redis.start();
    here = await startNode(worker, redis);
    there = await startNode(worker, redis);
  });

  describe('wrong arguments', () => {
    const client = { withAbortSignal: () => {} };
    it('a client of another package, or one that is too old', () => {
      assert.throws(() => surviveOutages({}), /client must be a client of the redis package/);
    });
    it('options', () => {
      assert.throws(() => surviveOutages(client, { maxBacklog: 0 }), /maxBacklog/);
      assert.throws(() => surviveOutages(client, { namespaces: '/mos' as never }), /namespaces/);
      assert.throws(() => surviveOutages(client, { onReturn: true as never }), /onReturn/);
      assert.throws(() => surviveOutages(client, { retries: 3 } as never), /retries/);
    });
  });
});
