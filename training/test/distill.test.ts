import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { distill } from '../src/distill/distill.ts';
import { isWider, widened } from '../src/distill/widened.ts';
import { AdamW } from '../src/learning/adamw.ts';
import { studentSchema } from '../src/learning/configuration.ts';
import { DataSet, type StoredClip } from '../src/learning/data-set.ts';
import { epochBatches } from '../src/learning/order.ts';
import { predict } from '../src/learning/predict.ts';
import { oneCycle, ramp } from '../src/learning/schedule.ts';
import { bendSpectra, drawTone } from '../src/learning/tone.ts';
import { Trainer } from '../src/learning/trainer.ts';
import { layOutAlone, layOutInCall, validate } from '../src/learning/validate.ts';
import { warpFrequencies } from '../src/learning/warp.ts';
import { arrivalPeaks, type ClipData, floorLog10, layOut, trainingBatch } from '../src/learning/windows.ts';
import { readArrays, writeArrays } from '../src/run/arrays.ts';
import { Random } from '../src/run/random.ts';
import type { NetworkConfiguration } from '../src/student/configuration.ts';
import { Network } from '../src/student/network.ts';
import { tf } from '../src/tensorflow.ts';
import { largestDifference } from './support/onnx.ts';
import { scratchFolder } from './support/scratch.ts';
import { syntheticClip, syntheticData } from './support/synthetic.ts';
import { tinyStudent } from './support/tiny-student.ts';
import { trainedWeights } from './support/trained-weights.ts';

const scratch = scratchFolder();
const shape = { mels: 2, framesPerStep: 4, floorLog10 };
const { windows } = tinyStudent.training;

/** A clip whose first band counts frames from `from`, and whose peaks are all the same. */
function countingClip(from: number, frames: number, peak = 1): ClipData {
  const logMel = Float32Array.from({ length: 2 * frames }, (_, n) => (n % 2 === 0 ? (from + n / 2) / 1000 : -20));
  const speech = Uint8Array.from({ length: frames }, (_, frame) => (frame < frames / 2 ? 0 : 1));
  return { logMel, peaks: new Float32Array(frames).fill(peak), speech, mos: 3, causes: [1, 0] };
}

describe('a network with more units', () => {
  const { network } = tinyStudent;
  const weights = trainedWeights(network);
  const wider: NetworkConfiguration = {
    ...network,
    trunk: network.trunk.map((layer) => ({ ...layer, channels: layer.channels + 3 })),
    width: 12,
    pooling: { ...network.pooling, heads: 3 },
    hidden: 10,
  };
  const random = Random.derive(1, 'widened');
  const logMel = tf.tensor(
    Float32Array.from({ length: 2 * 40 * 16 }, () => random.normal()),
    [2, 40, 16],
  );

  it('says what it said', () => {
    const [before, after] = [new Network(network, weights), new Network(wider, widened(network, weights, wider, 5))];
    const said = (of: Network) =>
      tf.tidy(() => {
        const { steps, speech } = of.trunk(logMel as tf.Tensor3D);
        const { mos, logVariance, causes } = of.heads(steps);
        return [speech, mos, logVariance, causes].map((value) => value.dataSync() as Float32Array);
      });
    const [expected, got] = [said(before), said(after)];
    for (const [n, values] of expected.entries()) {
      assert.ok(largestDifference(values, got[n] as Float32Array) < 1e-4, `${values} and ${got[n]}`);
    }
    for (const each of [before, after]) each.dispose();
  });

  it('is the same for the same seed, and another for another', () => {
    const [one, again, other] = [5, 5, 6].map((seed) => widened(network, weights, wider, seed));
    assert.deepEqual(one, again);
    assert.notDeepEqual(one, other);
  });

  it('is not one with fewer units, or of another kind', () => {
    assert.ok(isWider(network, network));
    assert.ok(!isWider(network, wider));
    assert.ok(!isWider({ ...wider, mels: 32 }, network));
    assert.ok(!isWider({ ...wider, trunk: wider.trunk.slice(1) }, network));
    assert.ok(!isWider({ ...wider, memory: { kind: 'time-delay', kernel: 3, dilations: [1] } }, network));
    assert.throws(() => widened(wider, weights, network, 5), /is not the network with more units/);
  });
});

