import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, test } from 'node:test';
import { isMedia, Relay, type RelayOptions } from '../../examples/conference/src/relay.ts';
import { until } from '../support/waiting.ts';

interface Endpoint {
  readonly socket: Socket;
  readonly port: number;
  readonly received: { packet: Buffer; source: RemoteInfo }[];
}

/** Undone after each test, last first. */
const cleanUp: (() => void)[] = [];

async function createEndpoint(): Promise<Endpoint> {
  const socket = createSocket('udp4');
  const received: Endpoint['received'] = [];
  socket.on('message', (packet, source) => received.push({ packet, source }));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  cleanUp.push(() => socket.close());
  return { socket, port: socket.address().port, received };
}

async function createRelay(server: Endpoint, options: Partial<RelayOptions> = {}): Promise<Relay> {
  const relay = await Relay.create({ target: { address: '127.0.0.1', port: server.port }, ...options });
  cleanUp.push(() => relay.close());
  return relay;
}

/** A packet whose first two bytes make it what it is; the number tells it from others. */
const packetOf = (first: number, second: number, number: number): Buffer => {
  const packet = Buffer.alloc(40);
  packet[0] = first;
  packet[1] = second;
  packet.writeUInt32BE(number, 4);
  return packet;
};
const rtp = (number: number) => packetOf(0x80, 111, number);
const rtcp = (number: number) => packetOf(0x81, 201, number);
const stun = (number: number) => packetOf(0x00, 0x01, number);
const dtls = (number: number) => packetOf(22, 254, number);
const numbersOf = ({ received }: Endpoint) => received.map(({ packet }) => packet.readUInt32BE(4));

