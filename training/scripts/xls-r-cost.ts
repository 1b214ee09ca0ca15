// What the XLS-R teachers cost in memory and time, as a table; the pace is measured on a random network of the smallest shape.
// node --import tsx training/scripts/xls-r-cost.ts
import { tensorflowPackage, tf } from '../src/tensorflow.ts';
import { Backbone } from '../src/xls-r/backbone.ts';
import { backboneCost, publishedBackbones } from '../src/xls-r/cost.ts';

/** A clip of 7.68 s. */
const samples = 122_880;
const measuredLayers = 4;

/** Operations per second of processor time (of wall time on a GPU), in units of 1e9. */
function measurePace(): number {
  const configuration = publishedBackbones['300m'];
  // Any numbers do: they take as long.
  const values = (shape: readonly number[]) => {
    const size = shape.reduce((product, axis) => product * axis, 1);
    return { values: Float32Array.from({ length: size }, (_, n) => 0.02 * Math.sin(n)) };
  };
  const backbone = new Backbone(configuration, { read: (_, shape) => values(shape) }, { layers: measuredLayers });
  const waveform = tf.tensor2d(values([1, samples]).values, [1, samples]);
  const run = () => {
    const [state] = backbone.hiddenStates(waveform, [measuredLayers]);
    state?.dataSync();
    state?.dispose();
  };
  run(); // the first is slower
  const seconds = tensorflowPackage.endsWith('gpu')
    ? () => performance.now() / 1e3
    : () => {
        const { user, system } = process.cpuUsage();
        return (user + system) / 1e6;
      };
  const start = seconds();
  const runs = 3;
  for (let n = 0; n < runs; n++) run();
  return (runs * backboneCost(configuration, measuredLayers, samples).flops) / (seconds() - start) / 1e9;
}

const pace = measurePace();
console.log(
  `${tensorflowPackage}: ${pace.toFixed(0)} GFLOP/s; ${Math.round(process.memoryUsage().rss / 1e6)} MB resident`,
);
const cases = [
  ['300m', 5],
  ['300m', 21],
  ['1b', 10],
  ['1b', 41],
  ['2b', 10],
  ['2b', 41],
] as const;
console.table(
  cases.map(([size, layers]) => {
    const { parameters, weightBytes, flops } = backboneCost(publishedBackbones[size], layers, samples);
    return {
      network: size,
      layers,
      'parameters, M': Math.round(parameters / 1e6),
      'weights, GB': Number((weightBytes / 1e9).toFixed(1)),
      'GFLOP per clip': Math.round(flops / 1e9),
      's per clip': Number((flops / 1e9 / pace).toFixed(1)),
    };
  }),
);
