import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { agree } from '../src/agree/agree.ts';
import { type Condition, planOf, readConditions } from '../src/agree/conditions.ts';
import { figuresOf } from '../src/agree/lines.ts';
import { coverageOf, coveragesLeftOut, panelSigmaOf } from '../src/panel/spread.ts';
import { fixtureCorpus } from './support/fixture-corpus.ts';
import { scratchFolder } from './support/scratch.ts';

const scratch = scratchFolder();
const condition = (experiment: string, processing: string): Condition => ({
  ...{ experiment, condition: processing, processing, mos: 3, votes: 24 },
});
const steps = (experiment: string, processing: string, codecs: string[] = ['g729', 'gsm', 'g729-random-3']) =>
  planOf(condition(experiment, processing), codecs)?.chain.map(({ probability: _, ...step }) => step);

describe("listeners' conditions", () => {
  it('of TCD-VoIP are made by the steps of degrade', () => {
    assert.deepEqual(steps('TCD-VoIP', 'chop delete 40ms 3per s'), [
      { step: 'chop', modes: ['cut'], ms: 40, perSecond: 3, regular: 0 },
    ]);
    assert.deepEqual(steps('TCD-VoIP', 'echo a0.3 d40ms fb0.6'), [
      { step: 'echo', gain: 0.3, delayMs: 40, feedback: 0.6 },
    ]);
    assert.deepEqual(steps('TCD-VoIP', 'compspkr mf/fm snr20'), [{ step: 'second-talker', snrDb: 20 }]);
    assert.deepEqual(steps('TCD-VoIP', 'chop none'), []);
    assert.deepEqual(steps('TCD-VoIP', 'clip gain10'), [{ step: 'overload', gainDb: 20 }]);
  });

  it('of P.Sup23 go through the telephone band and its codecs, erased frames and all', () => {
    const names = (processing: string) =>
      steps('P.Sup23-3', processing)?.map((step) => ('names' in step ? step.names[0] : step.step));
    assert.deepEqual(names('GSM-FR>G.729; clean'), ['highpass', 'lowpass', 'gsm', 'g729']);
    assert.deepEqual(names('G.729; street; random frame 3+3 %'), [
      'noise',
      'highpass',
      'lowpass',
      'g729-random-3',
      'g729-random-3',
    ]);
  });

  it('are left out where they cannot be made', () => {
    assert.equal(steps('P.Sup23-3', 'G.729; clean; random bit 1 %'), undefined);
    assert.equal(steps('P.Sup23-1', 'IS-54; clean'), undefined);
    assert.equal(steps('P.Sup23-1', 'G.729; clean', []), undefined);
    assert.equal(steps('Fernandez-2017', 'AMR-WB 6.6k'), undefined);
  });

  it('count after one straight line per experiment', () => {
    const of = (experiment: string, mos: number, score: number) => ({
      ...{ ...condition(experiment, `${mos}`), mos, group: 'g', scores: { small: score } },
    });
    const lines = [1, 2, 4].flatMap((mos) => [of('a', mos, mos), of('b', mos, 3 + mos / 2)]);
    const all = figuresOf(lines, 'small')[0];
    assert.ok(Math.abs((all?.pcc ?? 0) - 1) < 1e-9 && (all?.rmse ?? 1) < 1e-9);
  });
});

describe('agree', () => {
  it('makes them again, scores them, and sweeps what calls suffer', async () => {
    const csv = join(scratch, 'conditions.csv');
    writeFileSync(
      csv,
      'experiment,condition,processing,mos,votes\nTCD-VoIP,1,chop none,4.6,96\nTCD-VoIP,2,mnru q12,1.6,96\nTCD-VoIP,3,echo a0.3 d180ms fb0,1.9,96\nP.Sup23-1,4,IS-54; clean,3.7,96\n',
    );
    const corpus = await fixtureCorpus(scratch);
    const root = join(import.meta.dirname, '..');
    const options = {
      ...{ corpus, conditions: csv, split: 'train' as const, talkers: 1, seed: 1 },
      ...{ models: [join(root, '../models/nano.json')], sweeps: ['modulated noise'] },
      ...{ recipe: join(root, 'recipes/agreement.yaml'), metric: join(root, 'teachers/pesq-wb.yaml') },
    };
    const out = join(scratch, 'agreement');
    const { conditions, leftOut, points } = await agree({ ...options, out });
    assert.deepEqual([conditions.length, leftOut.map(({ processing }) => processing)], [3, ['IS-54; clean']]);
    const [none, noise] = conditions;
    assert.ok((none?.scores['pesq-wb'] as number) > 4.6 && (noise?.scores['pesq-wb'] as number) < 2.5);
    assert.ok((none?.scores.nano as number) > (noise?.scores.nano as number));
    assert.equal(new Set(points.map(({ sweep }) => sweep)).size, 1);
    assert.match(readFileSync(join(out, 'report.md'), 'utf8'), /\| all \| 3 \|/);
    for (const plot of ['conditions', 'sweeps']) assert.ok(existsSync(join(out, `plots/${plot}.svg`)));
    const again = await agree({ ...options, out: join(scratch, 'again') });
    assert.deepEqual(again.points, points);
  });

  it('rejects a table that is none', () => {
    const csv = join(scratch, 'none.csv');
    writeFileSync(csv, 'experiment,condition\na,b\n');
    assert.throws(() => readConditions(csv), { code: 'invalid-input' });
  });
});

describe('panels of listeners', () => {
  const panel = (set: string, bias: number) => ({
    set,
    files: Array.from({ length: 40 }, (_, n) => ({ error: bias + 0.01 * (n - 20), sigma: 0.1 })),
  });

  it('widen the interval until it holds what they said', () => {
    const alike = [panel('a', 0), panel('b', 0.05)];
    const apart = [panel('a', 0), panel('b', 0.9)];
    assert.ok(panelSigmaOf(alike, 0.9) < panelSigmaOf(apart, 0.9));
    const sigma = panelSigmaOf(apart, 0.9);
    assert.ok(coverageOf(apart[0] as never, sigma, 0.9) + coverageOf(apart[1] as never, sigma, 0.9) >= 1.8);
  });

  it('are judged by what the others gave', () => {
    const [strange] = coveragesLeftOut([panel('strange', 1.5), panel('a', 0), panel('b', 0)], 0.9);
    assert.equal(strange, 0);
  });
});
