import type { NativeAddon } from '../engine/contract.ts';
import type { Model } from '../model/model.ts';
import { repeatInPlace, samplesPerFrame } from '../model/window-shape.ts';
import type { WindowedModel } from '../model/windowed-model.ts';
import { clampMos } from '../scoring/interval.ts';

/**
 * The MOS of one window of a recording, computed offline from all of its samples: without packets, jitter buffer, ring or
 * pieces, each frame by the front end for files.
 *
 * `samples`: the recording, 16 kHz mono. `firstFrame`, `frames`: the window, in frames of 10 ms.
 */
export async function scoreWhole(
  model: Model,
  addon: NativeAddon,
  samples: Float32Array,
  firstFrame: number,
  frames: number,
): Promise<number> {
  const window = samples.subarray(firstFrame * samplesPerFrame, (firstFrame + frames) * samplesPerFrame);
  const { normalisation, kind } = model.manifest.input;
  const peak = normalisation === 'peak' ? window.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0) : 1;
  if (model.form === 'windowed' && kind === 'waveform') {
    const waveform = window.map((sample) => sample / peak);
    return mosOf(await runRepeated(model, waveform, frames));
  }
  const { mels } = addon.features;
  const floor = model.form === 'windowed' ? model.window.floorLog10 : model.shape.floorLog10;
  const logMel = addon
    .logMel(samples)
    .slice(firstFrame * mels, (firstFrame + frames) * mels)
    .map((value) => Math.max(floor, value - 2 * Math.log10(peak)));
  if (model.form === 'windowed') return mosOf(await runRepeated(model, logMel, frames));
  const { steps } = await model.embed(logMel, new Float32Array(model.shape.stateValues), 1, frames);
  return mosOf(await model.score(steps, 1, frames / model.shape.framesPerStep));
}

/** Less than the shortest window is repeated until it fills that. `frames`: of `values`. */
function runRepeated(model: WindowedModel, values: Float32Array, frames: number) {
  const { minFrames, valuesPerFrame } = model.window;
  const length = Math.max(frames, minFrames);
  const filled = new Float32Array(length * valuesPerFrame);
  filled.set(values);
  repeatInPlace(filled, 1, frames * valuesPerFrame, length * valuesPerFrame);
  return model.run(filled, 1, length);
}

const mosOf = ({ mos }: { mos: Float32Array }) => clampMos(mos[0] as number);
