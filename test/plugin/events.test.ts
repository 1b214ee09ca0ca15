import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as z from 'zod';
import {
  type MosEvent,
  type MosSnapshotEvent,
  mosEvent,
  mosEventSchemas,
  mosSnapshotEvent,
} from '../../plugin/index.ts';

const head = { producerId: 'p', routerId: 'r', participantId: 'ada', sequence: 7, time: 1_800_000_000_000 };
const network = { lossRatio: 0.02, burstRatio: 1.2, jitterMs: 4, mosCqe: 4.1 };
const model = { name: 'm', version: '1.0.0' };

/** One of each, as a server sends it. */
const examples: { [Type in MosEvent['type']]: Extract<MosEvent, { type: Type }> } = {
  score: {
    type: 'score',
    ...head,
    windowStart: head.time - 9000,
    windowEnd: head.time,
    speechMs: 7680,
    mosLqo: 4.1,
    interval: { lower: 3.7, upper: 4.4, coverage: 0.9 },
    causes: { noise: 0.1, 'band-limit': 0 },
    signal: { levelDbov: -27, bandwidthHz: 8000 },
    network,
    model,
  },
  noscore: { type: 'noscore', ...head, reason: 'silence', since: head.time - 2000, network, model },
  state: { type: 'state', ...head, state: 'fair', previous: 'good' },
  warning: { type: 'warning', ...head, name: 'loss', quantity: 'lossRatio', value: 0.05, threshold: 0.03 },
  warningcleared: { type: 'warningcleared', ...head, name: 'loss', since: head.time - 9000, reason: 'recovered' },
  report: {
    type: 'report',
    ...head,
    final: true,
    start: head.time - 60_000,
    end: head.time,
    scores: 40,
    mosLqo: 3.9,
    method: 'a method',
    meanMosLqo: 4,
    lowestMosLqo: 2.8,
    stateShares: { good: 0.9, fair: 0.1, poor: 0, unknown: 0 },
    noScoreMs: { silence: 12_000, 'too-short': 3000 },
    warnings: [{ name: 'loss', count: 1, totalMs: 9000, open: false }],
    models: [{ ...model, scores: 40 }],
    network: { lossRatio: 0.01, worstLossRatio: 0.05, jitterMs: 4, mosCqe: 4.3, worstMosCqe: 3.6 },
  },
  producerclose: { type: 'producerclose', ...head },
};

const snapshot: MosSnapshotEvent = {
  type: 'snapshot',
  time: head.time,
  producers: [
    {
      producerId: 'p',
      routerId: 'r',
      nextSequence: 8,
      state: 'fair',
      status: examples.noscore,
      warnings: [examples.warning],
    },
    { producerId: 'q', routerId: 'r', nextSequence: 1, state: 'unknown', warnings: [] },
  ],
};

describe('the contract of events', () => {
  for (const [type, example] of Object.entries(examples)) {
    it(`${type}: takes what a server sends, through JSON`, () => {
      const received = JSON.parse(JSON.stringify(example));
      assert.deepEqual(mosEvent.parse(received), example);
      assert.deepEqual(mosEventSchemas[type as MosEvent['type']].parse(received), example);
    });

    it(`${type}: refuses it without any one of its fields, but for those that may be absent`, () => {
      const mayBeAbsent = ['participantId', 'causes', 'signal', 'mosLqo', 'meanMosLqo', 'lowestMosLqo', 'network'];
      for (const field of Object.keys(example)) {
        const { [field as 'type']: _, ...rest } = example;
        const isRequired = !mayBeAbsent.includes(field) || (type !== 'report' && ['mosLqo', 'network'].includes(field));
        assert.equal(mosEvent.safeParse(rest).success, !isRequired, field);
      }
    });
  }

  it('takes a snapshot', () => {
    assert.deepEqual(mosSnapshotEvent.parse(JSON.parse(JSON.stringify(snapshot))), snapshot);
  });

  it('takes fields that a later version may add', () => {
    assert.deepEqual(mosEvent.parse({ ...examples.producerclose, mood: 'sad' }), examples.producerclose);
  });

  it('refuses what is not in the contract', () => {
    const { score, noscore, warning } = examples;
    const wrong: object[] = [
      { ...score, mosLqo: 5.5 },
      { ...score, mosLqo: Number.NaN },
      { ...score, causes: { wind: 0.5 } },
      { ...score, type: 'scores' },
      { ...score, sequence: -1 },
      { ...score, sequence: 1.5 },
      { ...score, producerId: '' },
      { ...noscore, reason: 'tired' },
      { ...noscore, network: { ...network, lossRatio: 2 } },
      { ...warning, name: 'echo' },
      { ...examples.state, state: 'excellent' },
    ];
    for (const event of wrong) assert.equal(mosEvent.safeParse(event).success, false, JSON.stringify(event));
  });

  it('is there as JSON Schema', () => {
    for (const schema of [...Object.values(mosEventSchemas), mosSnapshotEvent]) {
      const { type, properties, required } = z.toJSONSchema(schema as z.ZodType, { io: 'input' });
      assert.equal(type, 'object');
      assert.ok(required?.includes('type') && required.includes('time'));
      assert.ok(properties?.time);
    }
  });

  it('can be loaded by a browser: it needs zod and nothing of Node.js', () => {
    const packages = new Set<string>();
    const files = [new URL('../../plugin/feeds/events.ts', import.meta.url)];
    const seen = new Set<string>();
    for (let file = files.pop(); file !== undefined; file = files.pop()) {
      if (seen.has(file.href)) continue;
      seen.add(file.href);
      for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(/from '([^']+)'/g)) {
        if (name.startsWith('.')) files.push(new URL(name, file));
        else packages.add(name);
      }
    }
    assert.ok(seen.size > 2, `${[...seen]}`);
    assert.deepEqual([...packages], ['zod']);
  });
});