describe('AdamW', () => {
  const slot = (value: number, decays = false) => ({
    ...{ weights: Float32Array.of(value), mean: new Float32Array(1), square: new Float32Array(1), decays },
  });

  it('steps by the learning rate first, whatever the size of the gradient', () => {
    for (const gradient of [1e-3, 1, 1e3]) {
      const optimiser = new AdamW(new Map([['w', slot(1)]]), {});
      optimiser.update(new Map([['w', Float32Array.of(gradient)]]), 0.1);
      assert.ok(Math.abs((optimiser.slots.get('w')?.weights[0] as number) - 0.9) < 1e-5);
    }
  });

  it('decays weights apart from the gradient, and only those that decay', () => {
    const slots = new Map([
      ['kernel', slot(2, true)],
      ['bias', slot(2)],
    ]);
    const none = Float32Array.of(0);
    new AdamW(slots, { weightDecay: 0.5 }).update(
      new Map([
        ['kernel', none],
        ['bias', none],
      ]),
      0.1,
    );
    assert.ok(Math.abs((slots.get('kernel')?.weights[0] as number) - 1.9) < 1e-6);
    assert.equal(slots.get('bias')?.weights[0], 2);
  });

  it('clips the norm of all gradients together', () => {
    const slots = new Map([
      ['a', slot(0)],
      ['b', slot(0)],
    ]);
    const norm = new AdamW(slots, { clipNorm: 1 }).update(
      new Map([
        ['a', Float32Array.of(30)],
        ['b', Float32Array.of(40)],
      ]),
      1,
    );
    assert.equal(norm, 50);
    assert.ok(Math.abs((slots.get('a')?.mean[0] as number) - 0.06) < 1e-6);
    assert.ok(Math.abs((slots.get('b')?.mean[0] as number) - 0.08) < 1e-6);
  });

  it('finds the least of a parabola', () => {
    const slots = new Map([['w', slot(5)]]);
    const optimiser = new AdamW(slots, { weightDecay: 0 });
    const weights = slots.get('w')?.weights as Float32Array;
    for (let n = 0; n < 500; n++)
      optimiser.update(new Map([['w', Float32Array.of(2 * ((weights[0] as number) - 3))]]), 0.05);
    assert.ok(Math.abs((weights[0] as number) - 3) < 0.05);
  });

  it('changes nothing when a gradient is missing or not finite', () => {
    const slots = new Map([['w', slot(5)]]);
    const optimiser = new AdamW(slots, {});
    assert.throws(() => optimiser.update(new Map(), 0.1), /no gradient of w/);
    assert.throws(() => optimiser.update(new Map([['w', Float32Array.of(Number.NaN)]]), 0.1), /not finite/);
    assert.equal(slots.get('w')?.weights[0], 5);
    assert.equal(optimiser.step, 0);
  });
});

describe('schedule', () => {
  it('rises to the peak and falls to next to nothing', () => {
    assert.ok(Math.abs(oneCycle(0, 100, 1, 0.25) - 1 / 25) < 1e-12);
    assert.equal(oneCycle(25, 100, 1, 0.25), 1);
    assert.ok(oneCycle(10, 100, 1, 0.25) < oneCycle(20, 100, 1, 0.25));
    assert.ok(oneCycle(60, 100, 1, 0.25) > oneCycle(90, 100, 1, 0.25));
    assert.ok(Math.abs(oneCycle(99, 100, 1, 0.25) - 1e-4) < 1e-12);
  });

  it('has no rise with warmup 0', () => assert.equal(oneCycle(0, 10, 1, 0), 1));

  it('ramps between two shares', () => {
    assert.deepEqual(
      [0.25, 0.5, 0.75, 1].map((at) => ramp(at, 0.25, 0.75)),
      [0, 0.5, 1, 1],
    );
    assert.equal(ramp(0.1, 0, 0), 1);
  });
});

