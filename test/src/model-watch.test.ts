import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { InvalidStateError } from '../../src/base/errors.ts';
import { loadNative } from '../../src/engine/load.ts';
import { loadModel } from '../../src/model/load.ts';
import { ModelWatch } from '../../src/model/watch.ts';
import { randomModel } from '../support/models.ts';
import { until } from '../support/waiting.ts';

const folder = mkdtempSync(join(tmpdir(), 'mediasoup-mos-watch-'));
after(() => rmSync(folder, { recursive: true }));
const { features } = loadNative();
const everyMs = 20;

const filesOfModel = ['random-streaming.onnx', 'random-streaming-heads.onnx', 'random-streaming.json'] as const;
const manifestOf = (version: string) =>
  readFileSync(randomModel, 'utf8').replace('"version": "0.0.1"', `"version": "${version}"`);

/** Writes the model, of a version, into a new folder; its manifest. */
function writeModel(version = '0.0.1'): string {
  const home = mkdtempSync(join(folder, 'model-'));
  for (const file of filesOfModel) cpSync(join(dirname(randomModel), file), join(home, file));
  const path = join(home, basename(randomModel));
  writeFileSync(path, manifestOf(version));
  return path;
}

/** A watch that loads what changed, as a scorer does. */
async function watch(context: TestContext, path: string, patienceMs = 100) {
  const [loaded, errors, tries]: [string[], Error[], string[]] = [[], [], []];
  const watch = new ModelWatch({
    onChange: async (model) => {
      tries.push(model);
      const state = await watch.stateOf(model);
      const changed = await loadModel(model, features);
      await changed.close();
      watch.follow(model, state);
      loaded.push(changed.identity.version);
    },
    onError: (_, error) => errors.push(error),
    ...{ everyMs, patienceMs },
  });
  await watch.start(path);
  context.after(() => watch.close());
  return { watch, loaded, errors, tries };
}

const severalLooks = () => new Promise((resolve) => setTimeout(resolve, 15 * everyMs));

describe('a watch of a model', () => {
  it('tells of a manifest that was written anew, once', async (context) => {
    const path = writeModel();
    const { loaded, errors } = await watch(context, path);
    await severalLooks();
    assert.deepEqual(loaded, []);
    writeFileSync(path, manifestOf('0.0.2'));
    await until('the new version', () => loaded.length > 0);
    await severalLooks();
    assert.deepEqual([loaded, errors], [['0.0.2'], []]);
  });

  it('waits for the rest of files that are copied in parts, in any order', async (context) => {
    const path = writeModel();
    const network = path.replace('.json', '.onnx');
    const bytes = readFileSync(network);
    const { loaded, errors, tries } = await watch(context, path, 60_000);
    writeFileSync(network, bytes.subarray(0, 1000));
    await until('a try', () => tries.length === 1);
    writeFileSync(path, manifestOf('0.0.3').slice(0, 500));
    await until('another try', () => tries.length === 2);
    appendFileSync(network, bytes.subarray(1000));
    writeFileSync(path, manifestOf('0.0.3'));
    await until('the new version', () => loaded.length > 0);
    assert.deepEqual([loaded, errors], [['0.0.3'], []]);
  });

  it('says so when the rest does not come, and takes it when it comes after all', async (context) => {
    const path = writeModel();
    const heads = path.replace('.json', '-heads.onnx');
    const bytes = readFileSync(heads);
    const { loaded, errors } = await watch(context, path);
    writeFileSync(heads, bytes.subarray(0, 1000));
    await until('an error', () => errors.length > 0);
    await severalLooks();
    assert.equal(errors.length, 1);
    assert.match(errors[0]?.message ?? '', /random-streaming-heads.onnx: streaming.heads.sha256: expected/);
    writeFileSync(heads, bytes);
    await until('the whole model', () => loaded.length > 0);
    assert.equal(errors.length, 1);
  });

  it('says at once what no more copying mends', async (context) => {
    const path = writeModel();
    const { loaded, errors } = await watch(context, path, 60_000);
    writeFileSync(path, manifestOf('0.0.2').replace('"mels": 64', '"mels": 32'));
    await until('an error', () => errors.length > 0);
    assert.match(errors[0]?.message ?? '', /input.mels: expected 64/);
    assert.deepEqual(loaded, []);
  });

  it('sees a folder that a link no longer leads to, and files that were moved over', async (context) => {
    const [one, two, three] = [writeModel(), writeModel('0.0.2'), writeModel('0.0.3')] as const;
    const link = join(folder, 'current');
    symlinkSync(dirname(one), link);
    const { loaded } = await watch(context, join(link, basename(one)));
    symlinkSync(dirname(two), `${link}-new`);
    renameSync(`${link}-new`, link);
    await until('the second', () => loaded.length === 1);
    renameSync(three, join(link, basename(three)));
    await until('the third', () => loaded.length === 2);
    assert.deepEqual(loaded, ['0.0.2', '0.0.3']);
  });

  it('tells when the model is gone', async (context) => {
    const path = writeModel();
    const { errors } = await watch(context, path);
    rmSync(path);
    await until('an error', () => errors.length > 0);
    assert.match(errors[0]?.message ?? '', /no such file/);
  });

  it('tries again when a process was just being restarted', async (context) => {
    const path = writeModel();
    let tries = 0;
    const watch = new ModelWatch({
      onChange: async () => {
        if (++tries < 3) throw new InvalidStateError('the scorer process is being restarted');
      },
      onError: (_, error) => assert.fail(error),
      everyMs,
    });
    await watch.start(path);
    context.after(() => watch.close());
    writeFileSync(path, manifestOf('0.0.2'));
    await until('the third try', () => tries === 3);
  });

  it('follows another model', async (context) => {
    const [one, two] = [writeModel(), writeModel()] as const;
    const { watch: watching, loaded } = await watch(context, one);
    watching.follow(two, await watching.stateOf(two));
    writeFileSync(one, manifestOf('0.0.2'));
    await severalLooks();
    assert.deepEqual(loaded, []);
    writeFileSync(two, manifestOf('0.0.3'));
    await until('the new version', () => loaded.length > 0);
    assert.deepEqual(loaded, ['0.0.3']);
  });

  it('tells nothing more once it is closed', async (context) => {
    const path = writeModel();
    const { watch: watching, tries, errors } = await watch(context, path);
    writeFileSync(path, '{');
    watching.close();
    await severalLooks();
    assert.deepEqual([tries, errors], [[], []]);
  });
});
