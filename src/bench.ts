import * as tf from '@tensorflow/tfjs-node';
import { networkSchema } from '/work/main/training/src/student/configuration.ts';
import { squaredError } from '/work/main/training/src/student/losses.ts';
import { type BatchStatistics, Network } from '/work/main/training/src/student/network.ts';
import { initialWeights, parameterCount } from '/work/main/training/src/student/weights.ts';

const confs: Record<string, any> = JSON.parse(process.argv[2]!);
for (const [n, c] of Object.entries(confs)) {
  const conf = networkSchema.parse(c);
  const net = new Network(conf, initialWeights(conf, 1));
  const B = 32;
  const x = tf.randomNormal([B, 768, 64], 0, 1, 'float32', 7) as tf.Tensor3D;
  const y = tf.fill([B], 3);
  const ones = tf.ones([B]);
  const vars = [...net.trainable().values()];
  const ts: number[] = [];
  for (let i = 0; i < 8; i++) {
    const t0 = performance.now();
    tf.tidy(() => {
      const statistics: BatchStatistics = new Map();
      const { value, grads } = tf.variableGrads(
        () => squaredError(net.heads(net.trunk(x, { statistics }).steps).mos, y, ones),
        vars as any,
      );
      value.dataSync();
      for (const g of Object.values(grads)) g.dataSync();
      for (const s of statistics.values()) tf.dispose([s.mean, s.variance]);
    });
    ts.push(performance.now() - t0);
  }
  ts.sort((a, b) => a - b);
  console.log(
    n,
    parameterCount(conf),
    'params',
    ((B * 1000) / ts[3]!).toFixed(1),
    'clips/s',
    ((B * 1000) / ts[0]!).toFixed(1),
  );
  net.dispose();
}
