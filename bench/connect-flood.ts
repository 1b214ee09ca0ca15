// One polling POST with many namespace connects to one connection: how long it holds the event loop of the server.
//   node --import tsx bench/connect-flood.ts [CONNECTS]

import { createServer } from 'node:http';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { Server } from 'socket.io';
import { allowAll, attachMosNamespace } from '../plugin/index.ts';
import { listenLocally } from '../test/support/listen-locally.ts';

const count = Number(process.argv[2] ?? 20_000);
const http = createServer();
const io = new Server(http);
const feed = attachMosNamespace({ io, authorize: allowAll });
const polling = `http://127.0.0.1:${await listenLocally(http)}/socket.io/?EIO=4&transport=polling`;
const { sid } = JSON.parse((await (await fetch(polling)).text()).slice(1));
const conn = (io.engine as unknown as { clients: Record<string, NodeJS.EventEmitter> }).clients[sid];
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const startMs = performance.now();
const body = Array(count).fill('40/mos,').join('\x1e');
await fetch(`${polling}&sid=${sid}`, { method: 'POST', body });
for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
delay.disable();
console.log(
  `${count} connects, ${body.length} bytes: the loop was held for ${(delay.max / 1e6).toFixed(0)} ms at a time, ${(performance.now() - startMs).toFixed(0)} ms in all; ` +
    `${feed.namespace.sockets.size} members, ${conn?.listenerCount('packetCreate')} listeners of 'packetCreate' on the connection`,
);
process.exit();
