import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { allowAll, attachMosWebSocket, createMosObserver } from '../../plugin/index.ts';
import { asyncApiFile, asyncApiText } from '../../scripts/asyncapi.ts';
import { startFeedServer } from '../support/feed-server.ts';
import { createRouter, createTalker, startWorker } from '../support/media-server.ts';
import { opusPackets } from '../support/speech.ts';
import { until } from '../support/waiting.ts';
import { FeedWebSocket } from '../support/websocket-feed.ts';

const text = readFileSync(asyncApiFile, 'utf8');
const document = parse(text);

/** Checks messages by nothing but the document. */
function validatorOf(name: string): ValidateFunction {
  const { payload } = document.components.messages[name];
  return new Ajv({ strict: false, allErrors: true }).compile(payload);
}

describe('docs/asyncapi.yaml', () => {
  it('is AsyncAPI 3.0', () => {
    const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json');
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    assert.ok(validate(document), JSON.stringify(validate.errors?.slice(0, 5), null, 2));
  });

  it('is what scripts/asyncapi.ts makes of the schemas', () => {
    assert.equal(text, asyncApiText());
  });

  it('has a schema for every message of a channel, and refers to nothing else', () => {
    const messages = Object.keys(document.components.messages);
    assert.deepEqual(Object.keys(document.channels.mos.messages), messages);
    const used = Object.values(document.operations as Record<string, { messages: { $ref: string }[] }>).flatMap(
      (operation) => operation.messages.map(({ $ref }) => $ref.split('/').at(-1) as string),
    );
    assert.deepEqual(used.sort(), messages.sort());
  });

  it('describes the messages of a real call', { timeout: 60_000 }, async () => {
    const server = await startFeedServer();
    const worker = await startWorker();
    const router = await createRouter(worker);
    const observer = await createMosObserver({ router, autoAdd: true, sockets: 1 });
    const talker = await createTalker(router, opusPackets('speech/man-1'));
    const feed = attachMosWebSocket({ server: server.http, observers: [observer], authorize: allowAll });
    try {
      const client = await FeedWebSocket.connect(`${server.url}/mos`, { token: 'a' });
      await client.subscribe({ routerId: router.id });
      await client.subscribe({ routerId: '' });
      talker.sender.start();
      await until('a score', () => client.heard.some(({ type }) => type === 'score'), 30_000);
      await client.subscribe({ routerId: router.id });
      // On a busy machine three seconds may have been heard before the first look at them: then the score is the first word.
      await talker.producer.pause();
      await until('a reason', () => client.heard.some(({ type }) => type === 'noscore'));
      talker.producer.close();
      await until('close', () => client.heard.at(-1)?.type === 'producerclose');
      feed.close();
      await client.end();
      for (const message of client.heard) {
        const validate = validatorOf(message.type);
        assert.ok(validate(message), `${message.type}: ${JSON.stringify(validate.errors)}`);
      }
      const types = new Set(client.heard.map(({ type }) => type));
      for (const type of ['connected', 'snapshot', 'reply', 'noscore', 'score', 'report', 'producerclose', 'goodbye']) {
        assert.ok(types.has(type), type);
      }
    } finally {
      await talker.close();
      observer.close();
      await observer.scorer.close();
      worker.close();
      await server.close();
    }
  });

  it('describes what the server takes', () => {
    const subscribe = validatorOf('subscribe');
    assert.equal(subscribe({ type: 'subscribe', id: 1, subscription: { routerId: 'a' } }), true);
    assert.equal(subscribe({ type: 'subscribe', subscription: { participantId: 'ada' } }), true);
    assert.equal(subscribe({ type: 'subscribe', subscription: { routerId: 'a', producerId: 'b' } }), false);
    assert.equal(subscribe({ type: 'subscribe', subscription: {} }), false);
    assert.equal(subscribe({ type: 'subscribe', subscription: { routerId: 'a' }, extra: 1 }), false);
    assert.equal(validatorOf('connect')({ type: 'connect', auth: { token: 'a' } }), true);
  });

  it('would not pass a message that is wrong', () => {
    assert.equal(
      validatorOf('producerclose')({ type: 'producerclose', producerId: 'p', routerId: 'r', time: 1 }),
      false,
    );
    assert.equal(validatorOf('goodbye')({ type: 'goodbye', reason: 'tired' }), false);
  });
});
