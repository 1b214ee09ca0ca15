import {
  bandsOf,
  type Convolution,
  causeNames,
  framesPerStep,
  type NetworkConfiguration,
} from '../student/configuration.ts';
import { parameterCount } from '../student/weights.ts';
import type { ArrayLayout, Family, UnitGroup } from './structure.ts';

/** Frames of the window that a score looks at. */
const windowFrames = 768;

/**
 * Units that may be removed from a student: channels of the trunk's layers; values per step, each of which is also a unit of the
 * memory, as the two are added; whole time-delay layers; heads of the pooling; hidden units.
 */
export const studentFamily: Family<NetworkConfiguration> = {
  groups({ trunk, width, memory, pooling, hidden }): UnitGroup[] {
    const group = (name: string, size: number) => ({ name, size, least: 1 });
    return [
      ...trunk.map(({ channels }, index) => group(trunkGroup(index), channels)),
      group('width', width),
      ...(memory.kind === 'time-delay' ? [group('delays', memory.dilations.length)] : []),
      group('heads', pooling.heads),
      group('hidden', hidden),
    ];
  },

  layouts(network): ArrayLayout[] {
    const { mels, trunk, width, memory, pooling, hidden } = network;
    const bands = bandsOf(network).at(-1) as number;
    return [
      ...normalisation('input', mels),
      ...trunk.flatMap((layer, index) => trunkLayouts(layer, index, trunk[index - 1])),
      {
        ...{ name: 'embedding.kernel', view: [bands, (trunk.at(-1) as Convolution).channels, width] },
        ...{ axes: [undefined, trunkGroup(trunk.length - 1), 'width'], reads: [1] },
      },
      ...normalisation('embedding', width, 'width'),
      ...memoryLayouts(memory, width),
      { name: 'attention.kernel', view: [width, pooling.heads], axes: ['width', 'heads'], reads: [0] },
      { name: 'speech.kernel', view: [width, 1], axes: ['width', undefined], reads: [0] },
      { name: 'speech.bias', view: [1], axes: [undefined] },
      {
        ...{ name: 'hidden.kernel', view: [pooling.heads, pooling.deviation ? 2 : 1, width, hidden] },
        ...{ axes: ['heads', undefined, 'width', 'hidden'], reads: [0, 2] },
      },
      { name: 'hidden.bias', view: [hidden], axes: ['hidden'] },
      ...(['mos', 'variance', 'causes'] as const).flatMap((name): ArrayLayout[] => {
        const outputs = name === 'causes' ? causeNames.length : 1;
        return [
          { name: `${name}.kernel`, view: [hidden, outputs], axes: ['hidden', undefined], reads: [0] },
          { name: `${name}.bias`, view: [outputs], axes: [undefined] },
        ];
      }),
    ];
  },

  shrunk(network, kept) {
    const count = (group: string) => (kept.get(group) as readonly number[]).length;
    const { trunk, memory, pooling } = network;
    return {
      ...network,
      trunk: trunk.map((layer, index) => ({ ...layer, channels: count(trunkGroup(index)) })),
      width: count('width'),
      memory:
        memory.kind === 'lstm'
          ? memory
          : { ...memory, dilations: memory.dilations.filter((_, index) => kept.get('delays')?.includes(index)) },
      pooling: { ...pooling, heads: count('heads') },
      hidden: count('hidden'),
    };
  },

  /** In streaming form: each frame once, pooling and heads once a second. */
  cost(network) {
    const { trunk, width, memory, pooling, hidden } = network;
    const bands = bandsOf(network);
    let macs = 0;
    let [framesPerSecond, inputs] = [100, 1];
    trunk.forEach(({ kernel, stride, separable, channels }, index) => {
      framesPerSecond /= stride[0];
      const taps = kernel[0] * kernel[1];
      const perPlace = separable ? inputs * (taps + channels) : inputs * taps * channels;
      macs += framesPerSecond * (bands[index + 1] as number) * perPlace;
      inputs = channels;
    });
    const perStep =
      (bands.at(-1) as number) * inputs * width +
      (memory.kind === 'lstm' ? 8 * width * width : memory.dilations.length * memory.kernel * width * width) +
      width;
    const steps = windowFrames / framesPerStep(network);
    const parts = pooling.deviation ? 2 : 1;
    const perScore =
      steps * pooling.heads * width * (1 + parts) +
      pooling.heads * width * parts * hidden +
      hidden * (2 + causeNames.length);
    return {
      parameters: parameterCount(network),
      macsPerSecond: Math.round(macs + framesPerSecond * perStep + perScore),
    };
  },
};

const trunkGroup = (index: number) => `trunk.${index}`;

function trunkLayouts(
  { kernel, separable, channels }: Convolution,
  index: number,
  before?: Convolution,
): ArrayLayout[] {
  const name = `trunk.${index}`;
  const inputs = before?.channels ?? 1;
  const [from, to] = [before ? trunkGroup(index - 1) : undefined, trunkGroup(index)];
  const reads = before ? [2] : [];
  const filters: ArrayLayout[] = separable
    ? [
        {
          ...{ name: `${name}.depthwise`, view: [...kernel, inputs, 1] },
          ...{ axes: [undefined, undefined, from, undefined], reads },
        },
        { name: `${name}.pointwise`, view: [1, 1, inputs, channels], axes: [undefined, undefined, from, to] },
      ]
    : [{ name: `${name}.kernel`, view: [...kernel, inputs, channels], axes: [undefined, undefined, from, to], reads }];
  return [...filters, ...normalisation(name, channels, to)];
}

function memoryLayouts(memory: NetworkConfiguration['memory'], width: number): ArrayLayout[] {
  if (memory.kind === 'lstm') {
    return [
      {
        ...{ name: 'lstm.kernel', view: [2, width, 4, width] },
        ...{ axes: [undefined, 'width', undefined, 'width'], reads: [1] },
      },
      { name: 'lstm.bias', view: [4, width], axes: [undefined, 'width'] },
    ];
  }
  return memory.dilations.flatMap((_, unit) => {
    const owner = (part: string) => ({ group: 'delays', unit, rename: (place: number) => `delay.${place}.${part}` });
    const kernel: ArrayLayout = {
      ...{ name: `delay.${unit}.kernel`, view: [memory.kernel, width, width] },
      ...{ axes: [undefined, 'width', 'width'], reads: [1], owner: owner('kernel') },
    };
    // What a layer adds is in proportion to its gain and shift together: they are what lets it through.
    const normalised = normalisation(`delay.${unit}`, width, 'width').map((layout): ArrayLayout => {
      const part = layout.name.split('.').at(-1) as string;
      return { ...layout, owner: { ...owner(part), reads: part === 'gain' || part === 'shift' } };
    });
    return [kernel, ...normalised];
  });
}

function normalisation(name: string, size: number, group?: string): ArrayLayout[] {
  return ['gain', 'shift', 'mean', 'variance'].map((part) => ({
    name: `${name}.${part}`,
    view: [size],
    axes: [group],
  }));
}
