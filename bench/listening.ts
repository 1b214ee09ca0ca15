/**
 * What `listening` states of a lossy way down against what a receiver decodes, scored by a shipped model: recorded speech as
 * Opus without FEC, random loss. `node --import tsx bench/listening.ts [model]`, default small.
 */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { loadNative } from '../src/engine/load.ts';
import { loadModel } from '../src/model/load.ts';
import { listeningQuality } from '../src/quality/listening.ts';
import { readClip } from '../test/support/clips.ts';
import { offlineSession, RecordedCall } from '../test/support/recorded-call.ts';
import { encode } from '../test/support/speech.ts';

const clips = ['man-1', 'man-2', 'man-3', 'woman-1', 'woman-2', 'woman-3'] as const;
const name = process.argv[2] ?? 'small';
const model = await loadModel(name, loadNative().features);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean of the scores of a clip whose packets are lost at random; NaN where there is none. */
async function decoded(clip: (typeof clips)[number], lossRatio: number): Promise<number> {
  const session = offlineSession(model);
  const random = xoroshiro128plus(26);
  const call = new RecordedCall(session);
  const packets = encode(readClip(`speech/${clip}`));
  for (let round = 0; round < 3; round++) {
    await call.send(packets, (packet) => (uniformFloat64(random) < lossRatio ? [] : [packet]));
  }
  session.close();
  return mean(call.events.flatMap((event) => (event.type === 'score' ? event.mosLqo : [])));
}

console.log(`model ${name}, ${clips.length} clips\nloss   decoded  mosListening  mean difference  mean |difference|`);
const clean = new Map<string, number>();
for (const lossRatio of [0, 0.01, 0.02, 0.05, 0.1, 0.2]) {
  const pairs: { seen: number; stated: number }[] = [];
  for (const clip of clips) {
    const seen = await decoded(clip, lossRatio);
    if (lossRatio === 0) clean.set(clip, seen);
    const mosLqo = clean.get(clip) as number;
    const interval = { lower: mosLqo, upper: mosLqo, coverage: 0.9 };
    const way = { codec: 'opus', lossRatio, fecPossible: false, oneWayMs: undefined } as const;
    pairs.push({ seen, stated: listeningQuality({ mosLqo, interval, ...way }).mosListening });
  }
  const differences = pairs.map(({ seen, stated }) => stated - seen);
  const figures = [
    mean(pairs.map(({ seen }) => seen)),
    mean(pairs.map(({ stated }) => stated)),
    mean(differences),
    mean(differences.map(Math.abs)),
  ];
  console.log([`${(100 * lossRatio).toFixed(0)} %`, ...figures.map((figure) => figure.toFixed(2))].join('\t'));
}
