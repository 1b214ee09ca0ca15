// Clips per second that training a student takes in, beside the same network in PyTorch: one thread each, in turns of a
// few steps, so that whatever else the machine does hits both. `npm --prefix training run bench -- --help`.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { positive } from '../src/commands/options.ts';
import { type StudentConfiguration, studentSchema } from '../src/learning/configuration.ts';
import { readConfiguration, writeAtomically } from '../src/run/files.ts';
import { RunFolder } from '../src/run/run-folder.ts';
import { quantile } from '../src/statistics/statistics.ts';

/** What both sides are told first. */
export interface StepSetup {
  network: StudentConfiguration['network'];
  training: StudentConfiguration['training'];
  batchSize: number;
  frames: number;
  /** PyTorch only. */
  channelsLast: boolean;
}

interface Turn {
  wallMs: number;
  cpuMs: number;
}

/** A process that makes steps when it is told to. */
class Runner {
  readonly name: string;
  readonly turns: Turn[] = [];
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #errors = '';

  constructor(name: string, program: string, parameters: string[]) {
    this.name = name;
    const threads = { OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1', TF_NUM_INTRAOP_THREADS: '1' };
    this.#process = spawn(program, parameters, { env: { TF_CPP_MIN_LOG_LEVEL: '2', ...process.env, ...threads } });
    this.#process.on('error', (error) => {
      this.#errors += error.message;
    });
    this.#process.stderr.on('data', (text) => {
      this.#errors += text;
    });
    // A process that could not be started takes nothing: the missing answer tells.
    this.#process.stdin.on('error', () => {});
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** One line in, one line out. */
  async ask<Answer>(line: string): Promise<Answer> {
    this.#process.stdin.write(`${line}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`${this.name}: ${this.#errors.trim() || 'ended'}`);
    return JSON.parse(value) as Answer;
  }

  close() {
    this.#process.stdin.end();
  }
}

const flags = new Command('bench')
  .description('training speed beside PyTorch on this machine')
  .option('--student <file>', 'student file', fileURLToPath(new URL('../configs/student.yaml', import.meta.url)))
  .option('--python <program>', 'a Python that has torch (python3 -m venv DIR; DIR/bin/pip install torch)', 'python3')
  .option('--frames <count>', 'frames per clip', positive, 768)
  .option('--rounds <count>', 'turns of each', positive, 10)
  .option('--steps <count>', 'steps per turn', positive, 4)
  .option('--out <folder>', 'run folder for what was measured: run.json and results.json')
  .parse()
  .opts<{ student: string; python: string; frames: number; rounds: number; steps: number; out?: string }>();

const { network, training } = readConfiguration(flags.student, studentSchema);
const setup: StepSetup = {
  network,
  training,
  batchSize: training.batchSize,
  frames: flags.frames,
  channelsLast: false,
};
const { rounds, steps, out } = flags;
const run = out
  ? RunFolder.open({ path: out, verb: 'bench', seed: 1, configuration: { ...setup, rounds, steps } })
  : undefined;

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const ours = new Runner('mos-train', process.execPath, ['--import', 'tsx', file('step.ts')]);
const rivals = [
  { channelsLast: false, runner: new Runner('PyTorch', flags.python, [file('step.py')]) },
  { channelsLast: true, runner: new Runner('PyTorch, channels last', flags.python, [file('step.py')]) },
];

type About = { parameters: number; version: string };
const about = await ours.ask<About>(JSON.stringify(setup));
const runners = [ours];
let torch: string | undefined;
try {
  for (const { channelsLast, runner } of rivals) {
    const { parameters, version } = await runner.ask<About>(JSON.stringify({ ...setup, channelsLast }));
    if (parameters !== about.parameters) throw new Error(`${parameters} parameters, not ${about.parameters}`);
    torch = version;
    runners.push(runner);
  }
} catch (error) {
  console.log(
    `PyTorch is left out, there is nothing to compare with:\n  ${(error as Error).message.split('\n').at(-1)}`,
  );
}
if (torch) console.log(`torch ${torch}`);
console.log(`${about.parameters} parameters; ${setup.batchSize} clips of ${flags.frames} frames a step; one thread`);
for (const runner of runners) await runner.ask<Turn>('3'); // first steps compile and allocate
for (let round = 0; round < rounds; round++) {
  for (const runner of runners) runner.turns.push(await runner.ask<Turn>(String(steps)));
}
for (const { runner } of rivals) runner.close();
ours.close();

const median = (values: readonly number[]) => quantile(values, 0.5);
const clips = setup.batchSize * steps;
const perSecond = (runner: Runner, of: keyof Turn) => median(runner.turns.map((turn) => (1000 * clips) / turn[of]));
const ratio = (runner: Runner, of: keyof Turn) =>
  median(ours.turns.map((turn, index) => (runner.turns[index] as Turn)[of] / turn[of]));
const results = runners.map((runner) => ({
  name: runner.name,
  clipsPerSecond: perSecond(runner, 'wallMs'),
  clipsPerCpuSecond: perSecond(runner, 'cpuMs'),
  /** How many times as fast ours is, by the median of the turns. */
  wallRatio: ratio(runner, 'wallMs'),
  cpuRatio: ratio(runner, 'cpuMs'),
}));
console.table(
  Object.fromEntries(
    results.map(({ name, clipsPerSecond, clipsPerCpuSecond, wallRatio, cpuRatio }) => [
      name,
      {
        'clips per second': clipsPerSecond.toFixed(1),
        'clips per CPU second': clipsPerCpuSecond.toFixed(1),
        'mos-train is faster by': wallRatio.toFixed(2),
        'in CPU time': cpuRatio.toFixed(2),
      },
    ]),
  ),
);
if (run) {
  const processor = cpus()[0]?.model.trim();
  const measured = { processor, torch, parameters: about.parameters, results };
  writeAtomically(run.file('results.json'), `${JSON.stringify(measured, undefined, 2)}\n`);
  run.finish();
}
