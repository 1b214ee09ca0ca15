import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, it, mock } from 'node:test';
import { SignJWT } from 'jose';
import type { types } from 'mediasoup';
import { issueToken, tokenAccess } from '../../examples/subscriber/src/tokens.ts';
import {
  attachMosNamespace,
  attachMosWebSocket,
  createMosObserver,
  type MosObserver,
  type MosSubscription,
} from '../../plugin/index.ts';
import { FakeScorer } from '../support/fake-scorer.ts';
import { type FeedServer, record, startFeedServer, subscribe } from '../support/feed-server.ts';
import { createRouter, opusProducer, startWorker } from '../support/media-server.ts';
import { FeedWebSocket } from '../support/websocket-feed.ts';

/** One attempt to hear: 'refused', or what was heard. The subscription is made once the connection is. */
type Feed = (auth: object | undefined, wanted: () => object) => Promise<'refused' | unknown[]>;

describe('who may not hear', () => {
  const secret = randomBytes(32);
  let worker: types.Worker;
  let server: FeedServer;
  let scorer: FakeScorer;
  let observer: MosObserver;
  let mine: MosSubscription;
  let token: string;
  const feeds: { close(): void }[] = [];

  before(async () => {
    worker = await startWorker();
    server = await startFeedServer();
    scorer = await FakeScorer.create();
    const router = await createRouter(worker);
    observer = await createMosObserver({ router, scorer: scorer.asScorer });
    const transport = await router.createDirectTransport();
    const { id: producerId } = await transport.produce(opusProducer(1000));
    await observer.addProducer({ producerId, participantId: 'ada' });
    mine = { routerId: router.id };
    token = await issueToken(secret, [mine]);
    feeds.push(attachMosNamespace({ io: server.io, observers: [observer], ...tokenAccess(secret) }));
    feeds.push(attachMosWebSocket({ server: server.http, observers: [observer], ...tokenAccess(secret) }));
  });
  after(async () => {
    for (const feed of feeds) feed.close();
    observer.close();
    await server.close();
    await scorer.close();
    worker.close();
  });

  afterEach(() => mock.restoreAll());

  const speak = () => scorer.streams[0]?.say({ type: 'noscore' });

  const attemptOver: Record<string, Feed> = {
    'socket.io': async (auth, wanted) => {
      const client = await server.connect('/mos', auth === undefined ? {} : { auth }).catch(() => undefined);
      if (client === undefined) return 'refused';
      const heard = record(client);
      const reply = await subscribe(client, wanted() as MosSubscription);
      speak();
      await subscribe(client, { producerId: 'none' });
      client.close();
      return reply.ok ? heard : heard.length > 0 ? heard : 'refused';
    },
    'a plain WebSocket': async (auth, wanted) => {
      const client = await FeedWebSocket.connect(`${server.url}/mos`, auth);
      if (client.heard[0]?.type !== 'connected') {
        assert.equal((await client.end()).code, 4401);
        return 'refused';
      }
      const reply = await client.subscribe(wanted() as MosSubscription);
      speak();
      await client.subscribe({ producerId: 'none' });
      client.close();
      return reply.ok ? client.events : client.events.length > 0 ? client.events : 'refused';
    },
  };

  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const claims = (hears: unknown = [mine]) => ({ hears, aud: 'mos', exp: Math.floor(Date.now() / 1000) + 60 });
  const signed = (header: object, payload: object, key: Buffer = secret) => {
    const body = `${encode(header)}.${encode(payload)}`;
    return `${body}.${createHmac('sha256', key).update(body).digest('base64url')}`;
  };
  const hs256 = { alg: 'HS256' };

  const attempts: [string, () => object | undefined | Promise<object | undefined>, (() => object)?][] = [
    ['no word about itself', () => undefined],
    ['no token', () => ({})],
    ['an empty token', () => ({ token: '' })],
    ['a token that is none', () => ({ token: 'letmein' })],
    ['a token that is an object', () => ({ token: { hears: [mine] } })],
    ['a token that is a list', () => ({ token: [token] })],
    ['a token under another name', () => ({ Token: token })],
    ['claims without a token', () => ({ hears: [mine], data: { hears: [mine] } })],
    ['a token without a signature', () => ({ token: `${token.split('.').slice(0, 2).join('.')}.` })],
    ['a token of algorithm none', () => ({ token: `${encode({ alg: 'none' })}.${encode(claims())}.` })],
    ['a token of another secret', () => ({ token: signed(hs256, claims(), randomBytes(32)) })],
    ['a token of an empty secret', () => ({ token: signed(hs256, claims(), Buffer.alloc(0)) })],
    ['a token changed after it was signed', () => ({ token: token.replace(/\.[^.]+\./, `.${encode(claims())}x.`) })],
    [
      'a token signed by a key pair of its own',
      async () => ({
        token: await new SignJWT(claims())
          .setProtectedHeader({ alg: 'ES256' })
          .sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
      }),
    ],
    ['a token that says HS512', () => ({ token: signed({ alg: 'HS512' }, claims()) })],
    ['a token that ran out', async () => ({ token: await issueToken(secret, [mine], '-1s') })],
    ['a token that never runs out', () => ({ token: signed(hs256, { hears: [mine], aud: 'mos' }) })],
    ['a token that is not valid yet', () => ({ token: signed(hs256, { ...claims(), nbf: claims().exp }) })],
    ['a token for another audience', () => ({ token: signed(hs256, { ...claims(), aud: 'chat' }) })],
    ['a token that allows nothing', async () => ({ token: await issueToken(secret, []) })],
    ['a token without rights', () => ({ token: signed(hs256, claims(null)) })],
    ['a token for another room', async () => ({ token: await issueToken(secret, [{ routerId: 'another' }]) })],
    ['a token for all of nothing', () => ({ token: signed(hs256, claims([{}])) })],
    ['a token for a pattern', () => ({ token: signed(hs256, claims([{ routerId: '*' }])) })],
    ['the participant of a room that it may hear', () => ({ token }), () => ({ participantId: 'ada' })],
    ['two rooms at once', () => ({ token }), () => ({ ...mine, producerId: 'p' })],
    [
      'a room by the name of a socket.io room',
      () => ({ token }),
      () => ({ routerId: `mos:routerId:${mine.routerId}` }),
    ],
    ['a list of rooms', () => ({ token }), () => ({ routerId: [mine.routerId] })],
    ['a room by its prototype', () => ({ token }), () => JSON.parse(`{"__proto__":{"routerId":"${mine.routerId}"}}`)],
    ['a room by its constructor', () => ({ token }), () => ({ constructor: mine, ...mine })],
    ['a room with a key more', () => ({ token }), () => ({ ...mine, hears: [mine] })],
    ['a room that is an object', () => ({ token }), () => ({ routerId: { toString: mine.routerId } })],
    ['a room by another kind of id', () => ({ token }), () => ({ producerId: mine.routerId })],
    ['a room with a space more', () => ({ token }), () => ({ routerId: `${mine.routerId} ` })],
    ['a room of 10,000 characters', () => ({ token }), () => ({ routerId: `${mine.routerId}`.padEnd(10_000, 'x') })],
    ['no room', () => ({ token }), () => ({})],
    [
      'a token that ran out after it was let in',
      async () => ({ token: await issueToken(secret, [mine], '10s') }),
      () => {
        const late = Date.now() + 11_000; // less than makes the client think that the connection is dead
        mock.method(Date, 'now', () => late);
        return mine;
      },
    ],
  ];

  for (const [name, feed] of Object.entries(attemptOver)) {
    describe(`over ${name}`, () => {
      it('a token hears what it names', async () => {
        const heard = await feed({ token }, () => mine);
        assert.ok(heard.length >= 2 && heard !== 'refused');
      });
      for (const [what, auth, wanted = () => mine] of attempts) {
        it(`refuses ${what}`, async () => {
          assert.equal(await feed(await auth(), wanted), 'refused');
        });
      }
    });
  }
});
