import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type NativeEngine, type PollField, pollFields, windowFields } from '../../src/engine/contract.ts';
import { loadNative } from '../../src/engine/load.ts';
import { rtpPacket } from '../support/rtp-packet.ts';
import { opusPackets } from '../support/speech.ts';
import { until } from '../support/waiting.ts';
import { engineOptions, streamOptions } from './engine-options.ts';

const native = loadNative();
const packets = opusPackets('speech/man-1');
const ssrc = 0x1234;

const packetNumber = (i: number, changes: { ssrc?: number } = {}) =>
  rtpPacket({
    payloadType: 111,
    sequenceNumber: 65_500 + i,
    timestamp: i * 960,
    ssrc,
    payload: packets[i % packets.length] as Uint8Array,
    ...changes,
  });

const fields = (table: Float64Array) =>
  Object.fromEntries(pollFields.map((field, column) => [field, table[column]])) as Record<PollField, number>;

function pollOne(engine: NativeEngine): Record<PollField, number> {
  const table = new Float64Array(pollFields.length);
  assert.equal(engine.poll(table, Date.now()), 1);
  return fields(table);
}

function readAll(engine: NativeEngine, handle: number, frames: number) {
  const out = new Float32Array(frames * 64);
  const info = new Float64Array(windowFields.length);
  engine.readWindows(Float64Array.of(handle), frames, true, -8, out, info);
  return { out, info };
}

