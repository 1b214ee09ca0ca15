/** A process with a scorer of its own: says the scorer process's id, and waits to be killed. */
import { Scorer } from '../../src/index.ts';

const scorer = await Scorer.create({ sockets: 1 });
const { processes } = await scorer.getStats();
console.log(processes[0]?.pid);
