import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../src/run/random.ts';

const draw = (random: Random, count: number) => Array.from({ length: count }, () => random.uniform());

describe('Random', () => {
  it('gives the same numbers for the same seed and name, and others for another', () => {
    assert.deepEqual(draw(Random.derive(1, 'noise', 7), 5), draw(Random.derive(1, 'noise', 7), 5));
    assert.notDeepEqual(draw(Random.derive(1, 'noise', 7), 5), draw(Random.derive(1, 'noise', 8), 5));
    assert.notDeepEqual(draw(Random.derive(1, 'noise', 7), 5), draw(Random.derive(2, 'noise', 7), 5));
  });

  it('treats seed 0 as a seed', () => {
    assert.deepEqual(draw(Random.derive(0, 'x'), 3), draw(Random.derive(0, 'x'), 3));
  });

  it('goes on where its state was taken', () => {
    const random = Random.derive(3, 'dropout');
    draw(random, 10);
    const resumed = Random.resume(random.state());
    assert.deepEqual(draw(resumed, 5), draw(random, 5));
  });

  it('is normal with mean 0 and variance 1', () => {
    const random = Random.derive(1, 'normal');
    const values = Array.from({ length: 20_000 }, () => random.normal());
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    assert.ok(Math.abs(mean) < 0.03, `mean ${mean}`);
    assert.ok(Math.abs(variance - 1) < 0.05, `variance ${variance}`);
  });

  it('draws by weight, never what has none', () => {
    const random = Random.derive(1, 'weights');
    const counts = [0, 0, 0];
    for (let n = 0; n < 3000; n++) {
      const index = random.weighted([1, 0, 3]);
      counts[index] = (counts[index] as number) + 1;
    }
    assert.ok(Math.abs((counts[2] as number) / 3000 - 0.75) < 0.03, `counts ${counts}`);
    assert.equal(counts[1], 0);
    assert.throws(() => random.weighted([0, 0]), RangeError);
  });

  it('shuffles into a permutation and leaves its argument', () => {
    const items = [1, 2, 3, 4, 5, 6, 7, 8];
    const shuffled = Random.derive(1, 'shuffle').shuffle(items);
    assert.deepEqual(items, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.notDeepEqual(shuffled, items);
    assert.deepEqual([...shuffled].sort(), items);
  });
});
