import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { StepRecord } from '../src/pipeline/record.ts';
import { RunFolder } from '../src/run/run-folder.ts';
import { fixtureCorpus } from './support/fixture-corpus.ts';
import { scratchFolder } from './support/scratch.ts';

const program = join(import.meta.dirname, '../bin/mos-train.mjs');
const tiny = join(import.meta.dirname, '../configs/tiny.yaml');
const scratch = scratchFolder();
const speech = join(scratch, 'recordings/speech');

before(() => fixtureCorpus(scratch));

function run(config: string, out: string, ...parameters: string[]) {
  return spawnSync(process.execPath, [program, 'run', config, '--out', join(scratch, out), ...parameters], {
    encoding: 'utf8',
  });
}

describe('mos-train run', () => {
  it('takes recordings to a student, step by step, and does nothing twice', () => {
    const first = run(tiny, 'tiny', '--set', `speech=${speech}`);
    assert.equal(first.status, 0, first.stderr);
    for (const step of [
      'corpus',
      'clips/train',
      'clips/validation',
      'labels/train',
      'labels/validation',
      'student',
      'models',
      'evaluation',
      '',
    ]) {
      assert.ok(RunFolder.read(join(scratch, 'tiny', step)).finishedAt, step);
    }
    assert.ok(existsSync(join(scratch, 'tiny/student/student.safetensors')));
    assert.ok(existsSync(join(scratch, 'tiny/labels/train/distill-mos.onnx')));
    const record = readFileSync(join(scratch, 'tiny/record.jsonl'), 'utf8');
    const again = run(tiny, 'tiny', '--set', `speech=${speech}`);
    assert.equal(again.status, 0);
    assert.equal(readFileSync(join(scratch, 'tiny/record.jsonl'), 'utf8'), record, 'the same files, the same record');
    assert.ok(!again.stdout.includes('[1/'), again.stdout);
  });

  it('tells what was run, and nothing of where', () => {
    const text = readFileSync(join(scratch, 'tiny/record.jsonl'), 'utf8');
    assert.ok(!text.includes(scratch));
    const steps = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as StepRecord);
    assert.deepEqual(
      steps.map(({ verb, sha256 }) => [verb, ...Object.keys(sha256)].join(' ')),
      [
        ...[
          'corpus',
          'degrade shards',
          'degrade shards',
          'teach labels',
          'teach labels',
          'distill student.safetensors',
        ],
        [
          ...['export tiny-int8.onnx', 'tiny-streaming-heads.onnx', 'tiny-streaming-int8-heads.onnx'],
          ...['tiny-streaming-int8.onnx', 'tiny-streaming.onnx', 'tiny.onnx'],
        ].join(' '),
        'evaluate scores.csv',
      ],
    );
    const student = steps[5] as StepRecord;
    assert.equal(student.options.train, '{run}/labels/train');
    assert.ok(student.versions.commit && student.finishedAt > student.startedAt);
    const weights = readFileSync(join(scratch, 'tiny/student/student.safetensors'));
    assert.equal(student.sha256['student.safetensors'], createHash('sha256').update(weights).digest('hex'));
  });

  it('ends where a step fails, and goes on with it when started again', () => {
    const config = join(scratch, 'two.yaml');
    const list = join(scratch, 'held-out.txt');
    const out = (verb: string) => `{ verb: corpus, out: ${verb}, options: { speech: '${speech}'`;
    writeFileSync(config, `{ name: two, steps: [${out('a')} } }, ${out('b')}, held-out: '${list}' } }] }`);
    writeFileSync(list, 'nonsense');
    const failed = run(config, 'two');
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /held-out\.txt:1: expected/);
    assert.match(failed.stderr, /step "corpus" ended with status 1/);
    writeFileSync(list, '');
    const resumed = run(config, 'two');
    assert.equal(resumed.status, 0, resumed.stderr);
    assert.ok(!resumed.stdout.includes('[1/2]') && resumed.stdout.includes('[2/2]'), resumed.stdout);
  });

  it('takes no step for its own that was made otherwise', () => {
    const config = join(scratch, 'one.yaml');
    writeFileSync(
      config,
      `{ name: one, steps: [{ verb: corpus, out: a, options: { speech: '${speech}', seed: 2 } }] }`,
    );
    const made = spawnSync(process.execPath, [program, 'corpus', '--speech', speech, '--out', join(scratch, 'one/a')]);
    assert.equal(made.status, 0);
    const refused = run(config, 'one');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /one\/a was not made by this run/);
    assert.ok(!existsSync(join(scratch, 'one/record.jsonl')));
  });

  it('names what is wrong with its parameters', () => {
    assert.match(run(tiny, 'wrong').stderr, /needs --set speech=/);
    assert.match(run(tiny, 'wrong', '--set', 'speech=a', '--set', 'nois=b').stderr, /has no parameter nois/);
    assert.match(run(tiny, 'wrong', '--set', 'speech').stderr, /must be name=value/);
    const config = join(scratch, 'place.yaml');
    writeFileSync(config, "{ name: x, steps: [{ verb: corpus, out: a, options: { speech: '{sound}/a' } }] }");
    assert.match(run(config, 'place').stderr, /speech has an unknown place \{sound\}/);
  });
});
