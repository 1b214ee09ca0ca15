import { type BackboneConfiguration, backboneSchema, framesOf } from './configuration.ts';
import { backboneSpecs, sizeOf } from './specs.ts';

/** Shapes of the published networks (A. Babu et al., XLS-R, arXiv 2111.09296, table 2). */
export const publishedBackbones: Readonly<Record<'300m' | '1b' | '2b', BackboneConfiguration>> = {
  '300m': shape(1024, 24, 4096),
  '1b': shape(1280, 48, 5120),
  '2b': shape(1920, 48, 7680),
};

/** Cost of hidden states. */
export interface BackboneCost {
  /** Values of the weights that are read. */
  parameters: number;
  /** Bytes of these as 32-bit numbers, which TensorFlow.js computes with. */
  weightBytes: number;
  /** Multiplications and additions for one waveform. */
  flops: number;
}

/** @param layers - transformer layers that are computed */
export function backboneCost(configuration: BackboneConfiguration, layers: number, samples: number): BackboneCost {
  const { convolutions, width, units, positions } = configuration;
  const parameters = backboneSpecs(configuration, layers).reduce((sum, spec) => sum + sizeOf(spec), 0);
  const frames = framesOf(configuration, samples);
  let [length, inputs, products] = [samples, 1, 0];
  for (const { channels, kernel, stride } of convolutions) {
    length = Math.floor((length - kernel) / stride) + 1;
    products += length * kernel * inputs * channels;
    inputs = channels;
  }
  products += frames * inputs * width + (frames * positions.kernel * width * width) / positions.groups;
  products += layers * (frames * (4 * width * width + 2 * width * units) + 2 * frames * frames * width);
  return { parameters, weightBytes: 4 * parameters, flops: 2 * products };
}

function shape(width: number, layers: number, units: number): BackboneConfiguration {
  return backboneSchema.parse({
    ...{ model_type: 'wav2vec2', feat_extract_norm: 'layer', do_stable_layer_norm: true, conv_bias: true },
    ...{ hidden_size: width, num_hidden_layers: layers, num_attention_heads: 16, intermediate_size: units },
  });
}
