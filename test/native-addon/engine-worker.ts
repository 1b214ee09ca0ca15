// A worker thread with a live engine that it never closes; tells its port and how many frames it heard by hand.
import { parentPort } from 'node:worker_threads';
import { pollFields } from '../../src/engine/contract.ts';
import { loadNative } from '../../src/engine/load.ts';
import { readClip } from '../support/clips.ts';
import { engineOptions, startMs, streamOptions } from './engine-options.ts';

const engine = new (loadNative().Engine)(engineOptions({ sockets: 1, ports: [0] }));
engine.addStream(streamOptions({ socket: 0 }));
engine.pushPcm(engine.addStream(streamOptions()), readClip('speech/man-2').subarray(0, 48_000), startMs);
const table = new Float64Array(2 * pollFields.length);
engine.poll(table, startMs + 3000);
parentPort?.postMessage({ port: engine.sockets[0]?.port, frames: table[pollFields.indexOf('talkFrames')] });
setInterval(() => engine.poll(table, startMs + 3000), 1000);
