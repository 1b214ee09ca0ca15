import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { io, type Socket } from 'socket.io-client';
import { Conference } from '../../examples/conference/src/conference.ts';
import type { TransportParameters } from '../../examples/conference/src/protocol.ts';

describe('the conference, asked by a client that may send anything', () => {
  let conference: Conference;
  let socket: Socket;

  before(async () => {
    conference = await Conference.create({ port: 0 });
    socket = io(conference.url, { forceNew: true, reconnection: false });
    await new Promise<void>((resolve, reject) => socket.once('welcome', () => resolve()).once('connect_error', reject));
  });
  after(async () => {
    socket?.disconnect();
    await conference?.close();
  });

  const ask = (event: string, request: unknown): Promise<{ data?: unknown; error?: string }> =>
    socket.timeout(10_000).emitWithAck(event, request);

  test('loses packets of those only who have a transport that can', async () => {
    assert.deepEqual(await ask('createTransport', { direction: 'send' }), { error: 'join first' });
    await ask('join', { name: 'Ada' });
    assert.deepEqual(await ask('impair', { lossRatio: 0.1 }), { error: 'no impairable transport' });
    const [plain, relayed] = [
      await ask('createTransport', { direction: 'receive' }),
      await ask('createTransport', { direction: 'send', impairable: true }),
    ].map(({ data }) => (data as TransportParameters).iceCandidates);
    const portsOf = (protocol: string) =>
      [plain, relayed].map((candidates) => candidates?.find((one) => one.protocol === protocol)?.port);
    const [udp, relayedUdp] = portsOf('udp');
    const [tcp, relayedTcp] = portsOf('tcp');
    assert.notEqual(relayedUdp, udp);
    assert.equal(relayedTcp, tcp);
    assert.deepEqual(await ask('impair', { lossRatio: 0.1 }), { data: null });
  });

  for (const [request, error] of [
    [{ lossRatio: 2 }, /lossRatio must be from 0 to .*: 2$/],
    [{ lossRatio: -0.1 }, /lossRatio must be from 0 to .*: -0\.1$/],
    [{ lossRatio: '0.5' }, /lossRatio must be a number/],
    [{}, /lossRatio must be a number/],
    [null, /lossRatio must be a number/],
  ] as const) {
    test(`refuses to impair by ${JSON.stringify(request)}`, async () => {
      assert.match((await ask('impair', request)).error ?? '', error);
    });
  }

  test('gives the dashboard, and its history to those who are connected only', async () => {
    assert.equal((await fetch(`${conference.url}quality/`)).status, 200);
    const history = `${conference.url}quality/history?routerId=${conference.router.id}`;
    assert.equal((await fetch(history)).status, 401);
    assert.equal((await fetch(history, { headers: { authorization: 'Bearer guessed' } })).status, 403);
  });
});
