import type { ModelOutputs } from '../../src/model/outputs.ts';
import type { Embedded, StreamingModel } from '../../src/model/streaming-model.ts';
import type { WindowedModel } from '../../src/model/windowed-model.ts';

/** What happens while a network runs. */
export type Meanwhile = () => void | Promise<void>;

/** MOS of every window. */
export const deferredMos = 3;

/** A network refuses what is not a number. */
function checkInput(values: Float32Array, count: number): void {
  const size = values.length / count;
  for (let at = 0; at < count; at++) {
    if (Number.isNaN(values[at * size])) throw new Error('poisoned');
  }
}

const outputs = (count: number, causes: number): ModelOutputs => ({
  mos: new Float32Array(count).fill(deferredMos),
  sigma: new Float32Array(count).fill(0.3),
  ...(causes === 0 ? {} : { causes: new Float32Array(count * causes).fill(0.5) }),
});

/** A streaming model that computes nothing; `meanwhile` happens while a network of it runs. Input that begins with NaN is refused. */
export function deferredStreaming(model: StreamingModel, meanwhile: Meanwhile): StreamingModel {
  const { mels, framesPerStep, width, stateValues } = model.shape;
  const causes = model.manifest.outputs.causes?.order.length ?? 0;
  return Object.create(model, {
    embed: {
      value: async (input: Float32Array, _: Float32Array, count: number, frames: number): Promise<Embedded> => {
        await meanwhile();
        checkInput(input.subarray(0, count * frames * mels), count);
        const steps = (count * frames) / framesPerStep;
        return {
          steps: new Float32Array(steps * width).fill(0.5),
          speech: new Float32Array(steps).fill(1),
          state: new Float32Array(count * stateValues),
        };
      },
    },
    score: {
      value: async (_: Float32Array, count: number): Promise<ModelOutputs> => {
        await meanwhile();
        return outputs(count, causes);
      },
    },
  });
}

/** The same of a windowed model. */
export function deferredWindowed(model: WindowedModel, meanwhile: Meanwhile): WindowedModel {
  const causes = model.manifest.outputs.causes?.order.length ?? 0;
  return Object.create(model, {
    run: {
      value: async (input: Float32Array, count: number, frames: number): Promise<ModelOutputs> => {
        await meanwhile();
        checkInput(input.subarray(0, count * frames * model.window.valuesPerFrame), count);
        return outputs(count, causes);
      },
    },
  });
}
