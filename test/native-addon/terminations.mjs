// Terminates worker threads while their native calls throw: node terminations.mjs ADDON COUNT. Prints how many it ended.
import { once } from 'node:events';
import { argv } from 'node:process';
import { Worker } from 'node:worker_threads';

const [, , addon, count] = argv;
const atOnce = 8;

const source = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { Engine, decodeOpus } = require(workerData.addon);
  const engine = new Engine(workerData.options);
  const throwing = [
    () => engine.poll('no table', 0),
    () => engine.addStream({}),
    () => engine.removeStream(7),
    () => decodeOpus([new Uint8Array([255, 255, 255])]),
    () => new Engine({}),
    () => Engine.prototype.poll.call({}, 1),
  ];
  parentPort.postMessage('ready');
  for (;;) {
    for (const call of throwing) {
      try {
        call();
      } catch {}
    }
  }`;

const options = {
  ...{ sockets: 0, address: '127.0.0.1', ports: [], receiveBufferBytes: 0, ringKind: 1, ringFrames: 100 },
  ...{ reorderMs: 60, concealMs: 120, gapMs: 1000, forgetMs: 60_000, maxStreams: 10 },
};

let ended = 0;
async function terminate() {
  const worker = new Worker(source, { eval: true, workerData: { addon, options } });
  await once(worker, 'message');
  await worker.terminate();
  ended++;
}

for (let at = 0; at < Number(count); at += atOnce) await Promise.all(Array.from({ length: atOnce }, terminate));
console.log(ended);