describe('Relay', () => {
  afterEach(() => {
    for (const undo of cleanUp.splice(0).reverse()) undo();
  });

  test('passes packets to the server and its answers back to the client that they are for', async () => {
    const [server, alice, bob] = await Promise.all([createEndpoint(), createEndpoint(), createEndpoint()]);
    const relay = await createRelay(server);
    alice.socket.send(rtp(1), relay.port, relay.address);
    await until('the server has one', () => server.received.length === 1);
    bob.socket.send(rtp(2), relay.port, relay.address);
    await until('the server has both', () => server.received.length === 2);
    assert.deepEqual(numbersOf(server), [1, 2]);
    const [fromAlice, fromBob] = server.received.map(({ source }) => source);
    assert.notEqual(fromAlice?.port, fromBob?.port, 'each client is a source of its own');
    server.socket.send(rtp(20), fromBob?.port ?? 0, '127.0.0.1');
    server.socket.send(rtp(10), fromAlice?.port ?? 0, '127.0.0.1');
    await until('both are answered', () => alice.received.length === 1 && bob.received.length === 1);
    assert.deepEqual([numbersOf(alice), numbersOf(bob)], [[10], [20]]);
    assert.equal(alice.received[0]?.source.port, relay.port);
  });

  test('loses media only: STUN, DTLS and RTCP all pass', async () => {
    const [server, client] = await Promise.all([createEndpoint(), createEndpoint()]);
    const relay = await createRelay(server, { uplink: { lossRatio: 0.5, lossBurstPackets: 3, seed: 9 } });
    const count = 200;
    for (let number = 0; number < count; number++) {
      for (const make of [stun, dtls, rtcp, rtp]) client.socket.send(make(number), relay.port, relay.address);
      // The relay's socket has a small buffer: not much faster than it is read.
      if (number % 20 !== 19) continue;
      await until(`packet ${number} has come`, () => relay.toJSON().uplink.received === 4 * (number + 1));
    }
    const { uplink } = relay.toJSON();
    await until('the rest has come', () => server.received.length === 4 * count - uplink.lost);
    assert.equal(uplink.media, count);
    assert.ok(uplink.lost > 0.25 * count && uplink.lost < 0.75 * count, `${uplink.lost} lost`);
    const media = server.received.filter(({ packet }) => isMedia(packet)).length;
    assert.equal(media, count - uplink.lost);
  });

  test('each direction has its own impairment', async () => {
    const [server, client] = await Promise.all([createEndpoint(), createEndpoint()]);
    const relay = await createRelay(server, { downlink: { duplicateRatio: 1 } });
    client.socket.send(rtp(1), relay.port, relay.address);
    await until('the server has it', () => server.received.length === 1);
    server.socket.send(rtp(2), server.received[0]?.source.port ?? 0, '127.0.0.1');
    await until('the client has it twice', () => client.received.length === 2);
    assert.equal(server.received.length, 1);
  });

  test('what happens to media may change while it comes; a wrong change is an error and changes nothing', async () => {
    const [server, client] = await Promise.all([createEndpoint(), createEndpoint()]);
    const relay = await createRelay(server);
    const send = async (number: number) => {
      client.socket.send(rtp(number), relay.port, relay.address);
      await until(`packet ${number} has come`, () => relay.toJSON().uplink.received === number);
    };
    await send(1);
    relay.setUplink({ lossRatio: 1 - Number.EPSILON });
    await send(2);
    assert.throws(() => relay.setUplink({ lossRatio: 2 }), /RangeError: lossRatio .*: 2$/);
    await send(3);
    relay.setUplink({});
    await send(4);
    await until('what was not lost is there', () => server.received.length === 2);
    assert.deepEqual(numbersOf(server), [1, 4]);
  });

  test('delayed packets leave in their order, and no more than the limit are held', async () => {
    const [server, client] = await Promise.all([createEndpoint(), createEndpoint()]);
    const relay = await createRelay(server, { uplink: { delayMs: 500, jitterMs: 100 }, maxHeld: 10 });
    for (let number = 0; number < 15; number++) client.socket.send(rtp(number), relay.port, relay.address);
    await until('all have come', () => relay.toJSON().uplink.received === 15);
    assert.equal(relay.toJSON().held, 10);
    assert.equal(relay.toJSON().uplink.overflow, 5);
    await until('all that was held is on', () => server.received.length === 10);
    assert.deepEqual(
      numbersOf(server),
      Array.from({ length: 10 }, (_, number) => number),
    );
  });

  test('the client unheard for longest makes way when there are too many', async () => {
    const server = await createEndpoint();
    const relay = await createRelay(server, { maxClients: 2 });
    for (let number = 0; number < 5; number++) {
      const client = await createEndpoint();
      client.socket.send(stun(number), relay.port, relay.address);
      await until(`client ${number} is heard`, () => server.received.length === number + 1);
    }
    const { clients, evictedClients } = relay.toJSON();
    assert.deepEqual({ clients, evictedClients }, { clients: 2, evictedClients: 3 });
  });

  test('stands in for the candidate of its target, and only for that', async () => {
    const server = await createEndpoint();
    const relay = await createRelay(server);
    const candidate = (protocol: string, port: number) => ({ protocol, ip: '127.0.0.1', address: '127.0.0.1', port });
    assert.deepEqual(relay.rewrite([candidate('udp', server.port), candidate('tcp', server.port)]), [
      candidate('udp', relay.port),
    ]);
    assert.throws(() => relay.rewrite([candidate('tcp', server.port)]), /no candidate is the relay's target/);
  });

  test('wrong options are errors that name the option and the value', async () => {
    const target = { address: '127.0.0.1', port: 9 };
    await assert.rejects(Relay.create({ target, maxClients: 0 }), /RangeError: maxClients .*: 0$/);
    await assert.rejects(Relay.create({ target, uplink: { lossRatio: 2 } }), /RangeError: lossRatio .*: 2$/);
    await assert.rejects(Relay.create({ target, loss: 1 } as RelayOptions), /TypeError: unknown relay option: loss$/);
  });

  test('closing again does nothing, and held packets are not sent', async () => {
    const [server, client] = await Promise.all([createEndpoint(), createEndpoint()]);
    const relay = await createRelay(server, { uplink: { delayMs: 10_000 } });
    client.socket.send(rtp(1), relay.port, relay.address);
    await until('it is held', () => relay.toJSON().held === 1);
    relay.close();
    relay.close();
    assert.equal(relay.closed, true);
    assert.deepEqual([relay.toJSON().held, relay.toJSON().clients], [0, 0]);
  });
});
