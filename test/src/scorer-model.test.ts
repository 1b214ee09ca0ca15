import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadNative } from '../../src/engine/load.ts';
import { resolveScorerOptions } from '../../src/host/scorer-options.ts';
import { InvalidStateError, ModelLoadError, Scorer, type StreamEvent, type StreamScore } from '../../src/index.ts';
import { loadModel } from '../../src/model/load.ts';
import { readClip } from '../support/clips.ts';
import { randomModel, windowedModel } from '../support/models.ts';
import { offlineSession, opusPayloadType, opusPayloadTypes, RecordedCall, scoresOf } from '../support/recorded-call.ts';
import { RtpSender } from '../support/rtp-sender.ts';
import { encode } from '../support/speech.ts';
import { nextEvent } from '../support/waiting.ts';

const folder = mkdtempSync(join(tmpdir(), 'mediasoup-mos-set-model-'));
after(() => rmSync(folder, { recursive: true }));
const payloads = encode(readClip('speech/woman-1'));

/** Sends a talk over UDP to a scorer, and collects what it says of it. */
async function call(scorer: Scorer) {
  const endpoint = scorer.reserveEndpoint();
  const { port } = endpoint;
  const sender = await RtpSender.create({ port, ssrc: 7, payloadType: opusPayloadType, payloads });
  const stream = scorer.addStream({
    streamId: 'a',
    source: { endpoint, address: '127.0.0.1', port: sender.sourcePort, ssrc: 7 },
    payloadTypes: opusPayloadTypes,
  });
  const events: StreamEvent[] = [];
  stream.on('score', (event) => events.push(event));
  stream.on('noscore', (event) => events.push(event));
  sender.start();
  return { stream, sender, events };
}

const scoreBy = (name: string, version?: string) => ({
  fits: ({ model }: StreamScore) => model.name === name && (version === undefined || model.version === version),
});

describe('a scorer with a streaming model', () => {
  it('gives what comes over UDP the scores that the same packets get offline', async () => {
    const offline = new RecordedCall(offlineSession(await loadModel(randomModel, loadNative().features)));
    await offline.send(payloads);
    const expected = scoresOf(offline.events).slice(0, 4);
    const scorer = await Scorer.create({ model: randomModel, sockets: 1 });
    try {
      const { stream, sender, events } = await call(scorer);
      for (let n = 0; n < expected.length; n++) await nextEvent(stream, 'score');
      await sender.close();
      const got = scoresOf(events).slice(0, expected.length);
      for (const [index, mos] of expected.entries()) {
        assert.ok(Math.abs((got[index] as number) - mos) < 1e-5, `${got} live, ${expected} offline`);
      }
      const { bytesPerStream } = await scorer.getStats();
      assert.equal(bytesPerStream, offline.session.bytesPerStream);
    } finally {
      await scorer.close();
    }
  });
});

describe('a scorer whose model is changed', () => {
  it('goes on with its streams, names the new model, and comes back with it', async () => {
    const scorer = await Scorer.create({ model: windowedModel, sockets: 1, processes: 2 });
    try {
      const { stream, sender, events } = await call(scorer);
      await nextEvent<StreamScore>(stream, 'score', scoreBy('standin'));
      const changes: unknown[] = [];
      scorer.on('modelchange', (model) => changes.push(model));
      await scorer.setModel(randomModel);
      assert.deepEqual(changes, [{ name: 'random-streaming', version: '0.0.1' }]);
      assert.deepEqual(scorer.model, changes[0]);
      assert.equal(scorer.manifest.form, 'streaming');
      await nextEvent<StreamScore>(stream, 'score', scoreBy('random-streaming'));
      const names = events.map(({ model }) => model.name);
      assert.deepEqual(names, [...names].sort().reverse(), 'no event of the old model after one of the new');
      assert.deepEqual(
        events.map(({ sequence }) => sequence),
        events.map((_, index) => index),
      );
      const { processes } = await scorer.getStats();
      const back = nextEvent(scorer, 'processrestarted');
      const busy = processes.find(({ streams }) => streams === 1);
      process.kill(busy?.pid as number, 'SIGKILL');
      await back;
      await nextEvent<StreamScore>(stream, 'score', scoreBy('random-streaming'));
      await sender.close();
    } finally {
      await scorer.close();
    }
  });

  it('takes a file that was written anew', async () => {
    cpSync(dirname(randomModel), folder, { recursive: true });
    const path = join(folder, 'random-streaming.json');
    const scorer = await Scorer.create({ model: path, sockets: 0 });
    try {
      writeFileSync(path, readFileSync(path, 'utf8').replace('"version": "0.0.1"', '"version": "0.0.2"'));
      await scorer.setModel(path);
      assert.equal(scorer.model.version, '0.0.2');
    } finally {
      await scorer.close();
    }
  });

  it('keeps the one before when the new one cannot be used, and says why', async () => {
    const scorer = await Scorer.create({ model: windowedModel, sockets: 0, processes: 2, minSpeechMs: 7680 });
    try {
      await assert.rejects(scorer.setModel('nonesuch'), (error: unknown) => {
        assert.ok(error instanceof ModelLoadError, String(error));
        assert.equal(error.code, 'ERR_MODEL_NOT_FOUND');
        assert.match(error.message, new RegExp(`'nonesuch'.*: .*${resolveScorerOptions({}).model}`));
        return true;
      });
      await assert.rejects(scorer.setModel(7 as never), TypeError);
      assert.equal(scorer.model.name, 'standin');
      // One after the other.
      await Promise.all([scorer.setModel(randomModel), scorer.setModel(windowedModel)]);
      assert.equal(scorer.model.name, 'standin');
    } finally {
      await scorer.close();
    }
    await assert.rejects(scorer.setModel(windowedModel), InvalidStateError);
  });
});

