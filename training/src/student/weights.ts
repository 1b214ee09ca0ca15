import { Random } from '../run/random.ts';
import { bandsOf, causeNames, type NetworkConfiguration } from './configuration.ts';

/** One array of a network. */
export interface WeightSpec {
  name: string;
  shape: readonly number[];
  /** `normal`: of this standard deviation; `constant`: all the same. */
  initial: { normal: number } | { constant: number };
  /** False for statistics that follow the data instead of a gradient. */
  trainable: boolean;
  /** Whether weight decay applies: matrices and kernels, not biases and gains. */
  decays: boolean;
}

export type WeightArrays = ReadonlyMap<string, Float32Array>;

/** Every array of a network, in a fixed order. */
export function weightSpecs(network: NetworkConfiguration): WeightSpec[] {
  const { width, memory, pooling, hidden, mels } = network;
  const bands = bandsOf(network);
  const specs: WeightSpec[] = [...normalisation('input', mels)];
  let channels = 1;
  network.trunk.forEach((layer, index) => {
    const [time, band] = layer.kernel;
    const name = `trunk.${index}`;
    if (layer.separable) {
      specs.push(kernel(`${name}.depthwise`, [time, band, channels, 1], time * band));
      specs.push(kernel(`${name}.pointwise`, [1, 1, channels, layer.channels], channels));
    } else {
      specs.push(kernel(`${name}.kernel`, [time, band, channels, layer.channels], time * band * channels));
    }
    specs.push(...normalisation(name, layer.channels));
    channels = layer.channels;
  });
  const flat = channels * (bands.at(-1) as number);
  specs.push(kernel('embedding.kernel', [flat, width], flat), ...normalisation('embedding', width));
  if (memory.kind === 'lstm') {
    specs.push(kernel('lstm.kernel', [2 * width, 4 * width], 4 * width), constant('lstm.bias', [4 * width], 0));
  } else {
    memory.dilations.forEach((_, index) => {
      const inputs = memory.kernel * width;
      specs.push(kernel(`delay.${index}.kernel`, [inputs, width], inputs), ...normalisation(`delay.${index}`, width));
    });
  }
  const pooled = pooling.heads * width * (pooling.deviation ? 2 : 1);
  specs.push(kernel('attention.kernel', [width, pooling.heads], 16 * width));
  specs.push(...dense('speech', width, 1, 0));
  specs.push(...dense('hidden', pooled, hidden, 0));
  specs.push(...dense('mos', hidden, 1, 3), ...dense('variance', hidden, 1, 0));
  specs.push(...dense('causes', hidden, causeNames.length, 0));
  return specs;
}

/** Trained values of a network. */
export function parameterCount(network: NetworkConfiguration): number {
  const trained = weightSpecs(network).filter(({ trainable }) => trainable);
  return trained.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** Values to begin with; each array has a random stream of its own. */
export function initialWeights(network: NetworkConfiguration, seed: number): Map<string, Float32Array> {
  return new Map(
    weightSpecs(network).map(({ name, shape, initial }) => {
      const random = Random.derive(seed, 'initial', name);
      const value = () => ('normal' in initial ? initial.normal * random.normal() : initial.constant);
      return [name, Float32Array.from({ length: sizeOf(shape) }, value)];
    }),
  );
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Kernel before a rectifier (He et al., arXiv 1502.01852): variance 2 / inputs. */
function kernel(name: string, shape: readonly number[], inputs: number): WeightSpec {
  return { name, shape, initial: { normal: Math.sqrt(2 / inputs) }, trainable: true, decays: true };
}

function constant(name: string, shape: readonly number[], value: number, trainable = true): WeightSpec {
  return { name, shape, initial: { constant: value }, trainable, decays: false };
}

/** Batch normalisation: trained gain and shift, moving mean and variance. */
function normalisation(name: string, size: number): WeightSpec[] {
  return [
    constant(`${name}.gain`, [size], 1),
    constant(`${name}.shift`, [size], 0),
    constant(`${name}.mean`, [size], 0, false),
    constant(`${name}.variance`, [size], 1, false),
  ];
}

function dense(name: string, inputs: number, outputs: number, bias: number): WeightSpec[] {
  return [kernel(`${name}.kernel`, [inputs, outputs], 2 * inputs), constant(`${name}.bias`, [outputs], bias)];
}
