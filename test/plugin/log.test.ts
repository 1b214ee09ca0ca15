import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { types } from 'mediasoup';
import pino from 'pino';
import { createMosObserver, setLogger } from '../../plugin/index.ts';
import { logger } from '../../src/base/log.ts';
import { Scorer } from '../../src/index.ts';
import { createRouter, createTalker, startWorker } from '../support/media-server.ts';
import { opusPackets } from '../support/speech.ts';
import { nextEvent } from '../support/waiting.ts';

interface Line {
  readonly level: number;
  readonly area: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A pino logger, and the lines that it wrote. */
function record(): { lines: Line[]; text: () => string; logger: pino.Logger } {
  const texts: string[] = [];
  const sink = { write: (text: string) => texts.push(text) };
  const lines = { get: () => texts.map((text) => JSON.parse(text) as Line) };
  return {
    get lines() {
      return lines.get();
    },
    text: () => texts.join(''),
    logger: pino({ level: 'debug' }, sink),
  };
}

describe('setLogger', () => {
  afterEach(() => setLogger(undefined));

  it('hands messages to pino: with area, level, fields and filled places', () => {
    const recorded = record();
    setLogger(recorded.logger);
    const log = logger('some-area');
    log('stream %d of %s', 3, 'x');
    log.warn({ scorerPid: 4 }, 'process %s', 'gone');
    log.error('broken');
    assert.deepEqual(
      recorded.lines.map(({ level, area, msg, scorerPid }) => [level, area, msg, scorerPid]),
      [
        [20, 'some-area', 'stream 3 of x', undefined],
        [40, 'some-area', 'process gone', 4],
        [50, 'some-area', 'broken', undefined],
      ],
    );
  });

  it('says nothing more after setLogger(undefined)', () => {
    const recorded = record();
    setLogger(recorded.logger);
    setLogger(undefined);
    logger('some-area').error('unheard');
    assert.deepEqual(recorded.lines, []);
  });

  it('names the method that a logger lacks', () => {
    assert.throws(
      () => setLogger({ debug() {}, warn() {} } as never),
      /logger\.error must be a function, got undefined/,
    );
  });

  it('shows messages on standard error where DEBUG asks, and else is silent', async () => {
    const source = `
      import { logger } from ${JSON.stringify(fileURLToPath(new URL('../../src/base/log.ts', import.meta.url)))};
      logger('some-area').warn({ scorerPid: 4 }, 'process %s', 'gone');`;
    const shown = async (DEBUG: string) => {
      const options = ['--import', 'tsx', '--input-type=module', '--eval', source];
      const child = spawn(process.execPath, options, { env: { ...process.env, DEBUG } });
      let text = '';
      child.stderr.setEncoding('utf8').on('data', (data) => {
        text += data;
      });
      await once(child, 'close');
      return text;
    };
    const [wanted, unwanted] = await Promise.all([shown('mediasoup-mos*'), shown('')]);
    assert.match(wanted, /mediasoup-mos:some-area process gone \{ scorerPid: 4 \}/);
    assert.equal(unwanted, '');
  });
});

describe('what is logged of a call', () => {
  const participantId = 'Ada Lovelace';
  const recorded = record();
  let worker: types.Worker;
  let scorer: Scorer;

  before(async () => {
    setLogger(recorded.logger);
    worker = await startWorker();
    scorer = await Scorer.create({ restartBackoffMs: { initial: 0 } });
  });
  after(async () => {
    worker.close();
    await scorer.close();
    setLogger(undefined);
  });

  it('a dying scorer process is an error, with its process id; nobody is named, whatever happens', async () => {
    const router = await createRouter(worker);
    const observer = await createMosObserver({ router, scorer, autoAdd: true, identify: () => participantId });
    const talker = await createTalker(router, opusPackets('speech/woman-1'), { name: participantId });
    talker.sender.start();
    await nextEvent(observer, 'noscore');
    const { processes } = await scorer.getStats();
    const back = nextEvent(scorer, 'processrestarted');
    process.kill(processes[0]?.pid as number, 'SIGKILL');
    await back;
    await nextEvent(observer, 'score', { timeoutMs: 30_000 });
    observer.on('producererror', () => {});
    await talker.close();
    observer.close();
    const gone = recorded.lines.find(({ level }) => level === 50);
    assert.deepEqual([gone?.area, gone?.scorerPid, gone?.signal], ['process', processes[0]?.pid, 'SIGKILL']);
    assert.ok(!recorded.text().includes(participantId), recorded.text());
  });
});
