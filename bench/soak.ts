/** A call in which somebody joins or leaves every second, through a real mediasoup worker: see `--help`. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createMosObserver, Scorer } from '../plugin/index.ts';
import { createRouter, createTalker, startWorker, type Talker } from '../test/support/media-server.ts';
import { opusPackets } from '../test/support/speech.ts';
import { residentBytes } from './cpu.ts';

const help = `Usage: npm run soak -- [options]

Talkers send real speech through a mediasoup worker to a scorer process; every second one leaves, or one joins.
Prints restarts of the scorer, streams that could not be scored, and how memory and open handles grow, by least squares
over what follows the first fifth. Exit code 1 when a process died or a stream failed.

  --talkers N     at most this many at once (default 40)
  --minutes N     how long (default 5)
  --model NAME    name or path of the model (default: the scorer's)
  --help          this text`;

const clips = ['woman-1', 'woman-2', 'woman-3', 'man-1', 'man-2', 'man-3'] as const;

interface Sample {
  readonly minute: number;
  readonly values: Readonly<Record<string, number>>;
}

const openHandles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** Change per minute, by least squares. */
function slope(samples: readonly Sample[], name: string): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const minutes = samples.map(({ minute }) => minute);
  const values = samples.map((sample) => sample.values[name] as number);
  const [meanMinute, meanValue] = [mean(minutes), mean(values)];
  const spread = mean(minutes.map((minute) => (minute - meanMinute) ** 2));
  return mean(minutes.map((minute, index) => (minute - meanMinute) * ((values[index] as number) - meanValue))) / spread;
}

function parse(): { talkers: number; minutes: number; model: string | undefined } {
  const { values } = parseArgs({
    options: {
      talkers: { type: 'string', default: '40' },
      minutes: { type: 'string', default: '5' },
      model: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    process.exit(0);
  }
  const [talkers, minutes] = [Number(values.talkers), Number(values.minutes)];
  if (!Number.isInteger(talkers) || talkers < 1) throw new RangeError(`--talkers: ${values.talkers}`);
  if (!(minutes > 0)) throw new RangeError(`--minutes: ${values.minutes}`);
  return { talkers, minutes, model: values.model };
}

async function soak(): Promise<void> {
  const { talkers, minutes, model } = parse();
  const packets = clips.map((clip) => opusPackets(`speech/${clip}`));
  const worker = await startWorker();
  const router = await createRouter(worker);
  const scorer = await Scorer.create(model === undefined ? {} : { model });
  const observer = await createMosObserver({ router, scorer, autoAdd: true });
  const counts = { scores: 0, deaths: 0, restarts: 0, faults: 0, producererrors: 0, joins: 0, leaves: 0, overload: 0 };
  observer.on('score', () => counts.scores++);
  observer.on('producererror', ({ error }) => {
    counts.producererrors++;
    console.log(`producererror: ${error.message}`);
  });
  scorer.on('processdied', ({ code, signal, reason }) => {
    counts.deaths++;
    console.log(`scorer process died: ${reason}, code ${code}, signal ${signal}`);
  });
  scorer.on('processrestarted', () => counts.restarts++);
  scorer.on('streamerror', ({ error }) => {
    counts.faults++;
    console.log(`stream failed: ${error.message}`);
  });
  scorer.on('overload', () => counts.overload++);

  const present: Talker[] = [];
  const join = async () => {
    const talker = await createTalker(router, packets[counts.joins++ % packets.length] as Uint8Array[]);
    talker.sender.start();
    present.push(talker);
  };
  const leave = async () => {
    counts.leaves++;
    const [talker] = present.splice(Math.floor(Math.random() * present.length), 1);
    await talker?.close();
  };
  while (present.length < talkers) await join();

  const startMs = performance.now();
  const samples: Sample[] = [];
  for (let second = 1; second <= 60 * minutes; second++) {
    await sleep(Math.max(0, startMs + 1000 * second - performance.now()));
    await (present.length >= talkers ? leave() : join());
    if (second % 5 !== 0) continue;
    const pid = (await scorer.getStats()).processes[0]?.pid;
    if (pid === undefined) continue;
    const values = {
      'scorer memory, KiB': residentBytes(pid) / 1024,
      'scorer handles': openHandles(pid),
      'main memory, KiB': residentBytes(process.pid) / 1024,
      'main handles': openHandles(process.pid),
      'worker memory, KiB': residentBytes(worker.pid) / 1024,
    };
    samples.push({ minute: second / 60, values });
    if (second % 60 === 0) console.log(`${second / 60} min`, JSON.stringify({ ...counts, ...values }));
  }

  const settled = samples.slice(Math.floor(samples.length / 5));
  console.log(`${talkers} talkers, ${minutes} min, a join or leave every second: ${JSON.stringify(counts)}`);
  for (const name of Object.keys(settled[0]?.values ?? {})) {
    const values = settled.map((sample) => sample.values[name] as number);
    const [least, most] = [Math.min(...values), Math.max(...values)].map(Math.round);
    console.log(`${name}: ${slope(settled, name).toFixed(2)} a minute, ${least} to ${most}`);
  }
  for (const talker of present) await talker.close();
  observer.close();
  await scorer.close();
  worker.close();
  process.exitCode = counts.deaths + counts.faults + counts.producererrors > 0 ? 1 : 0;
}

await soak();
