/** What must and must not compile; checked by the compiler alone, never run. */
import type { Server as HttpServer } from 'node:http';
import type { types } from 'mediasoup';
import type { Server } from 'socket.io';
import type { Socket } from 'socket.io-client';
import { MosClient } from '../../plugin/client/index.ts';
import {
  type Authenticate,
  type Authorize,
  allowAll,
  attachMosNamespace,
  attachMosWebSocket,
  type CallReport,
  type ClientToServerEvents,
  createMosObserver,
  type MosObserver,
  type NoScoreReason,
  type ServerToClientEvents,
  type WarningName,
} from '../../plugin/index.ts';

export async function observerTypes(router: types.Router): Promise<void> {
  const observer = await createMosObserver({ router, autoAdd: true, intervalMs: 2000, identify: ({ id }) => id });
  observer.on('score', ({ mosLqo, interval, participantId }) => {
    const number: number = mosLqo + interval.lower;
    const name: string | undefined = participantId;
    return [number, name];
  });
  observer.on('noscore', ({ reason }) => {
    const known: NoScoreReason = reason;
    return known;
  });
  observer.on('state', ({ state }) => state satisfies 'good' | 'fair' | 'poor' | 'unknown');
  observer.on('warning', ({ name, quantity, value, threshold }) => [
    name satisfies WarningName,
    quantity,
    value - threshold,
  ]);
  observer.on('warningcleared', ({ since, reason }) => [since, reason]);
  observer.on('report', ({ mosLqo, stateShares }) => (mosLqo ?? 0) + stateShares.good);
  observer.report('p') satisfies CallReport;
  observer.observer.on('addproducer', (producer: types.Producer) => producer.id);
  await observer.addProducer({ producerId: 'p', participantId: 'ada' });

  // @ts-expect-error there is no such event
  observer.on('scores', () => {});
  // @ts-expect-error a reason is no score
  observer.on('noscore', ({ mosLqo }) => mosLqo);
  // @ts-expect-error producerId is missing
  await observer.addProducer({ participantId: 'ada' });
  // @ts-expect-error misspelt
  await createMosObserver({ router, autoadd: true });
  await createMosObserver({
    router,
    thresholds: { states: { fair: 3 }, warnings: { level: false, loss: { lossRatio: 0.1 } } },
  });
  // @ts-expect-error no such warning
  await createMosObserver({ router, thresholds: { warnings: { echo: false } } });
  // @ts-expect-error no such limit
  await createMosObserver({ router, thresholds: { warnings: { loss: { mosLqo: 3 } } } });
  // @ts-expect-error router is missing
  await createMosObserver({ autoAdd: true });
}

export function namespaceTypes(io: Server, typed: Server<{ hello: () => void }, { bye: () => void }>): void {
  attachMosNamespace({ io, authorize: async (socket, subscription) => socket.connected && 'routerId' in subscription });
  attachMosNamespace({ io: typed, authorize: allowAll });
  attachMosNamespace({ io, authorize: ({ data }, { routerId }) => routerId !== undefined && routerId === data.room });
  // @ts-expect-error authorize has to decide
  attachMosNamespace({ io, authorize: () => 'yes' });
}

export function clientTypes(client: Socket<ServerToClientEvents, ClientToServerEvents>): void {
  client.emit('subscribe', { routerId: 'r' });
  client.emit('subscribe', { participantId: 'ada' }, (reply) => (reply.ok ? 'ok' : reply.error.code));
  client.on('snapshot', ({ producers }) => producers.map(({ status, warnings }) => [status?.type, warnings[0]?.name]));
  client.on('producerclose', ({ producerId }) => producerId);
  // @ts-expect-error no such subscription
  client.emit('subscribe', { streamId: 'r' });
  // @ts-expect-error one at a time
  client.emit('subscribe', { routerId: 'r', producerId: 'p' });
  // @ts-expect-error only the server scores
  client.emit('score', {});
}

export function feedTypes(io: Server, server: HttpServer, observer: MosObserver): void {
  const authenticate: Authenticate = async (client) => typeof client.handshake.auth.token === 'string';
  const authorize: Authorize = ({ data }, { routerId }) => routerId === data.routerId;
  attachMosNamespace({ io, observers: [observer], authenticate, authorize, maxBacklogBytes: 2 ** 20 });
  attachMosWebSocket({ server, observers: [observer], authenticate, authorize, path: '/quality' });
  attachMosNamespace({ io, authenticate: (socket) => socket.connected });
  // @ts-expect-error a plain WebSocket's client is no socket of socket.io
  attachMosWebSocket({ server, authorize: (client) => client.connected });
  // @ts-expect-error authenticate has to decide
  attachMosNamespace({ io, authenticate: () => 'yes' });
  // @ts-expect-error a namespace belongs to socket.io
  attachMosWebSocket({ server, name: '/mos' });
}

export async function mosClientTypes(socket: Socket<ServerToClientEvents, ClientToServerEvents>): Promise<void> {
  const mos = new MosClient('https://calls.example/mos', { auth: { token: 't' } });
  new MosClient(socket);
  mos.on('score', ({ mosLqo, participantId }) => [mosLqo.toFixed(), participantId?.length]);
  mos.on('warning', ({ name, threshold }) => [name.length, threshold.toFixed()]);
  mos.on('error', ({ code }) => code === 'unauthenticated');
  const subscription = await mos.subscribe({ routerId: 'r' }, { noscore: ({ reason }) => reason === 'muted' });
  subscription.close();
  for (const { state, status } of mos.producers.values()) [state === 'good', status?.type === 'score'];
  // @ts-expect-error no such event
  mos.on('scores', () => {});
  // @ts-expect-error a reason is no score
  mos.on('noscore', ({ mosLqo }) => mosLqo);
  // @ts-expect-error one at a time
  await mos.subscribe({ routerId: 'r', producerId: 'p' });
  // @ts-expect-error a score has no reason
  await mos.subscribe({ routerId: 'r' }, { score: ({ reason }) => reason });
}