describe('a scorer that watches its model', () => {
  const writeModel = () => {
    const home = mkdtempSync(join(folder, 'watched-'));
    cpSync(dirname(randomModel), home, { recursive: true });
    return join(home, 'random-streaming.json');
  };
  const manifestOf = (version: string) =>
    readFileSync(randomModel, 'utf8').replace('"version": "0.0.1"', `"version": "${version}"`);

  it('scores with a new one without a restart, keeps it when the next is bad, and goes on watching', async () => {
    const path = writeModel();
    const scorer = await Scorer.create({ model: path, watchModel: true, sockets: 1, processes: 2 });
    const pids = async () => (await scorer.getStats()).processes.map(({ pid }) => pid);
    try {
      const before = await pids();
      const { stream, sender, events } = await call(scorer);
      await nextEvent<StreamScore>(stream, 'score', scoreBy('random-streaming', '0.0.1'));

      writeFileSync(path, manifestOf('0.0.2'));
      assert.deepEqual(await nextEvent(scorer, 'modelchange'), { name: 'random-streaming', version: '0.0.2' });

      writeFileSync(path, manifestOf('0.0.3').replace('"mels": 64', '"mels": 32'));
      const { model, error } = await nextEvent<{ model: string; error: Error }>(scorer, 'modelerror');
      assert.equal(model, path);
      assert.ok(error instanceof ModelLoadError);
      assert.match(error.message, /input.mels: expected 64.* got 32/);
      await nextEvent<StreamScore>(stream, 'score', scoreBy('random-streaming', '0.0.2'));

      writeFileSync(path, manifestOf('0.0.4'));
      await nextEvent(scorer, 'modelchange');
      await nextEvent<StreamScore>(stream, 'score', scoreBy('random-streaming', '0.0.4'));
      await sender.close();
      assert.deepEqual([...new Set(events.map(({ model: { version } }) => version))], ['0.0.1', '0.0.2', '0.0.4']);
      assert.deepEqual(await pids(), before);
    } finally {
      await scorer.close();
    }
  });

  it('watches the one that was set last', async () => {
    const [one, two] = [writeModel(), writeModel()] as const;
    const scorer = await Scorer.create({ model: one, watchModel: true, sockets: 0 });
    try {
      await scorer.setModel(two);
      writeFileSync(one, manifestOf('0.0.2'));
      writeFileSync(two, manifestOf('0.1.1'));
      assert.deepEqual(await nextEvent(scorer, 'modelchange'), { name: 'random-streaming', version: '0.1.1' });
    } finally {
      await scorer.close();
    }
  });

  it('does not start with one that is not there, and is told by true or false', async () => {
    const missing = join(folder, 'missing.json');
    await assert.rejects(Scorer.create({ model: missing, watchModel: true, sockets: 0 }), /missing.json: no such file/);
    await assert.rejects(Scorer.create({ model: 'nonesuch', watchModel: true, sockets: 0 }), /model 'nonesuch'/);
    await assert.rejects(Scorer.create({ watchModel: 'yes' as never }), /watchModel must be true or false, got 'yes'/);
  });
});
