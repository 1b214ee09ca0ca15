// Pipelined requests for the history of a large router: how long they hold the event loop, and what memory they take.
//   node --import tsx bench/history-flood.ts [REQUESTS] [PRODUCERS]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { createMosDashboard } from '../plugin/dashboard/dashboard.ts';
import type { MosSource } from '../plugin/feeds/mos-source.ts';
import { allowAll } from '../plugin/index.ts';
import { SafeEmitter } from '../src/base/emitter.ts';
import { listenLocally } from '../test/support/listen-locally.ts';

/** Counts statuses and bytes until every request is answered. */
const clientCode = `
import { connect } from 'node:net';
const [port, requests] = process.argv.slice(-2).map(Number);
const client = connect(port, '127.0.0.1');
client.write('GET /history?routerId=r HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n'.repeat(requests));
const statuses = {};
let [bytes, answered] = [0, 0];
client.on('data', (data) => {
  bytes += data.length;
  for (let at = data.indexOf('HTTP/1.1 '); at !== -1; at = data.indexOf('HTTP/1.1 ', at + 1)) {
    const status = data.toString('latin1', at + 9, at + 12);
    statuses[status] = (statuses[status] ?? 0) + 1;
    answered += 1;
  }
  if (answered < requests) return;
  console.log(Math.round(bytes / 2 ** 20) + ' MiB sent, answers: ' + JSON.stringify(statuses));
  process.exit();
});
`;

const requests = Number(process.argv[2] ?? 180);
const producers = Number(process.argv[3] ?? 2000);
const source = Object.assign(new SafeEmitter(), {
  closed: false,
  routerId: 'r',
  current: [],
  snapshot: [],
  observer: new SafeEmitter(),
}) as unknown as MosSource;
const dashboard = createMosDashboard({ observers: [source], authorize: allowAll });
const nowMs = Date.now();
for (let n = 0; n < producers; n++) {
  source.safeEmit('noscore', {
    ...{ type: 'noscore', producerId: `${n}`.padStart(36, '0'), routerId: 'r', sequence: 0, time: nowMs - 3_500_000 },
    ...{ reason: 'silence', since: nowMs - 3_500_000, model: { name: 'm', version: '1.0.0' } },
    network: { lossRatio: 0, burstRatio: 1, jitterMs: 0, mosCqe: 4.4 },
  });
}
const server = createServer((request, response) => dashboard.handle(request, response));
const port = await listenLocally(server);
const delay = monitorEventLoopDelay({ resolution: 1 });
const before = process.memoryUsage().rss;
let peak = before;
const sampling = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss);
}, 10);
delay.enable();
const startMs = performance.now();
// The client has a process of its own.
const client = spawn(process.execPath, ['--input-type=module', '-e', clientCode, String(port), String(requests)], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let report = '';
client.stdout.on('data', (text) => {
  report += text;
});
await once(client, 'close');
delay.disable();
clearInterval(sampling);
peak = Math.max(peak, process.memoryUsage().rss);
console.log(
  `${requests} requests for ${producers} producers: the loop was held for ${(delay.max / 1e6).toFixed(0)} ms at a time ` +
    `(${((performance.now() - startMs) / 1000).toFixed(1)} s in all), ${((peak - before) / 2 ** 20).toFixed(0)} MiB more memory at most, ` +
    report.trim(),
);
process.exit();