describe('an engine with sockets', () => {
  let source: Socket;
  before(async () => {
    source = createSocket('udp4');
    source.bind(0, '127.0.0.1');
    await once(source, 'listening');
  });
  after(() => source.close());
  const liveOptions = (changes = {}) =>
    streamOptions({ socket: 0, sourceAddress: '127.0.0.1', sourcePort: source.address().port, ssrc, ...changes });
  const send = (engine: NativeEngine, packet: Uint8Array, socket = 0) =>
    new Promise<void>((resolve, reject) => {
      const { port } = engine.sockets[socket] as { port: number };
      source.send(packet, port, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
    });

  it('says which ports and buffers it got', () => {
    const engine = new native.Engine(engineOptions({ sockets: 3, ports: [0, 0, 0], receiveBufferBytes: 100_000 }));
    assert.equal(new Set(engine.sockets.map(({ port }) => port)).size, 3);
    for (const { port, receiveBufferBytes } of engine.sockets) {
      assert.notEqual(port, 0);
      assert.ok(receiveBufferBytes >= 100_000, `${receiveBufferBytes}`);
    }
    engine.close();
  });

  it('hears live what it hears offline in the same packets with the same arrival times', async () => {
    const live = new native.Engine(engineOptions({ sockets: 1, ports: [0] }));
    const offline = new native.Engine(engineOptions());
    const liveHandle = live.addStream(liveOptions());
    const offlineHandle = offline.addStream(streamOptions({ ssrc }));
    let lastPacketMs = 0;
    for (let i = 0; i < 100; i += 1) {
      if (i % 9 === 4) continue; // lost
      await send(live, packetNumber(i));
      await until(`packet ${i}`, () => pollOne(live).lastPacketMs > lastPacketMs);
      ({ lastPacketMs } = pollOne(live));
      assert.ok(Math.abs(lastPacketMs - Date.now()) < 5000, `${lastPacketMs}`);
      offline.pushRtp(offlineHandle, packetNumber(i), lastPacketMs, 0);
    }
    offline.advance(lastPacketMs + 1000);
    const { ringFrames } = pollOne(offline);
    assert.ok(ringFrames > 50, `${ringFrames}`);
    await until('the same number of frames', () => pollOne(live).ringFrames >= ringFrames);
    assert.deepEqual({ ...pollOne(live), handle: 0 }, { ...pollOne(offline), handle: 0 });
    assert.deepEqual(readAll(live, liveHandle, ringFrames), readAll(offline, offlineHandle, ringFrames));
    assert.deepEqual(live.streamStats(liveHandle), offline.streamStats(offlineHandle));
    live.close();
    offline.close();
  });

  it('knows streams by socket, source and SSRC, and counts everything else', async () => {
    const engine = new native.Engine(engineOptions({ sockets: 2, ports: [0, 0] }));
    const first = engine.addStream(liveOptions());
    const second = engine.addStream(liveOptions({ socket: 1 }));
    const third = engine.addStream(liveOptions({ socket: 1, ssrc: 77 }));
    assert.throws(() => engine.addStream(liveOptions({ socket: 1, ssrc: 77 })), {
      name: 'RangeError',
      message: `socket 1 has a stream with ssrc 77 from 127.0.0.1:${source.address().port} already`,
    });
    assert.throws(() => engine.addStream(liveOptions({ socket: 2 })), {
      name: 'RangeError',
      message: /^socket must be/,
    });
    assert.throws(() => engine.addStream(liveOptions({ sourceAddress: 'x' })), { message: /^sourceAddress must be/ });
    assert.throws(() => engine.addStream(liveOptions({ sourcePort: 0 })), { message: /^sourcePort must be/ });
    assert.throws(() => engine.pushRtp(first, packetNumber(0), 0, 0), { message: /without a socket/ });
    for (let i = 0; i < 3; i += 1) await send(engine, packetNumber(i), 0);
    await send(engine, packetNumber(0), 1);
    for (let i = 0; i < 2; i += 1) await send(engine, packetNumber(i, { ssrc: 77 }), 1);
    await send(engine, packetNumber(0, { ssrc: 77 }), 0); // that stream comes by the other socket
    await send(engine, Buffer.from('hello'), 0);
    await until('all to be counted', () => {
      const { packetsUnknownSource, packetsMalformed } = engine.stats();
      return packetsUnknownSource === 1 && packetsMalformed === 1 && engine.streamStats(third).packetsReceived === 2;
    });
    assert.deepEqual(
      [first, second, third].map((handle) => engine.streamStats(handle).packetsReceived),
      [3, 1, 2],
    );
    engine.close();
  });

  it('names a port that is in use', () => {
    const engine = new native.Engine(engineOptions({ sockets: 1, ports: [0] }));
    const { port } = engine.sockets[0] as { port: number };
    assert.throws(() => new native.Engine(engineOptions({ sockets: 2, ports: [0, port] })), {
      name: 'Error',
      code: 'EADDRINUSE',
      message: new RegExp(`127\\.0\\.0\\.1:${port}: address already in use`),
    });
    engine.close();
    new native.Engine(engineOptions({ sockets: 1, ports: [port] })).close(); // free again
  });

  it('names an address that is not of this host', () => {
    assert.throws(() => new native.Engine(engineOptions({ sockets: 1, ports: [0], address: '192.0.2.1' })), {
      code: 'EADDRNOTAVAIL',
      message: /192\.0\.2\.1:0/,
    });
  });

  it('still says its ports once closed', () => {
    const engine = new native.Engine(engineOptions({ sockets: 1, ports: [0] }));
    engine.close();
    engine.close();
    assert.equal(engine.sockets.length, 1);
    assert.throws(() => engine.addStream(liveOptions()), { code: 'ERR_INVALID_STATE' });
  });
});

describe('worker threads', () => {
  const program = JSON.stringify(new URL('./engine-worker.ts', import.meta.url));
  // Node 20 does not give a worker thread the loader of its parent.
  const start = `import('tsx/esm/api').then(({ register }) => { register(); return import(${program}); })`;
  const startWorker = () => new Worker(start, { eval: true });

  it('each have engines of their own, and may end without closing them', async () => {
    const workers = [startWorker(), startWorker()];
    const messages = await Promise.all(
      workers.map(async (worker) => (await once(worker, 'message'))[0] as { port: number; frames: number }),
    );
    assert.notEqual(messages[0]?.port, messages[1]?.port);
    assert.equal(messages[0]?.frames, messages[1]?.frames);
    assert.ok((messages[0]?.frames ?? 0) > 100, `${messages[0]?.frames}`);
    await Promise.all(workers.map((worker) => worker.terminate()));
    for (const { port } of messages) {
      new native.Engine(engineOptions({ sockets: 1, ports: [port] })).close(); // the thread and its socket are gone
    }
  });
});
