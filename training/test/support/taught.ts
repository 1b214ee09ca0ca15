import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { shardTasks } from '../../src/degrade/degrade.ts';
import { writeShard } from '../../src/degrade/shard.ts';
import { causeOrder, runLengths } from '../../src/degrade/truth.ts';
import { hearFile } from '../../src/evaluate/heard.ts';
import { writeJsonLines } from '../../src/run/files.ts';
import { fromFloat16 } from '../../src/run/float16.ts';
import { Random } from '../../src/run/random.ts';
import { RunFolder } from '../../src/run/run-folder.ts';
import { type ClipLabel, writeLabels } from '../../src/teach/labels.ts';
import { syntheticClip } from './synthetic.ts';

/** Makes a finished run of `corpus`, one of `degrade` and one of `teach` of synthetic clips; the folder of the last. */
export function taughtFolder(
  root: string,
  { clips, speaker, seed, audible = false }: { clips: number; speaker: string; seed: number; audible?: boolean },
) {
  return writeRuns(root, { speaker, seed, clips }, (index) => {
    const clip = syntheticClip(1000 * seed + index, 300 + 8 * (index % 3), 64);
    const frames = clip.peaks.length;
    const mos = clip.mos as number;
    return {
      truth: {
        // Every other clip went through a codec.
        applied: index % 2 === 0 ? [{ step: 'codec', name: 'toy', parameters: {}, bandHz: 8000, audible: false }] : [],
        content: 'speech',
        causes: Object.fromEntries(causeOrder.map((cause, place) => [cause, clip.causes?.[place]])),
        speech: clip.speech as Uint8Array,
      },
      heard: {
        logMel: fromFloat16(clip.logMel),
        peaks: clip.peaks,
        pcm: audible ? noise(index, 160 * frames, mos) : new Float32Array(160 * frames),
      },
      mos,
    };
  });
}

/** The same of recordings in which nobody speaks, so that nothing is rated. */
export async function speechlessFolder(root: string, paths: readonly string[]): Promise<string> {
  const recordings = await Promise.all(paths.map(hearFile));
  return writeRuns(root, { speaker: 'nobody', seed: 1, clips: paths.length }, (index) => {
    const { samples, logMel, peaks } = recordings[index] as (typeof recordings)[number];
    return {
      truth: { applied: [], content: 'noise', causes: undefined, speech: new Uint8Array(peaks.length) },
      heard: { logMel, peaks, pcm: samples.subarray(0, 160 * peaks.length) },
      mos: null,
    };
  });
}

interface MadeClip {
  truth: { applied: object[]; content: string; causes: object | undefined; speech: Uint8Array };
  heard: { logMel: Float32Array; peaks: Float32Array; pcm: Float32Array };
  mos: number | null;
}

function writeRuns(
  root: string,
  { clips, speaker, seed }: { clips: number; speaker: string; seed: number },
  clipOf: (index: number) => MadeClip,
): string {
  const [corpus, degraded, taught] = ['corpus', 'clips', 'labels'].map((name) => join(root, speaker, name)) as [
    string,
    string,
    string,
  ];
  const shardClips = 16;
  const finish = (path: string, verb: string, configuration: unknown) =>
    RunFolder.open({ path, verb, seed, configuration }).finish();
  finish(corpus, 'corpus', {});
  const recording = {
    id: `${speaker}.wav`,
    path: `/${speaker}.wav`,
    kind: 'speech',
    split: 'train',
    seconds: 1,
    peak: 1,
  };
  writeJsonLines(join(corpus, 'manifest.jsonl'), [{ ...recording, speaker, source: 'synthesis', licence: 'CC0-1.0' }]);
  finish(degraded, 'degrade', { corpus, recipe: { name: 'synthetic' }, split: 'train', clips, shardClips });
  const teachers = [{ name: 'oracle', weight: 1, licence: 'MIT', source: 'the synthesis', sha256: '0' }];
  finish(taught, 'teach', { clips: degraded, ensemble: 'oracle', teachers });
  for (const folder of [join(degraded, 'shards'), join(taught, 'labels')]) mkdirSync(folder, { recursive: true });
  for (const { number, first, count } of shardTasks(clips, shardClips)) {
    const made = Array.from({ length: count }, (_, n) => ({ index: first + n, ...clipOf(first + n) }));
    writeShard(
      join(degraded, 'shards'),
      number,
      made.map(({ index, truth, heard }) => {
        const frames = heard.peaks.length;
        const about = { index, split: 'train', speaker, sources: [recording.id], leg: { codec: 'pcm' }, frames };
        return {
          truth: { ...about, ...truth, speech: runLengths(truth.speech) },
          heard: { frames, ...heard },
        } as unknown as Parameters<typeof writeShard>[2][number];
      }),
    );
    writeLabels(
      taught,
      number,
      made.map(({ index, mos }): ClipLabel => ({ index, mos, teachers: mos === null ? {} : { oracle: mos } })),
    );
  }
  return taught;
}

/** Noise that hums the more the better it is rated. */
function noise(index: number, samples: number, mos: number): Float32Array {
  const random = Random.derive(index, 'noise');
  return Float32Array.from({ length: samples }, (_, n) => 0.1 * random.uniform(-1, 1) + 0.1 * mos * Math.sin(n / 10));
}
