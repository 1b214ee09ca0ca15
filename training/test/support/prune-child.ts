// Prunes the tiny student on synthetic clips into the folder that is named; kills itself after so many steps, if told to.
import { prune } from '../../src/prune/prune.ts';
import { studentSubject } from '../../src/prune/student-subject.ts';
import { initialWeights } from '../../src/student/weights.ts';
import { quarter } from './pruning.ts';
import { syntheticData } from './synthetic.ts';
import { tinyStudent } from './tiny-student.ts';

const [out, killAfter = Number.POSITIVE_INFINITY] = process.argv.slice(2);
let steps = 0;
prune({
  out: out as string,
  subject: studentSubject({
    ...{ student: tinyStudent, weights: initialWeights(tinyStudent.network, 1), pruning: quarter },
    ...{ train: syntheticData(1, 3, 16), validation: syntheticData(2, 1, 16) },
  }),
  pruning: quarter,
  sources: { initial: 'tiny', train: ['synthetic'], validation: ['other'] },
  seed: 7,
  progress: {
    start() {},
    advance() {
      if (++steps === Number(killAfter)) process.kill(process.pid, 'SIGKILL');
    },
    stop() {},
  },
});