describe('order of an epoch', () => {
  const options = { seed: 1, epoch: 0, batchSize: 4, shardsAtOnce: 2 };

  it('takes every clip once, but for a rest that fills no batch', () => {
    const places = epochBatches([5, 6, 7, 4], options).flat();
    assert.equal(places.length, 20);
    assert.equal(new Set(places.map(({ shard, index }) => `${shard}/${index}`)).size, 20);
  });

  it('is the same for the same seed and epoch, and another for others', () => {
    assert.deepEqual(epochBatches([20, 20], options), epochBatches([20, 20], options));
    assert.notDeepEqual(epochBatches([20, 20], options), epochBatches([20, 20], { ...options, epoch: 1 }));
    assert.notDeepEqual(epochBatches([20, 20], options), epochBatches([20, 20], { ...options, seed: 2 }));
  });

  it('stays within a few shards at a time', () => {
    const batches = epochBatches(new Array(10).fill(8), options);
    for (const batch of batches) assert.ok(new Set(batch.map(({ shard }) => shard)).size <= 2);
  });
});

describe('data set', () => {
  it('reads shards when they are wanted and keeps the last ones only', () => {
    const loads = [0, 0, 0];
    const one = { logMel: new Uint16Array(8), peaks: new Float32Array(4), speech: null, mos: 1, causes: null };
    const sources = loads.map((_, shard) => ({
      size: 1,
      load: () => {
        loads[shard] = (loads[shard] as number) + 1;
        return [one];
      },
    }));
    const data = new DataSet(sources, 2);
    for (const shard of [0, 1, 0, 2, 0, 1]) data.clip({ shard, index: 0 });
    assert.deepEqual(loads, [1, 2, 1]);
    assert.throws(() => data.clip({ shard: 0, index: 1 }), /shard 0 has no clip 1/);
    assert.throws(() => data.clip({ shard: 3, index: 0 }), /no shard 3/);
  });
});

