import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tensorflowVariants } from '../scripts/tensorflow.mjs';
import { choosePackage, tensorflowPackages } from '../src/run/tensorflow-package.ts';
import { tensorflowPackage, tf } from '../src/tensorflow.ts';

const { cpu, gpu } = tensorflowPackages;
const built =
  (...names: string[]) =>
  (name: string) =>
    names.includes(name);

describe('choosePackage', () => {
  it('takes that for GPUs where it is built, else that for CPUs', () => {
    assert.equal(choosePackage({}, built(cpu, gpu)), gpu);
    assert.equal(choosePackage({}, built(cpu)), cpu);
    assert.equal(choosePackage({ MOS_TRAINING_GPU: '' }, built(cpu)), cpu);
  });

  it('takes what MOS_TRAINING_GPU asks for', () => {
    assert.equal(choosePackage({ MOS_TRAINING_GPU: '0' }, built(cpu, gpu)), cpu);
    assert.equal(choosePackage({ MOS_TRAINING_GPU: '1' }, built(cpu, gpu)), gpu);
  });

  it('says how to build what is asked for and not there', () => {
    assert.throws(() => choosePackage({ MOS_TRAINING_GPU: '1' }, built(cpu)), {
      code: 'missing-tool',
      message: /tfjs-node-gpu is not built .*run MOS_TRAINING_GPU=1 node training\/scripts\/setup\.mjs/,
    });
    assert.throws(() => choosePackage({ MOS_TRAINING_GPU: '0' }, built(gpu)), {
      code: 'missing-tool',
      message: /tfjs-node is not built/,
    });
  });

  it('refuses other values', () => {
    assert.throws(() => choosePackage({ MOS_TRAINING_GPU: 'yes' }, built(cpu, gpu)), {
      code: 'invalid-input',
      message: /MOS_TRAINING_GPU: expected 0 or 1, got "yes"/,
    });
  });
});

describe('TensorFlow', () => {
  it('is the package that was chosen, by its own binding', () => {
    assert.equal(tensorflowPackage, choosePackage(process.env));
    assert.equal(tf.getBackend(), 'tensorflow');
    assert.deepEqual([...tf.add([1, 2], [3, 4]).dataSync()], [4, 6]);
  });

  it('is set up by the names that it is loaded by', () => {
    assert.deepEqual([tensorflowVariants.cpu.package, tensorflowVariants.gpu.package], [cpu, gpu]);
  });
});
