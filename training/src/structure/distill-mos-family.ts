import { bandsBetween, type DistillMosShape, distillMosSpecs, featuresOf, steps } from '../distill-mos/shape.ts';
import { causeNames } from '../student/configuration.ts';
import type { ArrayLayout, Family, UnitGroup } from './structure.ts';

/**
 * Units that may be removed from Distill-MOS: channels of the convolutions; values per step of the transformer (what layer
 * normalisation makes of the others is left out of their importance); whole layers, and attention heads and feed-forward
 * units of each; units of the pooling.
 */
export const distillMosFamily: Family<DistillMosShape> = {
  groups({ channels, width, layers, pooling }): UnitGroup[] {
    const group = (name: string, size: number, least = 1) => ({ name, size, least });
    return [
      ...channels.map((size, index) => group(convolution(index), size)),
      group('width', width),
      group('layers', layers.length, Math.min(1, layers.length)),
      ...layers.flatMap(({ heads, units }, unit) => {
        const within = { group: 'layers', unit };
        return [
          { ...group(layerGroup(unit, 'heads'), heads), within },
          { ...group(layerGroup(unit, 'units'), units), within },
        ];
      }),
      group('pooling', pooling),
    ];
  },

  layouts(shape): ArrayLayout[] {
    const { channels, width, layers, pooling, headSize, besides } = shape;
    const last = channels.length - 1;
    const bands = bandsBetween.at(-1) as number;
    const perStep = (name: string): ArrayLayout => ({ name, view: [width], axes: ['width'] });
    return [
      ...channels.flatMap((outputs, index): ArrayLayout[] => {
        const inputs = index === 0 ? 2 : (channels[index - 1] as number);
        const from = index === 0 ? undefined : convolution(index - 1);
        const name = `convolution.${index}`;
        return [
          {
            ...{ name: `${name}.kernel`, view: [3, 3, inputs, outputs] },
            ...{ axes: [undefined, undefined, from, convolution(index)], reads: from ? [2] : [] },
          },
          { name: `${name}.bias`, view: [outputs], axes: [convolution(index)] },
        ];
      }),
      ...['gain', 'shift'].map((part) => ({
        ...{ name: `features.${part}`, view: [channels[last] as number, bands], axes: [convolution(last), undefined] },
      })),
      {
        ...{ name: 'projection.kernel', view: [channels[last] as number, bands, width] },
        ...{ axes: [convolution(last), undefined, 'width'], reads: [0] },
      },
      perStep('projection.bias'),
      { name: 'positions', view: [steps, width], axes: [undefined, 'width'] },
      ...layers.flatMap((layer, unit) => layerLayouts(layer, unit, width, headSize)),
      ...['pooled.gain', 'pooled.shift'].map(perStep),
      { name: 'pooling.units.kernel', view: [width, pooling], axes: ['width', 'pooling'], reads: [0] },
      { name: 'pooling.units.bias', view: [pooling], axes: ['pooling'] },
      { name: 'pooling.score.kernel', view: [pooling, 1], axes: ['pooling', undefined], reads: [0] },
      { name: 'pooling.score.bias', view: [1], axes: [undefined] },
      { name: 'mos.kernel', view: [width, 1], axes: ['width', undefined], reads: [0] },
      { name: 'mos.bias', view: [1], axes: [undefined] },
      ...(besides ? besidesLayouts(besides.hidden, width) : []),
    ];
  },

  shrunk(shape, kept) {
    const count = (group: string) => (kept.get(group) as readonly number[]).length;
    return {
      ...shape,
      channels: shape.channels.map((_, index) => count(convolution(index))),
      width: count('width'),
      layers: (kept.get('layers') as readonly number[]).map((unit) => ({
        heads: count(layerGroup(unit, 'heads')),
        units: count(layerGroup(unit, 'units')),
      })),
      pooling: count('pooling'),
    };
  },

  /** A whole window per score. */
  cost(shape) {
    const { channels, width, layers, pooling, headSize } = shape;
    let macs = 0;
    let inputs = 2;
    channels.forEach((outputs, index) => {
      const frames = index === channels.length - 1 ? steps : 2 * steps;
      macs += frames * (bandsBetween[index + 1] as number) * 9 * inputs * outputs;
      inputs = outputs;
    });
    macs += steps * (featuresOf(shape) * width + width * pooling + pooling + width);
    for (const { heads, units } of layers) {
      const size = heads * headSize;
      macs += steps * (4 * width * size + 2 * steps * size + 2 * width * units);
    }
    const parameters = distillMosSpecs(shape)
      .filter(({ trainable }) => trainable)
      .reduce((sum, { shape: sizes }) => sum + sizes.reduce((product, size) => product * size, 1), 0);
    return { parameters, macsPerSecond: macs };
  },
};

/** Auxiliary heads are not pruned, and do not count for importance. */
function besidesLayouts(hidden: number, width: number): ArrayLayout[] {
  const outputs = causeNames.length;
  return [
    { name: 'speech.kernel', view: [width, 1], axes: ['width', undefined] },
    { name: 'speech.bias', view: [1], axes: [undefined] },
    { name: 'hidden.kernel', view: [width, hidden], axes: ['width', undefined] },
    { name: 'hidden.bias', view: [hidden], axes: [undefined] },
    { name: 'variance.kernel', view: [hidden, 1], axes: [undefined, undefined] },
    { name: 'variance.bias', view: [1], axes: [undefined] },
    { name: 'causes.kernel', view: [hidden, outputs], axes: [undefined, undefined] },
    { name: 'causes.bias', view: [outputs], axes: [undefined] },
  ];
}

const convolution = (index: number) => `convolution.${index}`;
const layerGroup = (layer: number, kind: 'heads' | 'units') => `layer.${layer}.${kind}`;

function layerLayouts(
  { heads, units }: DistillMosShape['layers'][number],
  unit: number,
  width: number,
  headSize: number,
): ArrayLayout[] {
  const [headGroup, unitGroup] = [layerGroup(unit, 'heads'), layerGroup(unit, 'units')];
  const layouts: ArrayLayout[] = [
    {
      ...{ name: 'attention.kernel', view: [width, 3, heads, headSize] },
      ...{ axes: ['width', undefined, headGroup, undefined], reads: [0] },
    },
    { name: 'attention.bias', view: [3, heads, headSize], axes: [undefined, headGroup, undefined] },
    { name: 'attended.kernel', view: [heads, headSize, width], axes: [headGroup, undefined, 'width'], reads: [0] },
    { name: 'units.kernel', view: [width, units], axes: ['width', unitGroup], reads: [0] },
    { name: 'units.bias', view: [units], axes: [unitGroup] },
    { name: 'fed.kernel', view: [units, width], axes: [unitGroup, 'width'], reads: [0] },
    ...['attended.bias', 'fed.bias', 'attendedNorm.gain', 'attendedNorm.shift', 'fedNorm.gain', 'fedNorm.shift'].map(
      (name) => ({ name, view: [width], axes: ['width'] }),
    ),
  ];
  return layouts.map(({ name, ...layout }) => ({
    ...layout,
    name: `layer.${unit}.${name}`,
    owner: { group: 'layers', unit, rename: (place: number) => `layer.${place}.${name}` },
  }));
}