describe('windows', () => {
  const alone = (length: number, start: number) => ({
    ...{ clip: countingClip(0, 24), before: countingClip(500, 8), length, start },
    ...{ gain: { kind: 'window' as const }, gainDb: 0 },
  });
  const first = (batch: ReturnType<typeof layOut>) =>
    Array.from({ length: batch.frames }, (_, frame) => Math.round(1000 * (batch.logMel[2 * frame] as number)));

  it('put the window last and the newest of the other sound right before it', () => {
    const batch = layOut([alone(8, 10)], 12, windows, shape);
    assert.deepEqual(first(batch), [504, 505, 506, 507, 10, 11, 12, 13, 14, 15, 16, 17]);
    assert.deepEqual([...batch.window], [0, 1, 1]);
  });

  it('repeat other sound that is too short', () => {
    assert.deepEqual(
      first(layOut([alone(4, 0)], 16, windows, shape)).slice(0, 12),
      [504, 505, 506, 507, 500, 501, 502, 503, 504, 505, 506, 507],
    );
  });

  it('mark a step as speech when half of its frames are', () => {
    const { speech, speechKnown } = layOut([alone(12, 6)], 12, windows, shape);
    assert.deepEqual([...speech], [0, 1, 1]); // frames 6-9, 10-13, 14-17; speech from 12 on
    assert.deepEqual([...speechKnown], [1, 1, 1]);
  });

  it('leave out what is not known', () => {
    const clip = { ...countingClip(0, 48), mos: null, causes: null, speech: null };
    const known = countingClip(0, 48);
    const plan = (of: ClipData) => ({ ...alone(48, 0), clip: of, before: of });
    const batch = layOut([plan(clip), plan(known)], 48, windows, shape);
    assert.deepEqual([...batch.mosKnown], [0, 1]);
    assert.deepEqual([...batch.causesKnown], [0, 0, 1, 1]);
    assert.deepEqual([...batch.speechKnown.subarray(0, 12)], new Array(12).fill(0));
  });

  it('shorter than the shortest say nothing of MOS', () => {
    assert.deepEqual([...layOut([alone(24, 0)], 24, windows, shape).mosKnown], [0]);
  });

  it('are normalised by their own peak and floored', () => {
    const clip = countingClip(0, 40, 0.1);
    const batch = layOut([{ ...alone(40, 0), clip, gainDb: -10 }], 40, windows, shape);
    assert.ok(Math.abs((batch.logMel[0] as number) - (2 - 1)) < 1e-6);
    assert.equal(batch.logMel[1], floorLog10);
  });

  it('have gains of arrival that later peaks do not change', () => {
    const peaks = Float32Array.of(0.1, 0.2, 0.1, 0.1, 0.8, 0.1, 0.1, 0.1, 0.1, 0.1);
    const levels = [...arrivalPeaks(peaks, 2, 3, 5)].map((level) => Number(level.toFixed(3)));
    assert.deepEqual(levels, [0.2, 0.2, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.1, 0.1]);
  });

  it('of a digital silence stay silent', () => {
    const batch = layOut(
      [{ ...alone(40, 0), clip: { ...countingClip(0, 40, 0), logMel: new Float32Array(80).fill(-14) } }],
      40,
      windows,
      shape,
    );
    assert.ok(batch.logMel.every((value) => value === floorLog10));
  });

  it('come after silence where the clip before has no frames', () => {
    const none = { ...countingClip(0, 40), logMel: new Float32Array(0), peaks: new Float32Array(0) };
    const clip = countingClip(0, 48);
    const batch = layOut([{ ...alone(40, 0), clip, before: none }], 80, windows, shape);
    assert.ok(batch.logMel.subarray(0, 40 * shape.mels).every((value) => value === floorLog10));
    assert.ok(batch.logMel.every(Number.isFinite));
    const empty = layOut([{ ...alone(0, 0), clip: none, before: none }], 40, windows, shape);
    assert.ok(empty.logMel.every((value) => value === floorLog10) && empty.window.every((value) => value === 0));
  });

  it('can be as of talkers of other sizes', () => {
    const clips = Array.from({ length: 4 }, (_, n) => countingClip(100 * n, 100));
    const draw = (warped: number) => trainingBatch(clips, Random.derive(1, 'x'), { ...windows, warped }, shape).logMel;
    assert.deepEqual(draw(0), trainingBatch(clips, Random.derive(1, 'x'), windows, shape).logMel);
    assert.notDeepEqual(draw(1), draw(0));
  });

  it('can be as of other microphones, and what is silent stays so', () => {
    const clips = Array.from({ length: 4 }, (_, n) => countingClip(100 * n, 100));
    const draw = (toned: number) => trainingBatch(clips, Random.derive(1, 'x'), { ...windows, toned }, shape).logMel;
    assert.deepEqual(draw(0), trainingBatch(clips, Random.derive(1, 'x'), windows, shape).logMel);
    assert.notDeepEqual(draw(1), draw(0));
    const silent = new Float32Array(128).fill(floorLog10);
    bendSpectra(silent, new Float32Array(64).fill(-1), floorLog10);
    assert.ok(silent.every((value) => value === floorLog10));
  });

  it('are the same for the same random numbers', () => {
    const clips = Array.from({ length: 4 }, (_, n) => countingClip(100 * n, 100));
    const draw = (seed: number) => trainingBatch(clips, Random.derive(seed, 'x'), windows, shape);
    assert.deepEqual(draw(1), draw(1));
    assert.notDeepEqual(draw(1), draw(2));
  });
});

describe('frequencies', () => {
  const mels = 64;
  const melOf = (hz: number) => 2595 * Math.log10(1 + hz / 700);
  const bandOf = (hz: number) => (melOf(hz) / melOf(8000)) * (mels + 1) - 1;
  const peakAt = (hz: number) =>
    Float32Array.from({ length: 2 * mels }, (_, n) => -((((n % mels) - bandOf(hz)) / 4) ** 2));
  /** Of the second frame, the centre of its power. */
  const centreOf = (logMel: Float32Array) => {
    const power = [...logMel.subarray(mels)].map((value) => Math.exp(value));
    const sum = power.reduce((all, each) => all + each);
    return power.reduce((all, each, band) => all + band * each, 0) / sum;
  };

  it('move by the factor', () => {
    const heard = peakAt(1060);
    warpFrequencies(heard, mels, 1.06);
    assert.ok(Math.abs(centreOf(heard) - bandOf(1000)) < 0.1, String(centreOf(heard)));
  });

  it('stay where they are with factor 1', () => {
    const heard = peakAt(1000);
    warpFrequencies(heard, mels, 1);
    assert.ok(heard.every((value, n) => Math.abs(value - (peakAt(1000)[n] as number)) < 1e-4));
  });
});

