/** Measures what the scorer costs, as ratios to Opus decoding alone, in one run: see `--help`. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { loadNative } from '../src/engine/load.ts';
import { readClip } from '../test/support/clips.ts';
import { opusOptions } from '../test/support/speech.ts';
import type { DecodeOrder, DecodeResult } from './decode.ts';
import type { ServerOrder, ServerResult } from './order.ts';
import type { SenderOrder } from './sender.ts';

const help = `Usage: npm run bench -- [options]

Sends real Opus speech through a real mediasoup worker to the scorer, and measures CPU, memory and latency.
The floor is libopus decoding the same packets of as many streams to 16 kHz, in a loop of its own, before and after.

  --streams LIST   numbers of streams (default 1,100,500)
  --seconds N      measured span of each, after a warm-up (default 30)
  --model NAME     name or path of the model (default: the scorer's)
  --serve          the command \`serve\` instead of a media server with mediasoup
  --json           print the results as JSON too
  --help           this text`;

/** What browsers send for speech: 20 ms packets, in-band FEC for some loss. */
const encoder = opusOptions({ complexity: 9, fec: true, packetLossPercent: 5 });
const speech = ['woman-1', 'woman-2', 'woman-3', 'man-1', 'man-2', 'man-3'] as const;

/** Starts a process, gives it its order, and waits for its only answer. */
async function ask<Result>(script: string, order: object): Promise<Result> {
  const child = fork(new URL(script, import.meta.url), { stdio: 'inherit' });
  child.send(order);
  const answer = once(child, 'message');
  const exit = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${script} ended with ${code}`)));
  exit.catch(() => {});
  const [result] = await Promise.race([answer, exit]);
  await once(child, 'exit');
  return result as Result;
}

function parse(): { streams: number[]; seconds: number; model: string | undefined; serve: boolean; json: boolean } {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '1,100,500' },
      seconds: { type: 'string', default: '30' },
      model: { type: 'string' },
      serve: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    process.exit(0);
  }
  const streams = values.streams.split(',').map(Number);
  const seconds = Number(values.seconds);
  if (!streams.every((n) => Number.isInteger(n) && n > 0)) throw new RangeError(`--streams: ${values.streams}`);
  if (!(seconds > 0)) throw new RangeError(`--seconds: ${values.seconds}`);
  return { streams, seconds, model: values.model, serve: values.serve, json: values.json };
}

const floorMs = (floors: readonly DecodeResult[]) =>
  floors.reduce((total, each) => total + each.cpuMs, 0) / floors.reduce((total, each) => total + each.audioSeconds, 0);

const kib = (bytes: number | undefined) => (bytes === undefined ? 'not told' : `${(bytes / 1024).toFixed(0)} KiB`);

function table(results: readonly (ServerResult & { floorMs: number })[]): string {
  const rows: [string, (result: ServerResult & { floorMs: number }) => string][] = [
    ['Opus decoding alone, ms CPU per stream-second', (r) => r.floorMs.toFixed(3)],
    ['scorer, ms CPU per stream-second', (r) => r.scorerCpuMsPerStreamSecond.toFixed(3)],
    ['**scorer / decoding alone**', (r) => `**${(r.scorerCpuMsPerStreamSecond / r.floorMs).toFixed(2)}**`],
    ['main thread of the server, share of a core', (r) => `${(r.mainThreadCore * 100).toFixed(2)} %`],
    ['memory per stream, fixed (without decoder state)', (r) => kib(r.bytesPerStream)],
    ['decoder state per stream', (r) => kib(r.decoderBytesPerStream)],
    ['scorer process in all', (r) => `${(r.residentBytes / 2 ** 20).toFixed(0)} MiB`],
    ['end of window to event, p50', (r) => `${r.latencyMs.p50.toFixed(0)} ms`],
    ['end of window to event, p99', (r) => `${r.latencyMs.p99.toFixed(0)} ms`],
    ['scores per stream-second', (r) => r.scoresPerStreamSecond.toFixed(2)],
    ['packets dropped inside the host', (r) => String(r.packetsOverload)],
    ['noscore events', (r) => JSON.stringify(r.noScores)],
  ];
  const lines = [
    ['', ...results.map((r) => `${r.streams} streams`)],
    ['---', ...results.map(() => '---:')],
  ];
  for (const [name, value] of rows) lines.push([name, ...results.map(value)]);
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const { streams, seconds, model, serve, json } = parse();
const addon = loadNative();
const clips: SenderOrder['clips'] = speech.map((name) =>
  addon.encodeOpus(readClip(`speech/${name}`), encoder).map((packet) => Buffer.from(packet).toString('base64')),
);
const results: (ServerResult & { floorMs: number })[] = [];
for (const count of streams) {
  console.log(`${count} streams: about ${seconds + 25} s ...`);
  const decode = () => ask<DecodeResult>('./decode.ts', { streams: count, clips } satisfies DecodeOrder);
  const before = await decode();
  const result = await ask<ServerResult>(serve ? './serve.ts' : './server.ts', {
    streams: count,
    seconds,
    model,
    clips,
  } satisfies ServerOrder);
  const after = await decode();
  results.push({ ...result, floorMs: floorMs([before, after]) });
}
console.log(`\n${cpus()[0]?.model.trim()}, ${cpus().length} cores, Node ${process.version}\n`);
console.log(table(results));
if (json) console.log(JSON.stringify(results, undefined, 2));
