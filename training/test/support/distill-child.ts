// Trains the tiny student on synthetic clips into the folder that is named: a process of its own that can be killed.
import { distill } from '../../src/distill/distill.ts';
import { syntheticData } from './synthetic.ts';
import { tinyStudent } from './tiny-student.ts';

distill({
  out: process.argv[2] as string,
  student: tinyStudent,
  sources: { train: ['synthetic'], validation: ['other'] },
  train: syntheticData(1, 5, 16),
  validation: syntheticData(2, 1, 16),
  seed: 7,
});
