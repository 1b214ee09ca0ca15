/** Faults on purpose, and what became of each: see `--help`. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { clock } from './clocks.ts';
import { redis, subscriber } from './feeds.ts';
import { type Finding, type Scenario, table } from './finding.ts';
import { network } from './network.ts';
import { comingAndGoing, scorerProcess, scorerThatKeepsDying, worker } from './processes.ts';
import { descriptors, diskFull } from './resources.ts';

const help = `Usage: npm run chaos -- [options]

Kills and stops the scorer process, the mediasoup worker, Redis and a subscriber; loses, delays and reorders packets;
fills the disk; uses up descriptors; adds and removes producers. Prints for each fault what is promised, what was seen
and what was lost, as a table. Exit code 1 when a promise is broken.

  --short         under a minute
  --only NAME     one of the scenarios, by its name; may be given again
  --help          this text`;

const scenarios: Readonly<Record<string, Scenario>> = {
  scorerProcess,
  scorerThatKeepsDying,
  worker,
  comingAndGoing,
  network,
  clock,
  subscriber,
  redis,
  diskFull,
  descriptors,
};

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const unknown = values.only?.find((name) => !Object.hasOwn(scenarios, name));
if (unknown !== undefined) throw new RangeError(`--only: ${unknown}; known: ${Object.keys(scenarios).join(', ')}`);

async function run(name: string, scenario: Scenario): Promise<Finding[]> {
  const beganMs = performance.now();
  try {
    return await scenario({ short: values.short });
  } catch (error) {
    const seen = (error as Error).message.replaceAll(/\s+/g, ' ');
    return [{ fault: name, promise: 'the scenario ends', seen, lost: 'unknown', kept: false }];
  } finally {
    console.error(`${name}: ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);
  }
}

const startMs = performance.now();
const wanted = Object.entries(scenarios).filter(([name]) => values.only?.includes(name) ?? true);
const results = new Map<string, Finding[]>();
const waiting = [...wanted];
/** Works off what waits; the clock is of the whole process, so that one waits for the others. */
async function lane(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [name, scenario] = next;
    results.set(name, await run(name, scenario));
  }
}
const alone = waiting.findIndex(([name]) => name === 'clock');
const [last] = alone < 0 ? [] : waiting.splice(alone, 1);
await Promise.all(Array.from({ length: values.short ? 3 : 2 }, lane));
if (last !== undefined) results.set(last[0], await run(...last));
const findings = wanted.flatMap(([name]) => results.get(name) ?? []);
const broken = findings.filter(({ kept }) => !kept).length;
const [processor] = cpus();
console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${processor?.model}, Node.js ${process.version}`,
);
console.log(
  `${((performance.now() - startMs) / 1000).toFixed(0)} s, ${findings.length} faults, ${broken} promises broken\n`,
);
console.log(table(findings));
process.exit(broken > 0 ? 1 : 0);