describe('a tone', () => {
  it('is a smooth curve of mean 0 and of the deviation that is asked for', () => {
    const random = Random.derive(1, 'tone');
    const curves = Array.from({ length: 300 }, () => drawTone(64, 3, random));
    for (const curve of curves) assert.ok(Math.abs(curve.reduce((sum, value) => sum + value, 0)) < 1e-4);
    const square = curves.reduce((sum, curve) => sum + curve.reduce((all, value) => all + value * value, 0) / 64, 0);
    assert.ok(Math.abs(Math.sqrt(square / 300) - 0.3) < 0.03, `${Math.sqrt(square / 300)}`);
    const steps = curves.map((curve) =>
      Math.max(...curve.subarray(1).map((value, n) => Math.abs(value - (curve[n] as number)))),
    );
    assert.ok(Math.max(...steps) < 0.2, 'neighbours differ by less than 2 dB');
  });
});

describe('array files', () => {
  it('give back what was written', () => {
    const path = join(scratch, 'arrays');
    const arrays = new Map([
      ['a', { shape: [2, 3], values: Float32Array.from([1, 2, 3, 4, 5, 6.5]) }],
      ['empty', { shape: [0], values: new Float32Array(0) }],
    ]);
    writeArrays(path, arrays, { note: 'ä' });
    assert.deepEqual(readArrays(path), { arrays, metadata: { note: 'ä' } });
  });

  it('that are cut off are refused', () => {
    const path = join(scratch, 'cut');
    writeArrays(path, new Map([['a', { shape: [4], values: new Float32Array(4) }]]));
    const whole = readFileSync(path);
    for (const length of [0, 7, 20, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      assert.throws(() => readArrays(path), { code: 'invalid-input' });
    }
  });
});

describe('student file', () => {
  it('is refused with unknown keys', () => {
    assert.throws(
      () => studentSchema.parse({ ...tinyStudent, training: { ...tinyStudent.training, dropout: 1 } }),
      /dropout/,
    );
  });
});

describe('training', () => {
  const trainSet = syntheticData(1, 2, 16);
  const input = { mels: 16, framesPerStep: 4, floorLog10 };
  const clips = [...trainSet.clips()].slice(0, 8);

  it('lowers the loss and leaves no tensors', () => {
    const trainer = Trainer.create(tinyStudent, 40, 1);
    const batch = layOutAlone(clips, windows, input);
    const random = Random.derive(1, 'dropout');
    const first = trainer.train(batch, random);
    const before = tf.memory().numTensors;
    let last = first;
    for (let n = 0; n < 30; n++) last = trainer.train(batch, random);
    assert.equal(tf.memory().numTensors, before);
    assert.ok(last.squaredError < first.squaredError / 4, `${first.squaredError} -> ${last.squaredError}`);
    trainer.dispose();
  });

  it('goes on from a checkpoint as if nothing had been', () => {
    const path = join(scratch, 'checkpoint');
    const batch = layOutAlone(clips, windows, input);
    const student = { ...tinyStudent, training: { ...tinyStudent.training, dropout: 0.2 } };
    const trainer = Trainer.create(student, 10, 1);
    const random = (n: number) => Random.derive(1, 'dropout', n);
    for (let n = 0; n < 3; n++) trainer.train(batch, random(n));
    trainer.save(path, { note: 'here' });
    const { trainer: other, metadata } = Trainer.resume(student, 10, path);
    assert.equal(metadata.note, 'here');
    for (let n = 3; n < 6; n++) {
      assert.deepEqual(trainer.train(batch, random(n)), other.train(batch, random(n)));
    }
    assert.deepEqual(trainer.weights(), other.weights());
    trainer.dispose();
    other.dispose();
  });

  it('hears a window alike whatever other sound is masked', () => {
    const trainer = Trainer.create(tinyStudent, 10, 1);
    const inCall = predict(trainer.network, layOutInCall(clips, windows, input));
    assert.ok(inCall.every(({ speech, mos }) => speech.length === 24 && mos >= 1 && mos <= 5));
    trainer.dispose();
  });

  it('validates on all clips without leaving tensors', () => {
    const trainer = Trainer.create(tinyStudent, 10, 1);
    const before = tf.memory().numTensors;
    const found = validate(trainer.network, trainSet, windows, input);
    assert.equal(tf.memory().numTensors, before);
    for (const value of Object.values(found)) assert.ok(Number.isFinite(value));
    trainer.dispose();
  });
});

describe('distill', () => {
  const options = {
    student: tinyStudent,
    sources: { train: ['synthetic'], validation: ['other'] },
    train: syntheticData(1, 5, 16),
    validation: syntheticData(2, 1, 16),
    seed: 7,
  };
  const child = join(import.meta.dirname, 'support/distill-child.ts');
  const start = (out: string): ChildProcess =>
    spawn(process.execPath, ['--import', 'tsx', child, out], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, OMP_NUM_THREADS: '1', TF_NUM_INTRAOP_THREADS: '1' },
    });
  const whole = join(scratch, 'whole');

  it('writes curves, checkpoints, the best weights and events for TensorBoard', async () => {
    const [status] = await once(start(whole), 'exit');
    assert.equal(status, 0);
    const lines = readFileSync(join(whole, 'curves.csv'), 'utf8').trim().split('\n');
    assert.match(lines[0] as string, /^step,learningRate,total,squaredError,likelihood,speech,causes,gradientNorm$/);
    assert.equal(lines.length, 1 + 15);
    assert.equal(readFileSync(join(whole, 'validation.csv'), 'utf8').trim().split('\n').length, 1 + 3);
    assert.equal(readdirSync(join(whole, 'tensorboard')).length, 1);
    assert.ok(JSON.parse(readFileSync(join(whole, 'run.json'), 'utf8')).finishedAt);
    assert.deepEqual(readFileSync(join(whole, 'student.safetensors')), readFileSync(join(whole, 'best.safetensors')));
  });

  it('killed again and again gives bit for bit what it gives uninterrupted', async () => {
    const out = join(scratch, 'killed');
    const checkpoint = join(out, 'checkpoint.safetensors');
    const steps = () => (existsSync(checkpoint) ? Number(readArrays(checkpoint).metadata.step) : 0);
    const reached: number[] = [];
    for (const goal of [3, 12]) {
      const process = start(out);
      const exit = once(process, 'exit');
      while (steps() < goal && process.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
      process.kill('SIGKILL');
      const [, signal] = await exit;
      assert.equal(signal, 'SIGKILL');
      reached.push(steps());
    }
    assert.ok((reached[1] as number) < 30, `killed at ${reached}`);
    const [status] = await once(start(out), 'exit');
    assert.equal(status, 0);
    for (const file of ['student.safetensors', 'checkpoint.safetensors', 'curves.csv', 'validation.csv']) {
      assert.ok(readFileSync(join(out, file)).equals(readFileSync(join(whole, file))), file);
    }
  });

  it('that is finished does nothing more', () => {
    const before = readFileSync(join(whole, 'checkpoint.safetensors'));
    const summary = distill({ ...options, out: whole });
    assert.equal(summary.steps, 30);
    assert.ok(before.equals(readFileSync(join(whole, 'checkpoint.safetensors'))));
  });

  it('of one output alone leaves all else as it was, and keeps the epoch that is best at it', () => {
    const before = readArrays(join(whole, 'student.safetensors')).arrays;
    const initial = new Map([...before].map(([name, { values }]) => [name, values]));
    const student = { ...tinyStudent, training: { ...tinyStudent.training, only: 'speech' as const, dropout: 0.5 } };
    const out = join(scratch, 'speech');
    const { best } = distill({ ...options, out, student, initial });
    const after = readArrays(join(out, 'student.safetensors')).arrays;
    const changed = [...before].filter(([name, { values }]) => !isDeepStrictEqual(values, after.get(name)?.values));
    assert.deepEqual(changed.map(([name]) => name).sort(), ['speech.bias', 'speech.kernel']);
    const [header, ...rows] = readFileSync(join(out, 'validation.csv'), 'utf8').trim().split('\n');
    const column = (header as string).split(',').indexOf('speechF1');
    assert.equal(best.speechF1, Math.max(...rows.map((row) => Number(row.split(',')[column]))));
    assert.equal(new Set(rows.map((row) => row.split(',')[2])).size, 1);
  });

  it('keeps a share of the weights that it began with', () => {
    const arraysOf = (out: string, file: string) => readArrays(join(out, file)).arrays;
    const before = arraysOf(whole, 'student.safetensors');
    const initial = new Map([...before].map(([name, { values }]) => [name, values]));
    const student = { ...tinyStudent, training: { ...tinyStudent.training, epochs: 1, initialShare: 0.25 } };
    const out = join(scratch, 'mixed');
    distill({ ...options, out, student, initial });
    const [trained, kept] = [arraysOf(out, 'best.safetensors'), arraysOf(out, 'student.safetensors')];
    for (const [name, { values }] of kept) {
      const [after, before] = [trained.get(name)?.values, initial.get(name)] as [Float32Array, Float32Array];
      const wanted = after.map((value, n) => 0.75 * value + 0.25 * (before[n] as number));
      assert.ok(largestDifference(values, wanted) < 1e-6, name);
    }
    assert.throws(
      () => distill({ ...options, out: join(scratch, 'nothing'), student }),
      /initialShare: there is nothing/,
    );
  });

  it('with more units than it began with uses them all', () => {
    const before = readArrays(join(whole, 'student.safetensors')).arrays;
    const network = { ...tinyStudent.network, width: 12, hidden: 10 };
    const arrays = new Map([...before].map(([name, { values }]) => [name, values]));
    const initial = widened(tinyStudent.network, arrays, network, 5);
    const out = join(scratch, 'wider');
    distill({ ...options, out, student: { ...tinyStudent, network }, initial });
    for (const [name, { values }] of readArrays(join(out, 'student.safetensors')).arrays) {
      const same = values.filter((value, n) => value === initial.get(name)?.[n]).length;
      // Hidden units that never answer learn nothing.
      assert.ok(same < values.length / 2, `${name}: ${same} of ${values.length} are what they were`);
    }
  });

  it('refuses a folder of another run', () => {
    assert.throws(() => distill({ ...options, out: whole, seed: 8 }), { code: 'run-mismatch' });
  });

  it('refuses too few clips', () => {
    const few = { ...options, out: join(scratch, 'few'), train: syntheticData(1, 1, 7) };
    assert.throws(() => distill(few), /7 clips do not fill a batch of 8/);
  });

  it('refuses clips to validate on that cannot tell one epoch from another', () => {
    const lacking = (what: Partial<StoredClip>) => {
      const clips = Array.from({ length: 4 }, (_, n) => ({ ...syntheticClip(n, 96, 16), ...what }));
      return new DataSet([{ size: clips.length, load: () => clips }], 1);
    };
    const refuse = (validation: DataSet, more: Partial<typeof tinyStudent.training>, message: RegExp) => {
      const student = { ...tinyStudent, training: { ...tinyStudent.training, ...more } };
      const out = join(scratch, 'untold');
      assert.throws(() => distill({ ...options, out, student, validation }), { code: 'invalid-input', message });
      assert.ok(!existsSync(out));
    };
    refuse(new DataSet([], 1), {}, /there are no clips to validate on/);
    refuse(lacking({ mos: null }), {}, /none of the 4 clips to validate on has a label/);
    refuse(
      lacking({ speech: null }),
      { only: 'speech' },
      /none of the 4 clips to validate on says where somebody speaks/,
    );
  });
});
