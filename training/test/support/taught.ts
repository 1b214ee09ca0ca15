import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fromFloat16 } from '../../src/audio/float16.ts';
import { shardTasks } from '../../src/degrade/degrade.ts';
import { writeShard } from '../../src/degrade/shard.ts';
import { causeOrder, runLengths } from '../../src/degrade/truth.ts';
import { writeJsonLines } from '../../src/run/files.ts';
import { Random } from '../../src/run/random.ts';
import { RunFolder } from '../../src/run/run-folder.ts';
import { writeLabels } from '../../src/teach/labels.ts';
import { syntheticClip } from './synthetic.ts';

/** Makes a finished run of `corpus`, one of `degrade` and one of `teach` of synthetic clips; the folder of the last. */
export function taughtFolder(
  root: string,
  { clips, speaker, seed, audible = false }: { clips: number; speaker: string; seed: number; audible?: boolean },
) {
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
    const made = Array.from({ length: count }, (_, n) => {
      const index = first + n;
      const clip = syntheticClip(1000 * seed + index, 300 + 8 * (index % 3), 64);
      const frames = clip.peaks.length;
      const speechRuns = runLengths(clip.speech as Uint8Array);
      const causes = Object.fromEntries(causeOrder.map((cause, place) => [cause, clip.causes?.[place]]));
      const truth = {
        // Every other clip went through a codec.
        applied: index % 2 === 0 ? [{ step: 'codec', name: 'toy', parameters: {}, bandHz: 8000, audible: false }] : [],
        leg: { codec: 'pcm' },
        index,
        split: 'train',
        content: 'speech',
        speaker,
        sources: [recording.id],
        frames,
        causes,
        speech: speechRuns,
      };
      const heard = {
        frames,
        logMel: fromFloat16(clip.logMel),
        peaks: clip.peaks,
        pcm: audible ? noise(index, 160 * frames, clip.mos as number) : new Float32Array(160 * frames),
      };
      return { clip, made: { truth, heard } as unknown as Parameters<typeof writeShard>[2][number] };
    });
    writeShard(
      join(degraded, 'shards'),
      number,
      made.map((each) => each.made),
    );
    const labels = made.map(({ clip }, n) => ({
      index: first + n,
      mos: clip.mos,
      teachers: { oracle: clip.mos as number },
    }));
    writeLabels(taught, number, labels);
  }
  return taught;
}

/** Noise that hums the more the better it is rated. */
function noise(index: number, samples: number, mos: number): Float32Array {
  const random = Random.derive(index, 'noise');
  return Float32Array.from({ length: samples }, (_, n) => 0.1 * random.uniform(-1, 1) + 0.1 * mos * Math.sin(n / 10));
}
