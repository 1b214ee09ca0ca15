import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { levelDb } from '../src/audio/level.ts';
import { degrade } from '../src/degrade/degrade.ts';
import { readPcm, readReferences, readTruths } from '../src/degrade/shard.ts';
import { readEnsemble } from '../src/teach/description.ts';
import { keptMos } from '../src/teach/in-time.ts';
import { readLabels } from '../src/teach/labels.ts';
import { PairProgram } from '../src/teach/program.ts';
import { teach } from '../src/teach/teach.ts';
import { fixtureCorpus } from './support/fixture-corpus.ts';
import { scratchFolder } from './support/scratch.ts';

const scratch = scratchFolder();
let corpus: string;
before(async () => {
  corpus = await fixtureCorpus(scratch);
});

/** Clips of speech, 4 s, by a chain and a leg. */
async function make(name: string, chain: string, leg: string) {
  const recipe = join(scratch, `${name}.yaml`);
  writeFileSync(
    recipe,
    `{ name: t, seconds: 4, content: { speech: 1 }, chain: [${chain}], legs: [{ weight: 1, ${leg} }] }`,
  );
  const clips = join(scratch, name);
  await degrade({ out: clips, corpus, recipe, split: 'train', clips: 3, shardClips: 3, seed: 1 });
  const folder = join(clips, 'shards');
  return { clips, truths: readTruths(folder, 0), pcm: readPcm(folder, 0), references: readReferences(folder, 0) };
}

const lossless = 'codec: pcm';
const lossy = 'codec: opus, bitrate: 32000, fec: 0, dtx: 0, loss: { ratio: 0.2, burst: 2 }';

describe('the reference of a clip', () => {
  it('is left out where nothing happened in time', async () => {
    const { references, truths } = await make('noise', '{ step: noise, snrDb: 20 }', lossless);
    assert.deepEqual(references, [undefined, undefined, undefined]);
    assert.deepEqual(
      truths.map(({ referenceFrames }) => referenceFrames),
      [0, 0, 0],
    );
  });

  it('is the clip without what happened in time, sample by sample beside it', async () => {
    const { references, pcm } = await make('mnru', '{ step: noise, snrDb: 20 }, { step: mnru, qDb: 25 }', lossless);
    for (const [n, reference] of references.entries()) {
      const own = pcm[n] as Float32Array;
      assert.equal(reference?.length, own.length);
      const difference = own.map((sample, at) => sample - (reference?.[at] as number));
      assert.ok(Math.abs(levelDb(own) - levelDb(difference) - 25) < 1.5);
    }
  });

  it('went over the same leg, and lost nothing', async () => {
    const { references, pcm, truths } = await make('loss', '', lossy);
    for (const [n, reference] of references.entries()) {
      assert.ok((truths[n]?.lostRatio as number) > 0);
      const own = pcm[n] as Float32Array;
      assert.equal(reference?.length, own.length);
      const equal = own.filter((sample, at) => Math.abs(sample - (reference?.[at] as number)) < 0.002).length;
      assert.ok(equal > 0.3 * own.length, `${equal} of ${own.length}`);
    }
  });

  it('is longer where pieces were cut out', async () => {
    const { truths } = await make('cut', '{ step: chop, modes: [cut], ms: 40, perSecond: 4 }', lossless);
    for (const { frames, referenceFrames = 0 } of truths) assert.ok(referenceFrames > frames);
  });
});

describe('a full-reference metric', () => {
  it('is a program that reads pairs and writes numbers', async () => {
    const ratio =
      'import sys, struct\nwhile True:\n a, b = struct.unpack("<II", sys.stdin.buffer.read(8) or sys.exit(0))\n sys.stdin.buffer.read(2 * (a + b))\n print(a / b if b else "nan", flush=True)';
    const program = new PairProgram(['python3', '-c', ratio]);
    const both = [
      program.compare(new Float32Array(6), new Float32Array(3)),
      program.compare(new Float32Array(1), new Float32Array(2)),
    ];
    assert.deepEqual(await Promise.all(both), [2, 0.5]);
    assert.equal(await program.compare(new Float32Array(1), new Float32Array(0)), undefined);
    program.close();
  });

  it('that ends says why', async () => {
    const program = new PairProgram(['python3', '-c', 'raise SystemExit("no licence")']);
    await assert.rejects(program.compare(new Float32Array(1), new Float32Array(1)), {
      code: 'audio',
      message: /no licence/,
    });
    const missing = new PairProgram(['no-such-program']);
    await assert.rejects(missing.compare(new Float32Array(1), new Float32Array(1)), { code: 'missing-tool' });
  });

  it('leaves of a MOS the more, the less was lost in time', () => {
    const pesq = { worst: 1, best: 4.6 };
    assert.equal(keptMos(4, 4.6, pesq, 0.6), 4);
    assert.equal(keptMos(4, 1, pesq, 0.6), 1);
    assert.ok(Math.abs(keptMos(4, 2.8, pesq, 0.6) - (1 + 3 * 0.5 ** 0.6)) < 1e-12);
  });

  it('has its say in the labels of clips that suffered in time', async () => {
    const { clips } = await make('taught', '', lossy);
    const teachers = join(import.meta.dirname, '../teachers/with-reference.yaml');
    const out = join(scratch, 'labels');
    await teach({ out, clips, teachers, seed: 1 });
    const { inTime } = readEnsemble(teachers);
    for (const { mos, teachers: after, inTime: of } of readLabels(out, 0)) {
      assert.ok(of && mos !== null && inTime);
      assert.deepEqual(after, {});
      assert.equal(mos, keptMos(of.before.large as number, of.metric, inTime.metric, inTime.exponent));
      assert.ok(mos < (of.before.large as number) - 0.3);
    }
    // With what is known nobody is asked again.
    const again = join(scratch, 'again');
    await teach({ out: again, clips, teachers, seed: 1, known: out });
    assert.deepEqual(readLabels(again, 0), readLabels(out, 0));
  });
});
