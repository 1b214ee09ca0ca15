import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { draw, readRecipe } from '../src/degrade/recipe.ts';
import { Random } from '../src/run/random.ts';
import { scratchFolder } from './support/scratch.ts';

const scratch = scratchFolder();
let files = 0;

function recipe(text: string) {
  const path = join(scratch, `${files++}.yaml`);
  writeFileSync(path, text);
  return readRecipe(path);
}

describe('recipe', () => {
  it('reads the one that ships', () => {
    const shipped = readRecipe(join(import.meta.dirname, '../recipes/calls.yaml'));
    assert.equal(shipped.name, 'calls');
    assert.ok(Object.keys(shipped.codecs).length >= 9);
  });

  it('fills in defaults', () => {
    const { chain, content } = recipe(
      '{ name: a, chain: [{ step: noise, snrDb: 10 }], legs: [{ codec: pcm, weight: 1 }] }',
    );
    assert.equal(chain[0]?.probability, 1);
    assert.deepEqual(content, { speech: 1, wild: 0, wildAltered: 0, noise: 0, music: 0 });
  });

  it('takes what it does not say from its base', () => {
    const own = readRecipe(join(import.meta.dirname, '../recipes/nobody-speaks.yaml'));
    const base = readRecipe(join(import.meta.dirname, '../recipes/calls.yaml'));
    assert.deepEqual(own, { ...base, name: 'nobody-speaks', content: own.content });
    assert.equal(own.content.speech + own.content.wild, 0);
    writeFileSync(join(scratch, 'once.yaml'), '{ base: twice.yaml }');
    writeFileSync(join(scratch, 'twice.yaml'), '{ base: once.yaml }');
    const tones = readRecipe(join(import.meta.dirname, '../recipes/varied-tones.yaml'));
    assert.deepEqual([tones.speechSpeed, tones.chain], [[0.85, 1.2], base.chain], 'from its base and the base of that');
    assert.throws(
      () => recipe('{ base: once.yaml }'),
      /twice\.yaml: base: .*once\.yaml is itself made from this recipe/,
    );
    assert.throws(() => recipe('{ base: nowhere.yaml }'), /cannot read .*nowhere/);
    assert.throws(() => recipe('{ base: 7 }'), /base: expected the name of a recipe/);
  });

  it('names what is wrong', () => {
    const legs = 'legs: [{ codec: pcm, weight: 1 }]';
    assert.throws(() => recipe(`{ name: a, chain: [{ step: noise, snrDB: 10 }], ${legs} }`), /chain\.0.*snrD/s);
    assert.throws(() => recipe(`{ name: a, chain: [{ step: boil }], ${legs} }`), /chain\.0\.step/);
    assert.throws(() => recipe(`{ name: a, chain: [{ step: noise, snrDb: [9, 1] }], ${legs} }`), /chain\.0\.snrDb/);
    assert.throws(() => recipe(`{ name: a, chain: [{ step: codec, names: [amr] }], ${legs} }`), /codecs.*amr/);
    assert.throws(() => recipe('{ name: a, chain: [] }'), /legs/);
    assert.throws(() => readRecipe(join(scratch, 'none.yaml')), { code: 'invalid-input', message: /cannot read/ });
  });
});

describe('draw', () => {
  const draws = (quantity: Parameters<typeof draw>[0]) => {
    const random = Random.derive(1, 'draw');
    return Array.from({ length: 2000 }, () => draw(quantity, random));
  };
  const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length / 2] as number;

  it('draws constants, ranges, logarithmic ranges and choices', () => {
    assert.deepEqual(new Set(draws(0)), new Set([0]));
    assert.ok(Math.abs(median(draws([1, 100])) - 50.5) < 4);
    assert.ok(Math.abs(median(draws({ log: [1, 100] })) - 10) < 1.5);
    assert.deepEqual(new Set(draws({ choose: [3, 5] })), new Set([3, 5]));
  });
});
